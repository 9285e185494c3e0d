import type { Server } from "../../config/site.js";
import type { MoveMark, WrittenSince } from "../../postgres/move/model.js";
import { type Login, type Session, withSession } from "../sql/session.js";
import { bytesOfLsn } from "../sql/sql.js";
import { namesOf } from "../sql/versions.js";

/** What is to be there again afterwards, counted by the catalogues. */
const counted = {
  databases: "select count(*)::text as n from pg_database",
  roles: "select count(*)::text as n from pg_authid",
  tablespaces: "select count(*)::text as n from pg_tablespace",
  "settings of roles and databases": "select count(*)::text as n from pg_db_role_setting",
} as const;

/** Counts what a server's catalogues have: in all of it, and in each database. */
export async function countsOf(
  server: Server,
  login: Login,
  signal: AbortSignal,
): Promise<Readonly<Record<string, string>>> {
  const found: Record<string, string> = {};
  await withSession(server, login, { signal }, async (session) => {
    for (const [name, sql] of Object.entries(counted)) found[name] = (await session.query(sql))[0]?.n ?? "";
  });
  await eachDatabase(server, login, signal, async (database, session) => {
    const [row] = await session.query(
      "select (select count(*) from pg_class where relpersistence <> 't')::text || ' relations, ' || (select count(*) from pg_proc)::text || ' functions' as n",
    );
    found[`database ${database}`] = row?.n ?? "";
  });
  return found;
}

/** What tells later what was written since now. */
export async function markOf(server: Server, login: Login, signal: AbortSignal): Promise<MoveMark> {
  const rows: Record<string, Record<string, number>> = {};
  await eachDatabase(server, login, signal, async (database, session) => {
    const found = await session.query(
      "select schemaname || '.' || relname as name, (n_tup_ins + n_tup_upd + n_tup_del)::text as n from pg_stat_user_tables",
    );
    rows[database] = Object.fromEntries(found.map(({ name, n }) => [name ?? "", Number(n)]));
  });
  const lsn = await withSession(server, login, { signal }, async (session) => {
    const [row] = await session.query(`select ${namesOf(server.version).currentLsn}::text as lsn`);
    return row?.lsn ?? "0/0";
  });
  return { lsn, rows };
}

/** What a server has written since a mark was made. */
export async function writtenSince(
  server: Server,
  login: Login,
  mark: MoveMark,
  signal: AbortSignal,
): Promise<WrittenSince> {
  const now = await markOf(server, login, signal);
  const tables = Object.entries(now.rows).flatMap(([database, byTable]) =>
    Object.entries(byTable).flatMap(([table, rows]) => {
      const more = rows - (mark.rows[database]?.[table] ?? 0);
      return more > 0 ? [{ database, table, rows: more }] : [];
    }),
  );
  const walBytes = Number(bytesOfLsn(now.lsn) - bytesOfLsn(mark.lsn));
  return { walBytes, tables: tables.sort((one, other) => other.rows - one.rows) };
}

export async function databasesOf(server: Server, login: Login, signal: AbortSignal): Promise<readonly string[]> {
  const rows = await withSession(server, login, { signal }, (session) =>
    session.query("select datname from pg_database where datallowconn and not datistemplate order by 1"),
  );
  return rows.map(({ datname }) => datname ?? "");
}

async function eachDatabase(
  server: Server,
  login: Login,
  signal: AbortSignal,
  act: (database: string, session: Session) => Promise<void>,
): Promise<void> {
  for (const database of await databasesOf(server, login, signal)) {
    await withSession(server, login, { database, signal }, (session) => act(database, session));
  }
}
