import { atLeast } from "../../postgres/versions.js";
import { literal } from "../sql/sql.js";
import { databasesOf } from "./compare.js";
import type { Journal } from "./journal.js";
import { ask, type PrivateServer, type Workplace } from "./private.js";

/** By database, then by collation (`schema.name`, or `default`): the version of its library that indexes were made with. */
export type UsedCollations = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** Collations whose indexes another version of a library orders otherwise, maybe. */
export type StaleCollations = NonNullable<Journal["collations"]>;

/**
 * What the indexes of the old server were made with. The new one does not know it of the collations that initdb makes: pg_upgrade
 * leaves these as they are, with the new programs' version.
 */
export async function usedCollations(at: Workplace, old: PrivateServer): Promise<UsedCollations> {
  // Before 10 no collation has a version.
  if (!atLeast(old.version, "10")) return {};
  const own = atLeast(old.version, "15")
    ? " union all select 'default', datcollversion from pg_catalog.pg_database where datname = current_database() and datcollversion is not null"
    : "";
  // Of initdb's hundreds only those that an index has.
  const sql = `select n.nspname || '.' || c.collname, c.collversion from pg_catalog.pg_collation c join pg_catalog.pg_namespace n on n.oid = c.collnamespace where c.collversion is not null and (n.nspname <> 'pg_catalog' or exists (select 1 from pg_catalog.pg_index i where c.oid = any (i.indcollation::oid[])))${own}`;
  const used: Record<string, Readonly<Record<string, string>>> = {};
  for (const database of await databasesOf(at, old)) {
    const rows = await ask(at, old, database, sql);
    used[database] = Object.fromEntries(rows.map(([name, version]) => [name ?? "", version ?? ""]));
  }
  return used;
}

/** Which of them the new server's library has in another version. */
export async function staleCollations(
  at: Workplace,
  made: PrivateServer,
  used: UsedCollations,
): Promise<StaleCollations> {
  const stale: StaleCollations[number][] = [];
  for (const [database, versions] of Object.entries(used)) {
    const names = Object.keys(versions);
    if (names.length === 0) continue;
    const own = atLeast(made.version, "15")
      ? " union all select 'default', pg_catalog.pg_database_collation_actual_version(oid) from pg_catalog.pg_database where datname = current_database()"
      : "";
    const sql = `select n.nspname || '.' || c.collname, pg_catalog.pg_collation_actual_version(c.oid) from pg_catalog.pg_collation c join pg_catalog.pg_namespace n on n.oid = c.collnamespace where n.nspname || '.' || c.collname in (${names.map((name) => literal(name)).join(", ")})${own}`;
    for (const [name, is] of await ask(at, made, database, sql)) {
      const was = versions[name ?? ""];
      if (was === undefined || is === null || is === undefined || is === was) continue;
      stale.push({ database, name: name ?? "", was, is });
    }
  }
  return stale;
}
