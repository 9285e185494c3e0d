import { chosenAtStart } from "../../postgres/settings/chosen.js";
import { atLeast, type Major } from "../../postgres/versions.js";
import { literal } from "../sql/sql.js";

/*
 * What is asked of an old server, by its version. Each names what it needs of the catalogues in full, since nobody knows what
 * search_path its sessions begin with.
 */

/** Rows of a question, newest version first. */
type ByVersion = readonly { readonly from: Major; readonly sql: string }[];

function at(version: Major, rows: ByVersion): string | undefined {
  return rows.find(({ from }) => atLeast(version, from))?.sql;
}

const database =
  "datname::text as name, pg_catalog.pg_encoding_to_char(encoding)::text as encoding, datcollate::text as collate, datctype::text as ctype";

const databaseRows: ByVersion = [
  { from: "17", sql: `${database}, datlocprovider::text as provider, datlocale as locale, daticurules as rules` },
  { from: "16", sql: `${database}, datlocprovider::text as provider, daticulocale as locale, daticurules as rules` },
  { from: "15", sql: `${database}, datlocprovider::text as provider, daticulocale as locale, null as rules` },
  { from: "9.0", sql: `${database}, 'c' as provider, null as locale, null as rules` },
];

/** Every database, with its size, and how it is made. */
export function databasesQuestion(version: Major): string {
  return `select ${at(version, databaseRows)}, datallowconn as open, pg_catalog.pg_database_size(oid)::text as size
from pg_catalog.pg_database order by datname`;
}

export const installUserQuestion = "select rolname::text as name from pg_catalog.pg_roles where oid = 10";

/**
 * Settings that somebody gave the server, and that do not say what the default does; as SHOW prints them. What the server chose at
 * its start, nobody gave it.
 */
export function settingsQuestion(version: Major): string {
  const others = chosenAtStart(version).map(
    ({ name, source }) => ` and not (source = ${literal(source)} and pg_catalog.lower(name) = ${literal(name)})`,
  );
  return `select name, pg_catalog.current_setting(name) as value from pg_catalog.pg_settings
where source in ('configuration file', 'command line', 'environment variable') and context <> 'internal'
and reset_val is distinct from boot_val${others.join("")} order by name`;
}

export const preparedQuestion = "select count(*)::text as count from pg_catalog.pg_prepared_xacts";

/** Undefined where the version has none. */
export function logicalSlotsQuestion(version: Major): string | undefined {
  const slots = "select slot_name::text as name from pg_catalog.pg_replication_slots where slot_type = 'logical'";
  return at(version, [
    { from: "10", sql: `${slots} and not temporary order by 1` },
    { from: "9.4", sql: `${slots} order by 1` },
  ]);
}

export function tablespacesQuestion(version: Major): string {
  const place = atLeast(version, "9.2") ? "pg_catalog.pg_tablespace_location(oid)" : "spclocation";
  return `select spcname::text as name, ${place} as location from pg_catalog.pg_tablespace
where spcname not in ('pg_default', 'pg_global') order by 1`;
}

/** Of one database; undefined where the version has none. */
export function extensionsQuestion(version: Major): string | undefined {
  return at(version, [
    { from: "9.1", sql: "select extname::text as name, extversion as version from pg_catalog.pg_extension order by 1" },
  ]);
}

/** Whether columns that a dump has are marked. System views of a server that marks are so too, and nobody dumps them. */
export const marksQuestion =
  "select exists (select 1 from pg_catalog.pg_attribute where attrelid >= 16384 and attoptions::text like '%pg_attver=%')::text as marked";

export function extendedStatisticsQuestion(version: Major): string | undefined {
  return at(version, [{ from: "10", sql: "select count(*)::text as count from pg_catalog.pg_statistic_ext" }]);
}

const collations = `select n.nspname || '.' || c.collname as name, c.collversion as was,
pg_catalog.pg_collation_actual_version(c.oid) as is
from pg_catalog.pg_collation c join pg_catalog.pg_namespace n on n.oid = c.collnamespace
where c.collversion is not null and pg_catalog.pg_collation_actual_version(c.oid) is distinct from c.collversion`;

/** Collations of one database whose library has another version than when they were made, the database's own among them. */
export function collationsQuestion(version: Major): string | undefined {
  return at(version, [
    {
      from: "15",
      sql: `${collations}
union all
select 'default', datcollversion, pg_catalog.pg_database_collation_actual_version(oid) from pg_catalog.pg_database
where datname = pg_catalog.current_database() and datcollversion is not null
and pg_catalog.pg_database_collation_actual_version(oid) is distinct from datcollversion`,
    },
    { from: "10", sql: collations },
  ]);
}

/** ICU's collations that indexes may be made with, and the database's own; undefined where the version has none. */
export function icuQuestion(version: Major): string | undefined {
  if (!atLeast(version, "10")) return undefined;
  const locale = (of: "coll" | "dat") =>
    atLeast(version, "17") ? `${of}locale` : atLeast(version, "15") ? `${of}iculocale` : "collcollate";
  const own = atLeast(version, "15")
    ? `
union all
select 'default', datcollversion, ${locale("dat")} from pg_catalog.pg_database
where datname = pg_catalog.current_database() and datlocprovider = 'i' and datcollversion is not null`
    : "";
  return `select n.nspname || '.' || c.collname as name, c.collversion as was, c.${locale("coll")} as locale
from pg_catalog.pg_collation c join pg_catalog.pg_namespace n on n.oid = c.collnamespace
where c.collprovider = 'i' and c.collversion is not null and (n.nspname <> 'pg_catalog'
or exists (select 1 from pg_catalog.pg_index i where c.oid = any (i.indcollation::oid[])))${own}`;
}
