import pLimit from "p-limit";
import type { Server } from "../../config/site.js";
import { shownInLine } from "../../postgres/shown.js";
import { atLeast } from "../../postgres/versions.js";
import { messageOf } from "../rollout/reporter.js";
import { countersOf, inDatabase, type Live, openDatabases, walPositionOf } from "../sql/counters.js";
import { identifier } from "../sql/sql.js";
import { databasesOf } from "./compare.js";
import type { Journal, Since } from "./journal.js";
import { ask, type PrivateServer, type Workplace } from "./private.js";

export type Tell = (severity: "info" | "warning", line: string) => Promise<void>;

/** Extensions get the version that the new programs bring, before anybody uses them. One that cannot is told, and works as before. */
export async function updateExtensions(at: Workplace, server: PrivateServer, tell: Tell): Promise<void> {
  const sql =
    "select e.extname, e.extversion, a.default_version from pg_catalog.pg_extension e left join pg_catalog.pg_available_extensions a on a.name = e.extname where a.default_version is distinct from e.extversion order by 1";
  for (const database of await databasesOf(at, server)) {
    for (const [name, from, to] of await ask(at, server, database, sql)) {
      if (to === null || to === undefined) {
        await tell(
          "warning",
          `the extension ${name} ${from} in ${database} is not among those that the new programs bring`,
        );
        continue;
      }
      try {
        await ask(at, server, database, `alter extension ${identifier(name ?? "")} update`);
        await tell("info", `the extension ${name} in ${database} goes from ${from} to ${to}`);
      } catch (error) {
        await tell("warning", `the extension ${name} in ${database} stays at ${from}: ${(error as Error).message}`);
      }
    }
  }
}

/** The position in the WAL, and how often rows were written, table by table. */
export async function sinceOf(live: Live): Promise<Since> {
  const counters = await countersOf(live);
  return { time: new Date().toISOString(), wal: await walPositionOf(live), counters };
}

/** Targets of the stages: a little at once, so that no query waits long for the first plan that is of some use. 0: as declared. */
const stages = ["1", "10", "0"] as const;

/**
 * Statistics, while the server works: in three stages where there are none at all. @param missing whether only what lacks some gets
 * them: pg_upgrade of 18 brings all but those of several columns
 */
export async function makeStatistics(live: Live, missing: boolean, jobs: number, tell: Tell): Promise<void> {
  for (const stage of missing ? (["0"] as const) : stages) {
    for (const database of await openDatabases(live)) {
      const tables = (
        await inDatabase(live, database, (session) => session.query(tablesSql(live.server, missing)))
      ).map(({ name }) => name ?? "");
      if (tables.length === 0) continue;
      await tell(
        "info",
        `statistics of ${tables.length} tables of ${database}${stage === "0" ? "" : `, first with a target of ${stage}`}`,
      );
      const limit = pLimit(Math.min(jobs, tables.length));
      const queue = [...tables];
      const worker = () =>
        inDatabase(live, database, async (session) => {
          await session.query(
            stage === "0" ? "reset default_statistics_target" : `set default_statistics_target = ${stage}`,
          );
          for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
            // One that was dropped meanwhile needs none.
            await session.query(`analyze ${name}`).catch(() => undefined);
          }
        });
      await Promise.all(Array.from({ length: limit.concurrency }, () => limit(worker)));
    }
  }
}

function tablesSql({ version }: Server, missing: boolean): string {
  const kinds = atLeast(version, "10") ? "('r', 'm', 'p')" : "('r', 'm')";
  const all = `select quote_ident(n.nspname) || '.' || quote_ident(c.relname) as name from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace where c.relkind in ${kinds} and n.nspname !~ '^pg_(toast|temp)' and c.relpersistence <> 't'`;
  if (!missing) return all;
  return `${all} and (exists (select from pg_catalog.pg_statistic_ext x left join pg_catalog.pg_statistic_ext_data d on d.stxoid = x.oid where x.stxrelid = c.oid and d.stxoid is null) or (c.reltuples > 0 and not exists (select from pg_catalog.pg_statistic s where s.starelid = c.oid)))`;
}

/**
 * Indexes whose order another version of a library decides are made again, while the server works. One that cannot be is told, and
 * its collation keeps its version, so that the server goes on warning of it.
 */
export async function refreshCollations(live: Live, { plan, collations }: Journal, tell: Tell): Promise<void> {
  for (const { database, name, was, is } of collations ?? plan?.collations ?? []) {
    await inDatabase(live, database, async (session) => {
      const isDefault = name === "default";
      const [found] = await session.query(
        "select c.oid::text as oid, quote_ident(n.nspname) || '.' || quote_ident(c.collname) as quoted from pg_catalog.pg_collation c join pg_catalog.pg_namespace n on n.oid = c.collnamespace where n.nspname || '.' || c.collname = $1",
        [isDefault ? "pg_catalog.default" : name],
      );
      if (found === undefined) return;
      const indexes = await session.query(indexesSql(live.server, `${found.oid}`));
      await tell(
        "info",
        `${indexes.length} indexes of ${database} are made again for the collation ${name}, whose library was ${was} and is ${is}`,
      );
      let isWhole = true;
      for (const { name: index, how } of indexes) {
        try {
          await session.query(`reindex index ${how} ${index}`);
        } catch (error) {
          live.signal.throwIfAborted();
          isWhole = false;
          await tell(
            "warning",
            `the index ${index} of ${database} cannot be made again, and may not find what it should: ${shownInLine(messageOf(error))}. Mend it, then REINDEX INDEX ${index}`,
          );
        }
      }
      if (!isWhole) return;
      if (!isDefault) await session.query(`alter collation ${found.quoted} refresh version`);
      else if (atLeast(live.server.version, "15"))
        await session.query(`alter database ${identifier(database)} refresh collation version`);
    });
  }
}

/** Nobody waits for it from 12 on, but for what an exclusion constraint needs. */
function indexesSql({ version }: Server, collation: string): string {
  const how = atLeast(version, "12") ? "case when i.indisexclusion then '' else 'concurrently' end" : "''";
  return `select quote_ident(n.nspname) || '.' || quote_ident(c.relname) as name, ${how} as how from pg_catalog.pg_index i join pg_catalog.pg_class c on c.oid = i.indexrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace where ${collation} = any (i.indcollation::oid[]) and c.relkind = 'i' and n.nspname !~ '^pg_'`;
}
