import type { Server } from "../../config/site.js";
import { type Login, type Session, withSession } from "./session.js";
import { bytesOfLsn } from "./sql.js";
import { namesOf } from "./versions.js";

/*
 * What a server has written since some moment: whoever may go back to older data says what is lost by it.
 */

/** By database, then by table (`schema.table`): rows that were inserted, changed and deleted, as the server's statistics count them. */
export type Counters = Readonly<Record<string, Readonly<Record<string, number>>>>;

/** Sessions on a server as clients have it. */
export interface Live {
  readonly server: Server;
  readonly login: Login;
  readonly signal: AbortSignal;
}

/** Of one database. What pgsite itself keeps there is nobody's rows. */
export const countersSql =
  "select schemaname || '.' || relname as name, n_tup_ins + n_tup_upd + n_tup_del as rows from pg_catalog.pg_stat_user_tables where schemaname <> 'pgsite_migration' and n_tup_ins + n_tup_upd + n_tup_del > 0";

/** Those that let anybody in; template1 too. */
export const openDatabasesSql =
  "select datname from pg_catalog.pg_database where datallowconn and datname <> 'template0' order by 1";

/** A session in a database, where only the catalogue's own names go unqualified; nobody knows how long what is asked there takes. */
export function inDatabase<T>(
  { server, login, signal }: Live,
  database: string,
  act: (session: Session) => Promise<T>,
): Promise<T> {
  return withSession(server, login, { database, queryTimeout: 0, signal }, async (session) => {
    await session.query("set search_path = pg_catalog");
    return act(session);
  });
}

export function openDatabases(live: Live): Promise<readonly string[]> {
  return inDatabase(live, "postgres", async (session) =>
    (await session.query(openDatabasesSql)).map(({ datname }) => datname ?? ""),
  );
}

/** How often rows were written, table by table. */
export async function countersOf(live: Live): Promise<Counters> {
  const counters: Record<string, Counters[string]> = {};
  for (const database of await openDatabases(live)) {
    const rows = await inDatabase(live, database, (session) => session.query(countersSql));
    counters[database] = Object.fromEntries(rows.map(({ name, rows: count }) => [name ?? "", Number(count)]));
  }
  return counters;
}

/** The position in its WAL. */
export function walPositionOf(live: Live): Promise<string> {
  return inDatabase(live, "postgres", async (session) => {
    const [row] = await session.query(`select ${namesOf(live.server.version).currentLsn}::text as lsn`);
    return row?.lsn ?? "";
  });
}

/** What lies between two moments. */
export interface Between {
  /** Bytes; what the server writes for itself is in it. */
  readonly wal: bigint;
  /** The most first. */
  readonly tables: readonly { readonly database: string; readonly table: string; readonly rows: number }[];
  /** Whether all were counted: not where the server has lost its statistics meanwhile (a crash), or something was dropped. */
  readonly counted: boolean;
}

interface Moment {
  readonly wal: string;
  readonly counters: Counters;
}

export function between(before: Moment, now: Moment): Between {
  const tables = Object.entries(now.counters).flatMap(([database, rows]) =>
    Object.entries(rows).map(([table, count]) => ({
      database,
      table,
      rows: count - (before.counters[database]?.[table] ?? 0),
    })),
  );
  const isGone = Object.entries(before.counters).some(([database, rows]) =>
    Object.keys(rows).some((table) => now.counters[database]?.[table] === undefined),
  );
  return {
    wal: bytesOfLsn(now.wal) - bytesOfLsn(before.wal),
    tables: tables.filter(({ rows }) => rows > 0).sort((one, other) => other.rows - one.rows),
    counted: !isGone && tables.every(({ rows }) => rows >= 0),
  };
}
