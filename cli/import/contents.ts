import { shownValue } from "../../postgres/secrets/index.js";
import type { Contents, FoundDatabase, OwnSetting } from "./ask.js";

/** Those that log in, are superusers, have members or own something. The two that pgsite needs are there by themselves, and said where they have more. */
export function rolesOf(
  { roles, ownSettings }: Contents,
  administrator: string,
  replicationRole: string,
  notes: string[],
) {
  const entries = roles.flatMap((role): [string, Record<string, unknown>][] => {
    const { name } = role;
    for (const more of role.more) notes.push(`role ${name}: ${more} is not in the stack file`);
    const needed = {
      superuser: name === administrator,
      replication: name === replicationRole && name !== administrator,
    };
    const attributes = {
      ...(role.login ? {} : { login: false }),
      ...(role.superuser && !needed.superuser ? { superuser: true } : {}),
      ...(role.replication && !needed.replication ? { replication: true } : {}),
      ...(role.createdb ? { createdb: true } : {}),
      ...(role.createrole ? { createrole: true } : {}),
      ...(role.connectionLimit === -1 ? {} : { connectionLimit: role.connectionLimit }),
      ...(role.memberOf.length === 0 ? {} : { memberOf: role.memberOf }),
      ...settingsOf(ownSettings.filter((one) => one.role === name && one.database === undefined)),
      ...databaseSettingsOf(ownSettings.filter((one) => one.role === name)),
    };
    const isNeeded = name === administrator || name === replicationRole;
    return isNeeded && Object.keys(attributes).length === 0 ? [] : [[name, attributes]];
  });
  return entries.length === 0 ? {} : { roles: Object.fromEntries(entries) };
}

export function databasesOf({ databases, initdb, ownSettings }: Contents, administrator: string, notes: string[]) {
  const entries = databases.map((database): [string, Record<string, unknown>] => {
    const { name, owner, collate, ctype, encoding, connectionLimit } = database;
    if (collate !== ctype)
      notes.push(`database ${name}: collation ${collate} with character classes ${ctype} is not in the stack file`);
    if (database.tablespace !== "pg_default")
      notes.push(`database ${name}: tablespace ${database.tablespace} is not in the stack file`);
    if (database.isTemplate) notes.push(`database ${name}: that it is a template is not in the stack file`);
    return [
      name,
      {
        ...(owner === administrator ? {} : { owner }),
        ...(encoding === initdb.encoding ? {} : { encoding }),
        ...(collate !== ctype || collate === initdb.locale ? {} : { locale: collate }),
        ...(connectionLimit === -1 ? {} : { connectionLimit }),
        ...schemasOf(database),
        ...settingsOf(ownSettings.filter((one) => one.database === name && one.role === undefined)),
      },
    ];
  });
  return entries.length === 0 ? {} : { databases: Object.fromEntries(entries) };
}

/** Names alone, where all of them are their database's owner's. */
function schemasOf({ owner: its, schemas }: FoundDatabase) {
  if (schemas.length === 0) return {};
  if (schemas.every(({ owner }) => owner === its)) return { schemas: schemas.map(({ name }) => name) };
  return {
    schemas: Object.fromEntries(schemas.map(({ name, owner }) => [name, owner === its ? {} : { owner }] as const)),
  };
}

function settingsOf(settings: readonly OwnSetting[]): { readonly settings?: Readonly<Record<string, string>> } {
  return settings.length === 0
    ? {}
    : { settings: Object.fromEntries(settings.map(({ name, value }) => [name, value])) };
}

/** ALTER ROLE … IN DATABASE … SET. */
function databaseSettingsOf(settings: readonly OwnSetting[]) {
  const names = [...new Set(settings.flatMap(({ database }) => (database === undefined ? [] : [database])))];
  if (names.length === 0) return {};
  const inOne = (database: string) => settingsOf(settings.filter((one) => one.database === database)).settings;
  return { databaseSettings: Object.fromEntries(names.map((database) => [database, inOne(database)])) };
}

/** Settings that a stack file cannot say: what it does not declare of them is undone by `pulumi up`. */
export function unspeakableSettings({ ownSettings }: Contents): string[] {
  return ownSettings
    .filter(({ role, database }) => role === undefined && database === undefined)
    .map(
      ({ name, value }) =>
        `ALTER ROLE ALL SET ${name} TO ${shownValue(name, value)} cannot be in a stack file, and pulumi up would undo it: put it into settings (ALTER SYSTEM) first`,
    );
}
