import { shownInLine } from "../../postgres/shown.js";
import type { Way } from "../../postgres/upgrade/model.js";

export function wayInWords(way: Way): string {
  switch (way) {
    case "clone":
      return "pg_upgrade, which clones the files (--clone)";
    case "copy":
      return "pg_upgrade, which copies the files (--copy)";
    case "link":
      return "pg_upgrade, which shares the files with the old data (--link)";
    case "dump":
      return "dump and restore, database by database";
  }
}

/** The first of many, and how many more. */
export function list(names: readonly string[], most = 10): string {
  const shown = names.slice(0, most).map(shownInLine).join(", ");
  return names.length > most ? `${shown} and ${names.length - most} more` : shown;
}
