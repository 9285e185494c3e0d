import type { Server } from "../../config/site.js";
import { isOfHost } from "../../hosts/host.js";
import { hostOf } from "../../hosts/index.js";
import { migrateProgram } from "../../installed/migrate/render.js";
import { defined } from "../../postgres/defined.js";
import { type JobEvent, numberIn, parseEvent } from "../backups/events.js";

export type TableStatus = "rows" | "after" | "done" | "refused" | "failed";

/** Why nothing goes on in a database at this moment. */
export type Waiting = "paused" | "lag" | "disk" | "standby" | "server" | "retry" | "not-begun";

export interface MigratedTable {
  readonly schema: string;
  readonly table: string;
  /** `rows` come; `after`: they are there, indexes, checks and statistics are to follow. */
  readonly status: TableStatus;
  /** Of one that is refused or has failed: a word of the program's, or an SQLSTATE. */
  readonly reason?: string;
  readonly detail?: string;
  readonly rows: number;
  /** As the source's statistics have them, while rows come. */
  readonly ofRows: number;
  readonly bytes: number;
  /** 0 to 100. */
  readonly percent: number;
  readonly batches: number;
}

export interface MigratedDatabase {
  readonly database: string;
  readonly paused: boolean;
  /** Rows a second. @default as fast as it goes */
  readonly throttle?: number;
  readonly waits?: { readonly for: Waiting; readonly detail: string; readonly since?: number };
  /** Rows a second, of the last ten minutes. */
  readonly rate?: number;
  /** Seconds. */
  readonly left?: number;
  readonly tables: readonly MigratedTable[];
}

/** The migration of a server's history. */
export interface MigrationReport {
  readonly server: string;
  readonly host: string;
  readonly databases: readonly MigratedDatabase[];
  /** Whether a run goes on, and whether the old server runs. */
  readonly running: boolean;
  readonly sourceRunning: boolean;
}

export type Migration =
  | ({ readonly code: "known" } & MigrationReport)
  /** Nothing was deferred there, or it is through and committed. */
  | { readonly code: "none"; readonly server: string; readonly host: string }
  | { readonly code: "unknown"; readonly server: string; readonly host: string; readonly because: string };

/** The exit status of a shell that finds no such program. */
const notFound = 127;
/** Milliseconds. */
const patience = 120_000;

/** How far the history of a server is. */
export async function askMigration(
  { name: server, host: spec, controlDirectory }: Pick<Server, "name" | "host" | "controlDirectory">,
  signal?: AbortSignal,
): Promise<Migration> {
  const at = { server, host: spec.name };
  try {
    const program = migrateProgram(controlDirectory);
    const run = await hostOf(spec).run([program, "--events", "status"], { ...defined({ signal }), timeout: patience });
    signal?.throwIfAborted();
    if (run.code === notFound) return { code: "none", ...at };
    const events = run.stdout
      .split("\n")
      .filter((line) => line !== "")
      .map(parseEvent);
    const end = events.at(-1);
    // Without its last word nobody knows how much of it is missing.
    if (run.code !== 0 || end?.word !== "end") return { code: "unknown", ...at, because: run.stderr.trim() };
    return {
      code: "known",
      ...at,
      databases: databasesOf(events),
      running: end.fields[0] === "1",
      sourceRunning: end.fields[1] === "1",
    };
  } catch (error) {
    signal?.throwIfAborted();
    if (!isOfHost(error)) throw error;
    return { code: "unknown", ...at, because: (error as Error).message };
  }
}

/** Whether all that was deferred is there: without that, nothing may take the old data away. */
export function isThrough(migration: Migration): boolean {
  if (migration.code !== "known") return migration.code === "none";
  return migration.databases.every(
    ({ waits, tables }) => waits?.for !== "not-begun" && tables.every(({ status }) => status === "done"),
  );
}

/** Says something to it: `pause`, `resume`, `throttle` … @throws with what it says where it does not take it */
export async function tellMigration(
  { host: spec, controlDirectory }: Pick<Server, "host" | "controlDirectory">,
  args: readonly string[],
  signal?: AbortSignal,
): Promise<void> {
  const program = migrateProgram(controlDirectory);
  const run = await hostOf(spec).run([program, "--events", ...args], { ...defined({ signal }), timeout: patience });
  signal?.throwIfAborted();
  if (run.code !== 0) throw new Error(`${program} on ${spec.name} ended with ${run.code}: ${run.stderr.trim()}`);
}

function databasesOf(events: readonly JobEvent[]): readonly MigratedDatabase[] {
  return events
    .filter(({ word }) => word === "database")
    .map(({ fields: [database = "", paused, throttle, waits, detail, since, rate, left] }) => ({
      database,
      paused: paused === "1",
      ...defined({ throttle: numberIn(throttle), rate: numberIn(rate), left: numberIn(left) }),
      ...(given(waits) === undefined
        ? {}
        : {
            waits: {
              for: waits as Waiting,
              detail: given(detail) ?? "",
              ...defined({ since: numberIn(since) }),
            },
          }),
      tables: events.filter(({ word, fields }) => word === "table" && fields[0] === database).map(tableOf),
    }));
}

function tableOf({ fields }: JobEvent): MigratedTable {
  const [, schema = "", table = "", status, reason, detail, rows, ofRows, bytes, percent, batches] = fields;
  return {
    schema,
    table,
    status: status as TableStatus,
    ...defined({ reason: given(reason), detail: given(detail) }),
    rows: Number(rows),
    ofRows: Number(ofRows),
    bytes: Number(bytes),
    percent: Number(percent),
    batches: Number(batches),
  };
}

function given(field: string | undefined): string | undefined {
  return field === undefined || field === "" || field === "-" ? undefined : field;
}
