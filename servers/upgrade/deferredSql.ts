import { regexesOf } from "../../installed/migrate/patterns.js";
import { literal } from "../sql/sql.js";

/** The same tables that the program brings: `is_deferred` of `installed/migrate/state.sh`. On c (pg_class) and n (pg_namespace). */
export function isDeferred(patterns: readonly string[]): string {
  const each = patterns.map((pattern) => {
    const [schema, table] = regexesOf(pattern);
    return `(n.nspname ~ ${literal(schema)} and c.relname ~ ${literal(table)})`;
  });
  return `c.relkind = 'r' and n.nspname <> 'information_schema' and n.nspname <> 'pgsite_migration' and n.nspname !~ '^pg_' and (${each.join(" or ")})`;
}

export const relations = "pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace";

/** Bytes of them, with indexes. */
export function deferredSizeSql(patterns: readonly string[]): string {
  return `select coalesce(sum(pg_catalog.pg_total_relation_size(c.oid)), 0)::text as size from ${relations} where ${isDeferred(patterns)}`;
}
