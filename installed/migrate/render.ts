import { readFileSync } from "node:fs";
import { join } from "node:path";
import { controlPath, migrateNames } from "../../config/controlDirectory.js";
import { type Major, numberOf } from "../../postgres/versions.js";
import type { FileSet, InstalledFile } from "../folder.js";
import { type JobFacts, renderSettings } from "../jobs/settings.js";
import { regexesOf } from "./patterns.js";

/** What the migration of a server's history knows. */
export interface MigrateFacts {
  readonly job: JobFacts;
  /** The data of before the upgrade, as they were when their server was stopped, and the programs that read them. */
  readonly source: { readonly binDirectory: string; readonly dataDirectory: string; readonly version: Major };
  /** By database: patterns (`schema.table`) as pg_dump takes them, of tables whose rows are to come. */
  readonly databases: Readonly<Record<string, readonly string[]>>;
  /** As they call themselves (application_name): standbys that are declared to replay late. */
  readonly lateStandbys?: readonly string[];
  /** Seconds that a batch is to take. @default 10 */
  readonly batchSeconds?: number;
  /** Bytes of WAL that a standby may have to replay before the next batch waits. @default 128 MB */
  readonly mostLag?: number;
  /** Bytes that stay free. @default 1 GB */
  readonly reserve?: number;
  /** By how much its processes give way to others. @default 10; 0: they do not */
  readonly niceness?: number;
  /** Bytes from which on a table that nobody uses yet has its indexes made after its rows. @default 64 MB */
  readonly indexesAfter?: number;
  /** Of PostgreSQL's: how long a statement waits for a lock of somebody else's before it is tried again. @default 2s */
  readonly lockTimeout?: string;
}

/** The program, and what it reads. */
const ours = [
  "schema.sql",
  "source.sh",
  "state.sh",
  "waits.sh",
  "batch.sh",
  "after.sh",
  "status.sh",
  "migrate",
] as const;

const program = "migrate";

export function migrateFolder(controlDirectory: string): string {
  return controlPath({ controlDirectory }, "migrate");
}

/** The program that a schedule runs. */
export function migrateProgram(controlDirectory: string): string {
  return join(migrateFolder(controlDirectory), program);
}

/** In its folder: by which it connects where the OS user is not the superuser's namesake. */
export function migratePassfile(controlDirectory: string): string {
  return join(migrateFolder(controlDirectory), migrateNames.passfile);
}

/** What differs from server to server, by name. Pure. */
export function renderMigrate(facts: MigrateFacts): Readonly<Record<string, string>> {
  const { job, source, databases, lateStandbys = [] } = facts;
  const { batchSeconds = 10, mostLag = 128 * 1024 ** 2, reserve = 1024 ** 3, niceness = 10 } = facts;
  const settings = renderSettings(job, {
    source_bin: source.binDirectory,
    source_data: source.dataDirectory,
    source_version: source.version,
    source_number: numberOf(source.version),
    late_standbys: lateStandbys.map(sqlLiteral).join(", "),
    batch_seconds: batchSeconds,
    most_lag: mostLag,
    reserve,
    niceness: niceness === 0 ? "" : niceness,
    aside_bytes: facts.indexesAfter ?? 64 * 1024 ** 2,
    lock_timeout: facts.lockTimeout ?? "2s",
  });
  const lines = Object.entries(databases).flatMap(([database, patterns]) =>
    patterns.map((pattern) => `${[database, ...regexesOf(pattern)].join("\t")}\n`),
  );
  return { settings, databases: lines.join("") };
}

function sqlLiteral(text: string): string {
  const quoted = text.replaceAll("'", "''");
  return quoted.includes("\\") ? `E'${quoted.replaceAll("\\", "\\\\")}'` : `'${quoted}'`;
}

let scripts: Readonly<Record<string, InstalledFile>> | undefined;

/** The scripts are files of this project, and travel neither through the program nor into the state. */
async function scriptsOfMigrate(): Promise<Readonly<Record<string, InstalledFile>>> {
  if (scripts !== undefined) return scripts;
  const { checkout } = await import("../../toolchain/paths.mjs");
  const paths = ["jobs/common.sh", ...ours.map((name) => `migrate/${name}`)];
  scripts = Object.fromEntries(
    paths.map((path) => {
      const name = path.slice(path.lastIndexOf("/") + 1);
      const content = readFileSync(join(checkout, "installed", path), "utf8");
      return [name, { content, mode: name === program ? 0o700 : 0o600 }];
    }),
  );
  return scripts;
}

/** A server's migration. The program comes last: it goes by all the others. */
export async function migrateFiles(facts: MigrateFacts): Promise<FileSet> {
  const rendered = Object.entries(renderMigrate(facts)).map(([name, content]) => [name, { content, mode: 0o600 }]);
  const { controlDirectory, user } = facts.job;
  return {
    folder: migrateFolder(controlDirectory),
    kind: "ours",
    owner: user,
    files: { ...(Object.fromEntries(rendered) as Record<string, InstalledFile>), ...(await scriptsOfMigrate()) },
  };
}
