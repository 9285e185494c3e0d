import { catalogue } from "../settings/catalogue.js";
import { atLeast, type Major } from "../versions.js";
import type { Unsupported, Way } from "./model.js";

/** What a newer version refuses. */
interface Row {
  readonly kind: Unsupported;
  /** The first version that refuses it; absent where no version of pg_upgrade takes it. */
  readonly from?: Major;
  /** Whether a dump takes it along: then pg_upgrade alone refuses, which keeps files and OIDs as they are. */
  readonly dumped: boolean;
  /** SQL for the old version whose rows have one column `object`; in each database, or (absent) in one. Undefined where there is nothing to look for. */
  readonly sql: (old: Major, to: Major) => string | undefined;
  /** Of the cluster as a whole: asked once. */
  readonly shared?: true;
}

/** OIDs from here on are users' objects. It is the value of old servers, whatever newer ones say. */
const firstOfUsers = 16_384;

const ofSystem = "('pg_catalog', 'information_schema')";
const temporary = "n.nspname !~ '^pg_(toast_)?temp_'";

/**
 * Columns that are stored with one of some types: directly, or within domains, arrays, composite types and ranges (9.2 on).
 * Views store nothing, so that theirs do not count.
 */
function columnsOf(types: string): (old: Major) => string {
  return (old) => {
    const ranges = atLeast(old, "9.2")
      ? "union all select r.rngtypid from pg_catalog.pg_range r, x where r.rngsubtype = x.oid"
      : "";
    return `with recursive found(oid) as (
  ${types}
  union
  select y.oid from (
    with x as (select oid from found)
    select t.oid from pg_catalog.pg_type t, x where t.typtype = 'd' and t.typbasetype = x.oid
    union all select t.oid from pg_catalog.pg_type t, x where t.typtype = 'b' and t.typelem = x.oid
    union all select c.reltype from pg_catalog.pg_class c, pg_catalog.pg_attribute a, x
      where c.relkind = 'c' and a.attrelid = c.oid and not a.attisdropped and a.atttypid = x.oid
    ${ranges}
  ) y
)
select distinct n.nspname || '.' || c.relname || '.' || a.attname as object
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
join pg_catalog.pg_attribute a on a.attrelid = c.oid
where a.attnum > 0 and not a.attisdropped and a.atttypid in (select oid from found)
and c.relkind in ('r', 'm') and ${temporary} and n.nspname not in ${ofSystem}
order by 1`;
  };
}

const named = (schema: string, ...names: readonly string[]) =>
  columnsOf(
    `select t.oid from pg_catalog.pg_type t join pg_catalog.pg_namespace tn on tn.oid = t.typnamespace
  where tn.nspname = '${schema}' and t.typname in (${names.map((name) => `'${name}'`).join(", ")})`,
  );

/** Functions of arrays that 14 gave other argument types, by the version that brought them. */
const arrayFunctions: readonly { readonly from: Major; readonly signatures: readonly string[] }[] = [
  {
    from: "9.0",
    signatures: [
      "array_append(anyarray,anyelement)",
      "array_cat(anyarray,anyarray)",
      "array_prepend(anyelement,anyarray)",
    ],
  },
  {
    from: "9.3",
    signatures: ["array_remove(anyarray,anyelement)", "array_replace(anyarray,anyelement,anyelement)"],
  },
  {
    from: "9.5",
    signatures: [
      "array_position(anyarray,anyelement)",
      "array_position(anyarray,anyelement,integer)",
      "array_positions(anyarray,anyelement)",
      "width_bucket(anyelement,anyarray)",
    ],
  },
];

