import type { Server } from "../../config/site.js";
import { between, type Counters, countersSql, inDatabase, type Live } from "../sql/counters.js";
import { namesOf } from "../sql/versions.js";
import { sinceOf } from "./after.js";
import { databasesOf } from "./compare.js";
import type { Journal, Since } from "./journal.js";
import { ask, type PrivateServer, type Workplace } from "./private.js";

/** What the new server has that the old one lacks: a rollback loses it. */
export interface Written {
  /** When clients had the new server before them. */
  readonly since: string;
  /** Bytes of WAL; what the server writes for itself is in it. */
  readonly wal: bigint;
  /** Rows inserted, changed and deleted, by `DATABASE: SCHEMA.TABLE`, the most first. */
  readonly rows: readonly { readonly table: string; readonly rows: number }[];
  /** Whether all were counted: not where the server has lost its statistics meanwhile (a crash), or a database was dropped. */
  readonly counted: boolean;
}

/** Undefined where nobody knows what it was when clients came: the upgrade did not get so far. */
export function writtenBetween({ since }: Journal, now: Since): Written | undefined {
  if (since === undefined) return undefined;
  const { wal, tables, counted } = between(since, now);
  const rows = tables.map(({ database, table, rows: count }) => ({ table: `${database}: ${table}`, rows: count }));
  return { since: since.time, wal, rows, counted };
}

/** While it runs; what sessions have done in the last seconds may not be counted yet. */
export async function nowOf(live: Live, { plan }: Journal): Promise<Since> {
  const now = await sinceOf(live);
  const asked = (database: string, sql: string) =>
    inDatabase(live, database, async (session) =>
      (await session.query(sql)).map(({ name, rows }) => [name ?? "", rows ?? ""] as const),
    );
  return { ...now, counters: await withoutHistory(now.counters, plan, asked) };
}

/** History is no new life: the old data have it. What a batch that was cut off brought is counted, and is not there. */
async function withoutHistory(
  counters: Counters,
  plan: Journal["plan"],
  asked: (database: string, sql: string) => Promise<readonly (readonly [string, string])[]>,
): Promise<Counters> {
  const less: Record<string, Counters[string]> = { ...counters };
  for (const [database, patterns] of Object.entries(plan?.deferred ?? {})) {
    const tables = counters[database];
    if (patterns.length === 0 || tables === undefined || (await asked(database, hasHistorySql)).length === 0) continue;
    const brought = new Map(await asked(database, historySql));
    less[database] = Object.fromEntries(
      Object.entries(tables).map(([table, rows]) => [table, Math.max(0, rows - Number(brought.get(table) ?? 0))]),
    );
  }
  return less;
}

const hasHistorySql =
  "select tablename as name, '' as rows from pg_catalog.pg_tables where schemaname = 'pgsite_migration' and tablename = 'tables'";
const historySql = "select nspname || '.' || relname as name, rows::text as rows from pgsite_migration.tables";

/** Once it was stopped, and runs privately: all that it will ever have. */
export async function lastOf(at: Workplace, server: PrivateServer, { plan }: Journal): Promise<Since> {
  const counters: Record<string, Record<string, number>> = {};
  for (const database of await databasesOf(at, server)) {
    const rows = await ask(at, server, database, countersSql);
    counters[database] = Object.fromEntries(rows.map(([name, count]) => [name ?? "", Number(count)]));
  }
  const [row] = await ask(at, server, "template1", `select ${namesOf(server.version).currentLsn}::text`);
  const asked = async (database: string, sql: string) =>
    (await ask(at, server, database, sql)).map(([name, rows]) => [name ?? "", rows ?? ""] as const);
  return {
    time: new Date().toISOString(),
    wal: row?.[0] ?? "",
    counters: await withoutHistory(counters, plan, asked),
  };
}

/** The new server in its place, by itself. */
export function inPlace(server: Server, journal: Journal): PrivateServer {
  const { to, programs, installUser } = journal;
  return {
    version: to,
    programs: programs.new,
    dataDirectory: server.dataDirectory,
    configuration: server.configurationDirectory,
    port: 50434,
    user: installUser,
    options: { default_transaction_read_only: "on", autovacuum: "off", archive_mode: "off" },
  };
}
