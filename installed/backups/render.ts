import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { controlPath } from "../../config/controlDirectory.js";
import { defined } from "../../postgres/defined.js";
import type { FileSet, InstalledFile } from "../folder.js";
import { type JobFacts, renderSettings } from "../jobs/settings.js";

/** What a run takes of a database. None of these: all of it, as one dump. */
export interface DatabaseRules {
  /** A table of so many bytes, without its indexes, is a dump of its own. @default none by its size */
  readonly large?: number;
  /** Patterns (`schema.table`, with * and ?) of tables that are each a dump of their own. */
  readonly tables: readonly string[];
  /** Patterns by the name of the group; the first group that fits has a table. */
  readonly groups: Readonly<Record<string, readonly string[]>>;
  /** Schemas that are each a dump of their own, without what the rules above have. */
  readonly schemas: readonly string[];
}

/** Where runs are copied to. */
export interface BackupPlace {
  readonly name: string;
  readonly folder: string;
  /** @default a folder of the server's own host */
  readonly ssh?: { readonly user: string; readonly address: string; readonly port?: number; readonly key?: string };
  /** Whether others than this site's administrators read it: it is given no passwords. */
  readonly foreign: boolean;
}

/** What the programs of a server's backups know. */
export interface BackupFacts {
  readonly job: JobFacts;
  readonly folder: string;
  /** `primary`: a run on a server that follows another does nothing. */
  readonly role: "primary" | "any";
  /** By name. None: every database that takes connections, each as a whole. */
  readonly databases: Readonly<Record<string, DatabaseRules>>;
  /** How many dumps are made at once. */
  readonly jobs: number;
  /** How many seconds a lock on a table is waited for. */
  readonly lockWait: number;
  /** How many runs stay; all zero: every one. */
  readonly keep: { readonly last: number; readonly daily: number; readonly weekly: number; readonly monthly: number };
  readonly nice?: number;
  readonly ionice?: "idle" | "best-effort";
  /** Bytes a second, of each dump and of each copy. */
  readonly rateLimit?: number;
  /** As pg_dump -Z takes it. @default pg_dump's own */
  readonly compression?: number;
  readonly places: readonly BackupPlace[];
  /** Folders of this host to which other servers' runs are copied: a drill and a restore here find them. @default none */
  readonly held?: readonly { readonly name: string; readonly folder: string }[];
}

export function backupsFolder(controlDirectory: string): string {
  return controlPath({ controlDirectory }, "backups");
}

/** The files that differ from server to server, by name. */
export function renderBackups(facts: BackupFacts): Readonly<Record<string, string>> {
  const { job, keep } = facts;
  const heading = `# Written by pgsite: server ${job.server} of the site ${job.site}. Change the stack file instead.`;
  const lines = (rows: readonly (readonly string[])[]) =>
    `${[heading, ...rows.map((row) => row.map(escaped).join("\t"))].join("\n")}\n`;
  return {
    settings: renderSettings(job, {
      backup_folder: facts.folder,
      role: facts.role,
      dump_jobs: facts.jobs,
      lock_wait: facts.lockWait,
      keep_last: keep.last,
      keep_daily: keep.daily,
      keep_weekly: keep.weekly,
      keep_monthly: keep.monthly,
      nice: facts.nice ?? "",
      ionice: facts.ionice ?? "",
      rate: facts.rateLimit ?? "",
      ...defined({ compression: facts.compression }),
    }),
    rules: lines(Object.entries(facts.databases).flatMap(([name, rules]) => rulesOf(name, rules))),
    places: lines([
      ...(facts.held ?? []).map(({ name, folder }) => ["held", name, folder]),
      ...facts.places.map(placeLine),
    ]),
  };
}

/** All files of the folder: what is rendered, the programs and what they share. */
export async function backupFiles(facts: BackupFacts): Promise<FileSet> {
  const rendered = Object.entries(renderBackups(facts)).map(([name, content]) => [name, { content, mode: 0o600 }]);
  const files = { ...(Object.fromEntries(rendered) as Record<string, InstalledFile>), ...(await scripts()) };
  return { folder: backupsFolder(facts.job.controlDirectory), kind: "ours", owner: facts.job.user, files };
}

let read: Readonly<Record<string, InstalledFile>> | undefined;

/** A program has a name without a dot. */
async function scripts(): Promise<Readonly<Record<string, InstalledFile>>> {
  const { checkout } = await import("../../toolchain/paths.mjs");
  read ??= Object.fromEntries(
    ["jobs", "backups"].flatMap((folder) =>
      readdirSync(join(checkout, "installed", folder))
        .filter((name) => !name.endsWith(".ts"))
        .sort()
        .map((name) => {
          const content = readFileSync(join(checkout, "installed", folder, name), "utf8");
          return [name, { content, mode: name.includes(".") ? 0o600 : 0o700 }];
        }),
    ),
  );
  return read;
}

function rulesOf(name: string, { large, tables, groups, schemas }: DatabaseRules): readonly (readonly string[])[] {
  return [
    ["database", name],
    ...(large === undefined ? [] : [["large", name, `${large}`]]),
    ...tables.map((pattern) => ["table", name, pattern]),
    ...Object.entries(groups).flatMap(([group, patterns]) =>
      patterns.map((pattern) => ["group", name, group, pattern]),
    ),
    ...schemas.map((schema) => ["schema", name, schema]),
  ];
}

function placeLine({ name, folder, ssh, foreign }: BackupPlace): readonly string[] {
  const remote = ssh === undefined ? "-" : `${ssh.user}@${ssh.address}`;
  return ["place", name, remote, folder, foreign ? "foreign" : "own", `${ssh?.port ?? "-"}`, ssh?.key ?? "-"];
}

/** As COPY writes a text: a field has neither tab nor line break. */
function escaped(field: string): string {
  const letters: Readonly<Record<string, string>> = {
    "\\": "\\\\",
    "\t": "\\t",
    "\n": "\\n",
    "\r": "\\r",
    "\b": "\\b",
    "\f": "\\f",
    "\v": "\\v",
  };
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  return field.replace(/[\\\t\n\r\x08\f\v]/g, (letter) => letters[letter] as string);
}