function polymorphics(old: Major): string {
  const known = arrayFunctions.filter(({ from }) => atLeast(old, from)).flatMap(({ signatures }) => signatures);
  const functions = `any(array[${known.map((one) => `'${one}'`).join(", ")}]::pg_catalog.regprocedure[])`;
  const types = "('anyarray'::pg_catalog.regtype, 'anyelement'::pg_catalog.regtype)";
  return `select a.aggfnoid::pg_catalog.regprocedure::text as object from pg_catalog.pg_aggregate a
where a.aggfnoid::pg_catalog.oid >= ${firstOfUsers} and a.aggtranstype in ${types}
and (a.aggtransfn = ${functions} or a.aggfinalfn = ${functions})
union all
select o.oid::pg_catalog.regoperator::text from pg_catalog.pg_operator o
where o.oid >= ${firstOfUsers} and o.oprcode = ${functions} and o.oprleft in ${types}
order by 1`;
}

/** Who may set a setting for a role, a database or a function. */
const ofSessions: ReadonlySet<string> = new Set(["user", "superuser", "backend", "superuser-backend"]);

/** Settings that later versions know still, though they show them no more, with the value that they take. */
const hidden = [
  ["default_with_oids", "(off|false|no|0|f|n)"],
  ["ssl_renegotiation_limit", "0[a-z]*"],
] as const;

/** Of `one`, a line NAME=VALUE: whether a version has no setting of that name any more, so that whatever sets it fails. */
function ended(old: Major, to: Major): string | undefined {
  const names = [...catalogue(old)].flatMap(([key, { context }]) =>
    ofSessions.has(context) && !catalogue(to).has(key) ? [`'${key}'`] : [],
  );
  if (names.length === 0) return undefined;
  const kept = hidden.map(([name, value]) => `one !~* '^${name}=${value}$'`);
  return [`lower(split_part(one, '=', 1)) in (${names.join(", ")})`, ...kept].join(" and ");
}

const where = (condition: string | undefined, sql: string) =>
  condition === undefined ? undefined : `${sql} where ${condition} order by 1`;

