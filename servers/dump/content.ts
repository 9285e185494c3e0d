import { type Content, contentKinds } from "../../postgres/dumps/model.js";
import { atLeast, type Major } from "../../postgres/versions.js";
import type { Session } from "../sql/session.js";

/**
 * FirstNormalObjectId: what has a lower OID is there in every new database. What belongs to an extension is the extension's, and
 * extensions themselves do not count: a dump makes those that it needs if they are not there.
 */
const own = (catalogue: string, alias: string) =>
  `${alias}.oid >= 16384 and not exists (select 1 from pg_depend e where e.classid = '${catalogue}'::regclass and e.objid = ${alias}.oid and e.deptype = 'e')`;

/** Objects of a kind with a name for people, by the first version that has it. */
const kinds: readonly { readonly kind: Content["kind"]; readonly from: Major; readonly sql: string }[] = [
  {
    kind: "relation",
    from: "9.0",
    sql: `select n.nspname || '.' || c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relkind in ('r', 'v', 'm', 'S', 'f', 'p') and n.nspname !~ '^pg_(toast|temp)' and ${own("pg_class", "c")}`,
  },
  {
    kind: "function",
    from: "9.0",
    sql: `select n.nspname || '.' || p.proname from pg_proc p join pg_namespace n on n.oid = p.pronamespace where ${own("pg_proc", "p")} and not exists (select 1 from pg_language l where p.oid in (l.lanplcallfoid, l.laninline, l.lanvalidator))`,
  },
  {
    kind: "type",
    from: "9.0",
    sql: `select n.nspname || '.' || t.typname from pg_type t join pg_namespace n on n.oid = t.typnamespace where t.typrelid = 0 and t.typelem = 0 and ${own("pg_type", "t")}`,
  },
  {
    kind: "schema",
    from: "9.0",
    sql: `select s.nspname::text from pg_namespace s where s.nspname !~ '^pg_' and s.nspname <> 'public' and ${own("pg_namespace", "s")}`,
  },
  { kind: "operator", from: "9.0", sql: `select o.oprname::text from pg_operator o where ${own("pg_operator", "o")}` },
  { kind: "large object", from: "9.0", sql: "select m.oid::text from pg_largeobject_metadata m" },
  {
    kind: "event trigger",
    from: "9.3",
    sql: `select t.evtname::text from pg_event_trigger t where ${own("pg_event_trigger", "t")}`,
  },
  {
    kind: "foreign data wrapper",
    from: "9.0",
    sql: `select f.fdwname::text from pg_foreign_data_wrapper f where ${own("pg_foreign_data_wrapper", "f")}`,
  },
  { kind: "publication", from: "10", sql: "select p.pubname::text from pg_publication p" },
];

/** What a session's database holds beside what every new one has; empty where it is empty. */
export async function contentOf(session: Session, version: Major): Promise<readonly Content[]> {
  const asked = kinds.filter(({ from }) => atLeast(version, from));
  const counted = asked.map(
    ({ kind, sql }) => `select '${kind}' as kind, count(*)::text as count, min(name) as first from (${sql}) one (name)`,
  );
  const rows = await session.query(counted.join(" union all "));
  return contentKinds.flatMap((kind) => {
    const row = rows.find((one) => one.kind === kind);
    const count = Number(row?.count ?? 0);
    return count === 0 ? [] : [{ kind, count, first: row?.first ?? "" }];
  });
}
