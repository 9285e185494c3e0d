import { atLeast, type Major } from "../../postgres/versions.js";

/*
 * What of a cluster is compared before and after an upgrade, as SQL for each version. Each query gives rows (kind, name, value);
 * what stands in them means the same at every version, so that two of them can be compared line by line. Members of extensions
 * are left out: another version of an extension has others.
 */

/** Privileges that a version has and the other has not come with every default: MAINTAIN, from 17 on. */
const privileges = (acl: string) =>
  `(select string_agg(a.grantee::regrole::text || '=' || a.privilege_type || case when a.is_grantable then '*' else '' end, ',' order by a.grantee::regrole::text, a.privilege_type) from aclexplode(${acl}) a where a.privilege_type <> 'MAINTAIN')`;

/** Of the cluster; asked in any database. */
export function clusterSql(version: Major): string {
  const has = (major: Major) => atLeast(version, major);
  const attributes = [
    ...["rolsuper", "rolinherit", "rolcreaterole", "rolcreatedb", "rolcanlogin"],
    ...(has("9.1") ? ["rolreplication"] : ["'-'"]),
    ...(has("9.5") ? ["rolbypassrls"] : ["'-'"]),
  ].map((column) => `${column}::text`);
  return [
    `select 'role', rolname::text, array_to_string(array[${attributes.join(", ")}, rolconnlimit::text, coalesce(extract(epoch from rolvaliduntil)::text, ''), md5(coalesce(rolpassword, ''))]::text[], ' ') from pg_catalog.pg_authid where rolname !~ '^pg_'`,
    "select distinct 'membership', m.rolname || ' in ' || g.rolname, '' from pg_catalog.pg_auth_members a join pg_catalog.pg_authid m on m.oid = a.member join pg_catalog.pg_authid g on g.oid = a.roleid",
    `select 'database', d.datname::text, array_to_string(array[r.rolname, pg_catalog.pg_encoding_to_char(d.encoding), d.datcollate, d.datctype, d.datistemplate::text, d.datallowconn::text, d.datconnlimit::text, t.spcname]::text[], ' ') from pg_catalog.pg_database d join pg_catalog.pg_authid r on r.oid = d.datdba join pg_catalog.pg_tablespace t on t.oid = d.dattablespace where d.datname <> 'template0'`,
    // Of template0 too: by that new databases are made.
    ...(has("15") ? ["select 'provider', d.datname::text, d.datlocprovider::text from pg_catalog.pg_database d"] : []),
    // Until 15 a locale of ICU's stands as it was written, and a dump brings it as a language tag.
    ...(has("16")
      ? [
          `select 'locale', d.datname::text, coalesce(d.${has("17") ? "datlocale" : "daticulocale"}, '') || ' ' || coalesce(d.daticurules, '') from pg_catalog.pg_database d`,
        ]
      : []),
    ...(has("9.5")
      ? [
          `select 'privileges of a database', d.datname::text, ${privileges("coalesce(d.datacl, acldefault('d', d.datdba))")} from pg_catalog.pg_database d where d.datname <> 'template0'`,
        ]
      : []),
    `select 'setting', coalesce(d.datname, '*') || ' ' || coalesce(r.rolname, '*') || ' ' || split_part(s.one, '=', 1), s.one from (select setdatabase, setrole, unnest(setconfig) as one from pg_catalog.pg_db_role_setting) s left join pg_catalog.pg_database d on d.oid = s.setdatabase left join pg_catalog.pg_authid r on r.oid = s.setrole`,
    `select 'tablespace', t.spcname::text, r.rolname || ' ' || ${has("9.2") ? "pg_catalog.pg_tablespace_location(t.oid)" : "t.spclocation"} from pg_catalog.pg_tablespace t join pg_catalog.pg_authid r on r.oid = t.spcowner where t.spcname !~ '^pg_'`,
  ].join("\nunion all\n");
}

/** Not of the system, not of a session. */
const user = (namespace: string) =>
  `exists (select 1 from pg_catalog.pg_namespace n where n.oid = ${namespace} and n.nspname <> 'information_schema' and n.nspname !~ '^pg_')`;

