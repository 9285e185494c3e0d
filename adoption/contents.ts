import type { Contents, OwnSetting } from "./ask.js";

/** Those that log in or are superusers. The two that pgsite needs are there by themselves, and said where they have more. */
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
        ...settingsOf(ownSettings.filter((one) => one.database === name && one.role === undefined)),
      },
    ];
  });
  return entries.length === 0 ? {} : { databases: Object.fromEntries(entries) };
}

function settingsOf(settings: readonly OwnSetting[]) {
  return settings.length === 0
    ? {}
    : { settings: Object.fromEntries(settings.map(({ name, value }) => [name, value])) };
}

/** Those of a role in one database, of roles that do not log in, and of databases that a stack file leaves out. */
export function undeclaredSettings({ roles, databases, ownSettings }: Contents): string[] {
  return ownSettings
    .filter(({ role, database }) => {
      if (role !== undefined && database !== undefined) return true;
      if (role !== undefined) return !roles.some(({ name }) => name === role);
      return !databases.some(({ name }) => name === database);
    })
    .map(({ role, database, name, value }) => {
      const whose = [
        ...(role === undefined ? [] : [`role ${role}`]),
        ...(database === undefined ? [] : [`${role === undefined ? "" : "in "}database ${database}`]),
      ];
      return `${whose.join(" ") || "all roles"}: ${name} = ${value} (ALTER … SET) is not in the stack file`;
    });
}