/** pg_upgrade's own list (check.c), with what it comes to grief by and does not check, and whether a dump minds too. */
const rows: readonly Row[] = [
  {
    kind: "settings that ended",
    dumped: false,
    shared: true,
    sql: (old, to) =>
      where(
        ended(old, to),
        `select array_to_string(array['role ' || r.rolname, 'database ' || d.datname], ' in ') || ' (' || split_part(s.one, '=', 1) || ')' as object
from (select setdatabase, setrole, unnest(setconfig) as one from pg_catalog.pg_db_role_setting) s
left join pg_catalog.pg_roles r on r.oid = s.setrole left join pg_catalog.pg_database d on d.oid = s.setdatabase`,
      ),
  },
  {
    kind: "functions with settings that ended",
    dumped: false,
    sql: (old, to) =>
      where(
        ended(old, to),
        `select n.nspname || '.' || p.proname || '(' || pg_catalog.pg_get_function_identity_arguments(p.oid) || ') (' || split_part(p.one, '=', 1) || ')' as object
from (select oid, proname, pronamespace, unnest(proconfig) as one from pg_catalog.pg_proc where oid >= ${firstOfUsers}) p
join pg_catalog.pg_namespace n on n.oid = p.pronamespace`,
      ),
  },
  {
    kind: "reg* columns",
    // OIDs of classes, roles and types are kept, so that regclass, regrole and regtype are not among them.
    dumped: true,
    sql: named(
      "pg_catalog",
      "regcollation",
      "regconfig",
      "regdictionary",
      "regnamespace",
      "regoper",
      "regoperator",
      "regproc",
      "regprocedure",
    ),
  },
  {
    kind: "composite types of the system",
    dumped: true,
    sql: columnsOf(
      `select t.oid from pg_catalog.pg_type t left join pg_catalog.pg_namespace tn on tn.oid = t.typnamespace
  where t.typtype = 'c' and (t.oid < ${firstOfUsers} or tn.nspname = 'information_schema')`,
    ),
  },
  { kind: "line columns", from: "9.4", dumped: false, sql: named("pg_catalog", "line") },
  {
    kind: "roles called pg_",
    from: "9.6",
    dumped: false,
    shared: true,
    sql: () => "select rolname::text as object from pg_catalog.pg_roles where rolname ~ '^pg_' order by 1",
  },
  { kind: "unknown columns", from: "10", dumped: false, sql: named("pg_catalog", "unknown") },
  { kind: "abstime", from: "12", dumped: false, sql: named("pg_catalog", "abstime", "reltime", "tinterval") },
  { kind: "sql_identifier", from: "12", dumped: true, sql: named("information_schema", "sql_identifier") },
  {
    kind: "with oids",
    from: "12",
    dumped: true,
    sql: () => `select n.nspname || '.' || c.relname as object from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relhasoids and ${temporary} and n.nspname not in ${ofSystem} order by 1`,
  },
  {
    kind: "postfix operators",
    from: "14",
    dumped: false,
    sql: () => `select n.nspname || '.' || o.oprname || ' (' || o.oprleft::pg_catalog.regtype::text || ', none)' as object
from pg_catalog.pg_operator o join pg_catalog.pg_namespace n on n.oid = o.oprnamespace
where o.oprright = 0 and o.oid >= ${firstOfUsers} order by 1`,
  },
  { kind: "polymorphic aggregates", from: "14", dumped: false, sql: polymorphics },
  {
    kind: "encoding conversions",
    from: "14",
    dumped: false,
    sql: () => `select n.nspname || '.' || c.conname as object from pg_catalog.pg_conversion c
join pg_catalog.pg_namespace n on n.oid = c.connamespace where c.oid >= ${firstOfUsers} order by 1`,
  },
  { kind: "aclitem columns", from: "16", dumped: true, sql: named("pg_catalog", "aclitem") },
  {
    kind: "inherited not-null",
    from: "18",
    dumped: false,
    // A child whose column may be null where its parent's may not.
    sql: () => `select n.nspname || '.' || c.relname || '.' || a.attname as object from pg_catalog.pg_inherits i
join pg_catalog.pg_attribute p on p.attrelid = i.inhparent
join pg_catalog.pg_attribute a on a.attrelid = i.inhrelid and a.attname = p.attname
join pg_catalog.pg_class c on c.oid = i.inhrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where p.attnum > 0 and not p.attisdropped and not a.attisdropped and p.attnotnull and not a.attnotnull
and c.relkind in ('r', 'p', 'f') order by 1`,
  },
  {
    kind: "databases without connections",
    dumped: false,
    shared: true,
    sql: (old) => `select datname::text as object from pg_catalog.pg_database
where datname <> 'template0' and (not datallowconn${atLeast(old, "9.4") ? " or datconnlimit = -2" : ""}) order by 1`,
  },
];

/** One thing to look for on an old server before it comes to a newer version. */
export interface ToFind {
  readonly kind: Unsupported;
  readonly sql: string;
}

/**
 * What a newer version may refuse of an old one, and how it is found.
 * @param asked `database`: in each of them; `cluster`: once
 */
export function unsupportedFrom(old: Major, to: Major, asked: "database" | "cluster"): readonly ToFind[] {
  return rows
    .filter(({ shared = false }) => shared === (asked === "cluster"))
    .filter(({ from }) => from === undefined || (atLeast(to, from) && !atLeast(old, from)))
    .flatMap(({ kind, sql }) => {
      const question = sql(old, to);
      return question === undefined ? [] : [{ kind, sql: question }];
    });
}

/** Whether a way stops at something of this kind. */
export function stops(kind: Unsupported, way: Way): boolean {
  return way !== "dump" || rows.find((row) => row.kind === kind)?.dumped !== true;
}

/** Whether a dump takes it along, which is a remedy. */
export function isDumped(kind: Unsupported): boolean {
  return rows.find((row) => row.kind === kind)?.dumped === true;
}
