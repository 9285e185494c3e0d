import type { UpgradeSite } from "./upgradeSite.js";

/** Collations of each kind in indexes, and one that no index has. */
export async function collate(it: UpgradeSite): Promise<void> {
  await it.run(
    `create collation logs.phonebook (provider = icu, locale = 'de-u-co-phonebk');
     create collation logs.unused (provider = icu, locale = 'sv');
     create collation logs.blind (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
     create table logs.names (
       id int primary key,
       german text collate logs.phonebook unique,
       french text collate "fr-x-icu",
       any_case text collate logs.blind,
       exclude using btree (any_case with =)
     );
     insert into logs.names select g, 'M' || chr(228 + g % 5) || g, 'c' || chr(244) || 'te' || g, 'Name' || g from generate_series(1, 2000) g;
     create index french on logs.names (french);
     create index several on logs.names (lower(german), french desc);
     analyze logs.names`,
    "app",
  );
}

/** Collations whose library is another than the catalogue says. */
export async function staleIn(it: UpgradeSite): Promise<readonly string[]> {
  const stale = await it.query(
    `select n.nspname || '.' || c.collname as name from pg_collation c join pg_namespace n on n.oid = c.collnamespace
     where c.collversion is not null and c.collversion is distinct from pg_collation_actual_version(c.oid)
     union all select 'default' from pg_database where datname = current_database() and datcollversion is distinct from pg_database_collation_actual_version(oid)`,
    "app",
  );
  return stale.map(({ name }) => `${name}`);
}

/** Numbers of the indexes' files: one that is made again has another. */
export async function filesOf(it: UpgradeSite): Promise<Readonly<Record<string, string>>> {
  const rows = await it.query(
    "select i.indexrelid::regclass::text as name, pg_relation_filenode(i.indexrelid)::text as file from pg_index i where i.indrelid = 'logs.names'::regclass",
    "app",
  );
  return Object.fromEntries(rows.map(({ name, file }) => [`${name}`, `${file}`]));
}
