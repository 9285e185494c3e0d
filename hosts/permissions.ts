import type { FileStatus } from "./host.js";

/** As in a difference: `0600 postgres`. */
export function permissionsOf({ mode, owner }: Pick<FileStatus, "mode" | "owner">): string {
  return `${octal(mode)} ${owner}`;
}

/** Permission bits as people write them: "0600". */
export function octal(mode: number): string {
  return mode.toString(8).padStart(4, "0");
}
