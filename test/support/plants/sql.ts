import type { Plant } from "./plant.js";

const sql = (name: string, statements: string | readonly string[], said: string, more: Partial<Plant> = {}): Plant => ({
  name,
  plant: (plot) => plot.sql("server2", ...[statements].flat()),
  said: `${said}: SQL`,
  ...more,
});

/** Roles, databases and their settings. */
export const ofSql: readonly Plant[] = [
  sql(
    "an extra superuser",
    ["drop role if exists mallory", "create role mallory superuser"],
    "role mallory is a superuser, declared nowhere",
  ),
  sql("a role made superuser", "alter role reader superuser", "SUPERUSER of role reader is on, declared off"),
  sql("a role that may make roles", "alter role reader createrole", "CREATEROLE of role reader is on, declared off"),
  sql("a role that may make databases", "alter role reader createdb", "CREATEDB of role reader is on, declared off"),
  sql("a role that may replicate", "alter role reader replication", "REPLICATION of role reader is on, declared off", {
    from: "9.1",
  }),
  sql("a group that may log in", "alter role observers login", "LOGIN of role observers is on, declared off"),
  sql(
    "another connection limit",
    "alter role reader connection limit 3",
    "CONNECTION LIMIT of role reader is 3, declared 7",
  ),
  sql(
    "a membership revoked",
    "revoke observers from reader",
    "membership of role reader is nothing, declared observers",
  ),
  sql(
    "a membership granted",
    "grant pg_monitor to observers",
    "membership of role observers is pg_monitor, declared nothing",
    { from: "10" },
  ),
  sql(
    "another password",
    "alter role reader password 'by hand'",
    "the password of role reader is another than declared",
  ),
  sql(
    "a role's setting changed",
    "alter role reader set work_mem = '9MB'",
    "work_mem of role reader is 9MB, declared 6MB",
  ),
  sql(
    "a role's setting added",
    "alter role reader set log_statement = 'all'",
    "log_statement of role reader is all, declared unset",
  ),
  sql(
    "a role's setting removed",
    "alter role reader reset work_mem",
    "work_mem of role reader is unset, declared 6MB",
    { together: false },
  ),
  sql(
    "an undeclared role's setting",
    ["drop role if exists wanderer", "create role wanderer", "alter role wanderer set search_path = a, b"],
    "search_path of role wanderer is 'a, b', declared unset",
  ),
  sql(
    "a database's setting changed",
    "alter database science set statement_timeout = '1h'",
    "statement_timeout of database science is 1h, declared 5min",
  ),
  sql(
    "a database's setting added",
    "alter database postgres set search_path = evil",
    "search_path of database postgres is evil, declared unset",
  ),
  sql(
    "a role's setting in one database",
    "alter role reader in database science set search_path = other",
    "search_path of role reader in database science is other, declared 'science, public'",
  ),
  sql(
    "a setting of all roles",
    "alter role all set lock_timeout = '5s'",
    "lock_timeout of all roles is 5s, declared unset",
    { from: "9.5" },
  ),
  sql(
    "another owner of a database",
    "alter database science owner to dbadmin",
    "owner of database science is dbadmin, declared reader",
  ),
  sql(
    "a database's connection limit",
    "alter database science connection limit 9",
    "CONNECTION LIMIT of database science is 9, declared -1",
  ),
  sql("another owner of a schema", [], "owner of schema science in database science is dbadmin, declared reader", {
    plant: (plot) => plot.sqlIn("server2", "science", "alter schema science owner to dbadmin"),
  }),
  sql("a schema dropped", [], "schema science in database science is missing", {
    plant: (plot) => plot.sqlIn("server2", "science", "drop schema science"),
    together: false,
  }),
  sql("a role dropped", "drop role observers", "role observers is missing", { together: false }),
];
