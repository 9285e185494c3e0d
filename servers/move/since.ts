import type { MoveMark, WrittenSince } from "../../postgres/move/model.js";
import { between, countersOf, inDatabase, type Live, openDatabases, walPositionOf } from "../sql/counters.js";

/** What is to be there again afterwards, counted by the catalogues. */
const counted = {
  databases: "select count(*)::text as n from pg_database",
  roles: "select count(*)::text as n from pg_authid",
  tablespaces: "select count(*)::text as n from pg_tablespace",
  "settings of roles and databases": "select count(*)::text as n from pg_db_role_setting",
} as const;

const inOne =
  "select (select count(*) from pg_class where relpersistence <> 't')::text || ' relations, ' || (select count(*) from pg_proc)::text || ' functions' as n";

/** Counts what a server's catalogues have: in all of it, and in each database. */
export async function countsOf(live: Live): Promise<Readonly<Record<string, string>>> {
  const found: Record<string, string> = {};
  await inDatabase(live, "postgres", async (session) => {
    for (const [name, sql] of Object.entries(counted)) found[name] = (await session.query(sql))[0]?.n ?? "";
  });
  for (const database of await openDatabases(live)) {
    const [row] = await inDatabase(live, database, (session) => session.query(inOne));
    found[`database ${database}`] = row?.n ?? "";
  }
  return found;
}

/** What tells later what was written since now. */
export async function markOf(live: Live): Promise<MoveMark> {
  const rows = await countersOf(live);
  return { lsn: await walPositionOf(live), rows };
}

/** What a server has written since a mark was made. */
export async function writtenSince(live: Live, mark: MoveMark): Promise<WrittenSince> {
  const now = await markOf(live);
  const { wal, tables } = between({ wal: mark.lsn, counters: mark.rows }, { wal: now.lsn, counters: now.rows });
  return { walBytes: Number(wal), tables };
}
