import type { Server } from "../../config/site.js";
import { bytesOfLsn } from "../sql/sql.js";
import { namesOf } from "../sql/versions.js";
import { countersSql, type Live, sinceOf } from "./after.js";
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
  let counted = true;
  const rows = Object.entries(now.counters).flatMap(([database, tables]) =>
    Object.entries(tables).map(([table, count]) => ({
      table: `${database}: ${table}`,
      rows: count - (since.counters[database]?.[table] ?? 0),
    })),
  );
  if (rows.some((one) => one.rows < 0)) counted = false;
  for (const [database, tables] of Object.entries(since.counters)) {
    for (const table of Object.keys(tables)) if (now.counters[database]?.[table] === undefined) counted = false;
  }
  const wal = bytesOfLsn(now.wal) - bytesOfLsn(since.wal);
  const found = rows.filter((one) => one.rows > 0).sort((one, other) => other.rows - one.rows);
  return { since: since.time, wal, rows: found, counted };
}

/** While it runs; what sessions have done in the last seconds may not be counted yet. */
export function nowOf(live: Live): Promise<Since> {
  return sinceOf(live);
}

/** Once it was stopped, and runs privately: all that it will ever have. */
export async function lastOf(at: Workplace, server: PrivateServer): Promise<Since> {
  const counters: Record<string, Record<string, number>> = {};
  for (const database of await databasesOf(at, server)) {
    const rows = await ask(at, server, database, countersSql);
    counters[database] = Object.fromEntries(rows.map(([name, count]) => [name ?? "", Number(count)]));
  }
  const [row] = await ask(at, server, "template1", `select ${namesOf(server.version).currentLsn}::text`);
  return { time: new Date().toISOString(), wal: row?.[0] ?? "", counters };
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
