import { readFileSync } from "node:fs";
import { join } from "node:path";
import { checkout } from "../../../toolchain/paths.mjs";
import type { Kept } from "./files.js";
import type { Shown } from "./processes.js";
import { type Kind, kinds } from "./secrets.js";

/** A file that docs/security.md names: what it may hold, and the most that its mode may allow. */
export interface AllowedFile {
  readonly place: string;
  readonly mode: number;
  readonly holds: readonly Kind[];
}

export interface AllowedProcess {
  readonly process: string;
  readonly holds: readonly Kind[];
}

/** The tables of docs/security.md that say where secrets are; everything else is a leak. */
export function documented(): {
  readonly files: readonly AllowedFile[];
  /** The same of backups: there are some where a stack declares any. */
  readonly backups: readonly AllowedFile[];
  /** The same of clients' files. */
  readonly clients: readonly AllowedFile[];
  readonly processes: readonly AllowedProcess[];
} {
  const text = readFileSync(join(checkout, "docs", "security.md"), "utf8");
  return {
    files: filesUnder(text, "Files that hold a secret"),
    backups: filesUnder(text, "Files of backups that hold a secret"),
    clients: filesUnder(text, "Files of clients that hold a secret"),
    processes: tableUnder(text, "Processes that hold a secret in their environment").map(
      ([process = "", holds = ""]) => ({
        process,
        holds: kindsIn(holds),
      }),
    ),
  };
}

function filesUnder(text: string, heading: string): readonly AllowedFile[] {
  return tableUnder(text, heading).map(([place = "", mode = "", holds = ""]) => ({
    place: place.replaceAll("`", ""),
    mode: Number.parseInt(mode, 8),
    holds: kindsIn(holds),
  }));
}

function kindsIn(cell: string): readonly Kind[] {
  return cell.split(", ").map((name) => {
    const kind = kinds.find((one) => one === name);
    if (kind === undefined)
      throw new Error(`docs/security.md: "${name}" is no kind of secret; there are ${kinds.join(", ")}`);
    return kind;
  });
}

/** The rows of the table below a heading, cell by cell. */
function tableUnder(text: string, heading: string): readonly (readonly string[])[] {
  const lines = text.split("\n");
  const at = lines.findIndex((line) => /^#+ /.test(line) && line.endsWith(heading));
  if (at < 0) throw new Error(`docs/security.md has no heading "${heading}"`);
  const begin = lines.findIndex((line, index) => index > at && line.startsWith("|"));
  const end = lines.findIndex((line, index) => index > begin && !line.startsWith("|"));
  return lines.slice(begin + 2, end).map((line) =>
    line
      .slice(1, -1)
      .split("|")
      .map((cell) => cell.trim()),
  );
}

/** What stands for which paths of a test in a document's places: `DATADIRECTORY` → paths. */
export type Stands = Readonly<Record<string, readonly string[]>>;

/** Files that docs/security.md does not name, or not with that secret, or not so readable. */
export function undocumented(found: readonly Kept[], stands: Stands): readonly string[] {
  const { files: others, backups, clients } = documented();
  const files = [...others, ...backups, ...clients];
  return found
    .filter(({ path, mode, kind }) => {
      const may = files.filter(({ place, holds }) => holds.includes(kind) && pattern(place, stands).test(path));
      return !may.some((one) => (Number.parseInt(mode, 8) & ~one.mode) === 0);
    })
    .map(({ machine, path, mode, kind }) => `${kind} in ${path} (${mode}) on ${machine}`)
    .sort();
}

/** Rows of the table that nothing was found for: a table that allows what is not there is no table. */
export function unused(
  found: readonly Kept[],
  stands: Stands,
  table: readonly AllowedFile[] = documented().files,
): readonly string[] {
  return table.flatMap(({ place, holds }) =>
    holds
      .filter((kind) => !found.some((one) => one.kind === kind && pattern(place, stands).test(one.path)))
      .map((kind) => `${place}: ${kind}`),
  );
}

/** Processes that docs/security.md does not name with that secret in their environment, and any command line with one. */
export function undocumentedProcesses(found: readonly Shown[]): readonly string[] {
  const { processes } = documented();
  return found
    .filter(({ where, process, kind }) => {
      return where === "command line" || !processes.some((one) => one.process === process && one.holds.includes(kind));
    })
    .map(
      ({ where, process, kind }) =>
        `${kind} ${where === "environment" ? "in the environment" : "on the command line"} of ${process}`,
    )
    .sort();
}

/** `*` is anything within a folder, `**` anything. */
function pattern(place: string, stands: Stands): RegExp {
  const literal = (text: string) => text.replace(/[.+?^${}()|[\]\\]/g, "\\$&");
  const body = literal(place)
    .replaceAll("**", "\0")
    .replaceAll("*", "[^/]*")
    .replaceAll("\0", ".*")
    .replace(/[A-Z]{4,}/, (name) => `(?:${(stands[name] ?? []).map(literal).join("|") || "(?!)"})`);
  return new RegExp(`^${body}$`);
}