/** Of one database; asked in it. */
export function databaseSql(version: Major): string {
  const has = (major: Major) => atLeast(version, major);
  const own = (table: string, id: string) =>
    has("9.1")
      ? `not exists (select 1 from pg_catalog.pg_depend x where x.classid = 'pg_catalog.${table}'::regclass and x.objid = ${id} and x.deptype = 'e')`
      : "true";
  const count = (kind: string, from: string, where: string) =>
    `select 'count', '${kind}', count(*)::text from pg_catalog.${from} where ${where}`;
  const schema = (namespace: string) => `(select n.nspname from pg_catalog.pg_namespace n where n.oid = ${namespace})`;
  const hasOwnPrivileges = has("9.5");
  return [
    `select 'relations', ${schema("c.relnamespace")} || ' ' || c.relkind::text, count(*)::text from pg_catalog.pg_class c where ${user("c.relnamespace")} and c.relkind in ('r', 'S', 'v', 'm', 'f', 'p') and ${own("pg_class", "c.oid")} group by c.relnamespace, c.relkind`,
    `select 'indexes', ${schema("c.relnamespace")}::text, count(*)::text from pg_catalog.pg_index i join pg_catalog.pg_class c on c.oid = i.indrelid where ${user("c.relnamespace")} and c.relkind <> 't' and ${own("pg_class", "c.oid")} group by c.relnamespace`,
    `select 'columns', ${schema("c.relnamespace")}::text, count(*)::text || ' ' || sum(case when a.attnotnull then 1 else 0 end)::text || ' ' || sum(case when a.atthasdef then 1 else 0 end)::text from pg_catalog.pg_attribute a join pg_catalog.pg_class c on c.oid = a.attrelid where ${user("c.relnamespace")} and c.relkind in ('r', 'v', 'm', 'f', 'p') and a.attnum > 0 and not a.attisdropped and ${own("pg_class", "c.oid")} group by c.relnamespace`,
    `select 'functions', ${schema("p.pronamespace")}::text, count(*)::text from pg_catalog.pg_proc p where ${user("p.pronamespace")} and not exists (select 1 from pg_catalog.pg_type t where p.proname = t.typname and t.typtype in ('r', 'm') and t.typnamespace = p.pronamespace) and ${own("pg_proc", "p.oid")} group by p.pronamespace`,
    `select 'types', ${schema("t.typnamespace")}::text, count(*)::text from pg_catalog.pg_type t where ${user("t.typnamespace")} and t.typtype in ('d', 'e', 'r') and ${own("pg_type", "t.oid")} group by t.typnamespace`,
    `select 'constraints', ${schema("o.connamespace")} || ' ' || o.contype::text, count(*)::text from pg_catalog.pg_constraint o where ${user("o.connamespace")} and o.contype in ('c', 'p', 'u', 'f', 'x') and ${has("11") ? "o.conparentid = 0" : "true"} and (o.conrelid = 0 or ${own("pg_class", "o.conrelid")}) group by o.connamespace, o.contype`,
    count(
      "triggers",
      "pg_trigger t",
      `not t.tgisinternal and ${has("13") ? "t.tgparentid = 0" : "true"} and ${own("pg_trigger", "t.oid")}`,
    ),
    count(
      "rules",
      "pg_rewrite w join pg_catalog.pg_class c on c.oid = w.ev_class",
      `w.rulename <> '_RETURN' and ${user("c.relnamespace")} and ${own("pg_class", "c.oid")}`,
    ),
    count("large objects", "pg_largeobject_metadata", "true"),
    count(
      "schemas",
      "pg_namespace n",
      `n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and ${own("pg_namespace", "n.oid")}`,
    ),
    ...(has("9.1") ? ["select 'extension', extname::text, '' from pg_catalog.pg_extension"] : []),
    ...(has("9.1") ? [count("foreign servers", "pg_foreign_server s", own("pg_foreign_server", "s.oid"))] : []),
    ...(has("9.3") ? [count("event triggers", "pg_event_trigger e", own("pg_event_trigger", "e.oid"))] : []),
    ...(has("9.5") ? [count("policies", "pg_policy", "true")] : []),
    ...(has("10")
      ? [
          count("statistics objects", "pg_statistic_ext", "true"),
          count("publications", "pg_publication", "true"),
          count(
            "subscriptions",
            "pg_subscription",
            "subdbid = (select oid from pg_catalog.pg_database where datname = current_database())",
          ),
        ]
      : []),
    ...(hasOwnPrivileges
      ? [
          `select 'privileges', ${schema("c.relnamespace")} || '.' || c.relname, ${privileges("c.relacl")} from pg_catalog.pg_class c where c.relacl is not null and ${user("c.relnamespace")} and ${own("pg_class", "c.oid")}`,
          `select 'privileges of a schema', n.nspname::text, ${privileges("n.nspacl")} from pg_catalog.pg_namespace n where n.nspacl is not null and n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and ${own("pg_namespace", "n.oid")}`,
        ]
      : []),
    ...(has("10")
      ? [
          "select 'sequence', schemaname || '.' || sequencename, coalesce(last_value::text, '') from pg_catalog.pg_sequences",
        ]
      : []),
  ].join("\nunion all\n");
}

/** Until 9.6 a sequence says itself where it is; one that was never asked says so. Undefined from 10 on. */
export function sequencesSql(version: Major): string | undefined {
  if (atLeast(version, "10")) return undefined;
  return "select quote_ident(n.nspname) || '.' || quote_ident(c.relname), n.nspname || '.' || c.relname from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace where c.relkind = 'S' and n.nspname !~ '^pg_'";
}
