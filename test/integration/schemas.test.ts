import { afterAll, beforeAll, expect, it } from "vitest";
import { type SchemaArgs, schema } from "../../provider/resources/schema.js";
import type { Context } from "../../servers/rollout/reporter.js";
import { endpointsOf } from "../../servers/sql/login.js";
import { withSession } from "../../servers/sql/session.js";
import { endSharedSessions } from "../../servers/sql/sharedSession.js";
import { Cluster } from "../support/cluster.js";
import { reportBy } from "../support/reportBy.js";

let cluster: Cluster;
const said: string[] = [];
const log: Context["log"] = async (severity, message) => void said.push(`${severity}: ${message}`);
const context: Context = {
  name: "test",
  signal: new AbortController().signal,
  isSecret: () => false,
  log,
  report: reportBy(log),
  progress: async () => undefined,
};
const login = { user: "dbadmin", password: "secret" };

beforeAll(async () => {
  const servers = [{ name: "one", role: "primary" }] as const;
  cluster = await Cluster.describe({ major: "15", first: 9, block: 251, servers });
  await cluster.seed("one");
  await cluster.start("one");
  await cluster.query("one", "create role app login", "create role other", "create database app owner app");
}, 60_000);

afterAll(async () => {
  await endSharedSessions();
  await cluster?.close();
});

const declared = (owner = "app", name = "console"): SchemaArgs => ({
  site: "test",
  endpoints: endpointsOf(cluster.site),
  administrator: login.user,
  administratorPassword: login.password,
  database: "app",
  ...{ name, owner },
});

async function inApp(...statements: readonly string[]) {
  return withSession(cluster.server("one"), login, { database: "app" }, async (session) => {
    for (const statement of statements.slice(0, -1)) await session.query(statement);
    return session.query(statements.at(-1) ?? "");
  });
}

const owners = () =>
  inApp(
    "set search_path = pg_catalog",
    "select n.nspname || ' ' || r.rolname as row from pg_namespace n join pg_roles r on r.oid = nspowner where nspname !~ '^pg_|^information|^public' order by 1",
  ).then((rows) => rows.map(({ row }) => row));

async function found(): Promise<SchemaArgs | undefined> {
  await endSharedSessions();
  return schema.read(context, "", declared());
}

it("is made, given back to its owner, made anew, and left; whoever owns the database has no say in how", async () => {
  // Names that are looked for by the database owner's path would run with a superuser's rights.
  await inApp(
    "create schema trap authorization app",
    "create function trap.current_setting(text) returns text language sql as $$ select '666' $$",
    "create function trap.same(oid, oid) returns boolean language sql as $$ select false $$",
    "create function trap.same(name, name) returns boolean language sql as $$ select false $$",
    "create operator trap.= (leftarg = oid, rightarg = oid, procedure = trap.same)",
    "create operator trap.= (leftarg = name, rightarg = name, procedure = trap.same)",
    "alter database app set search_path = trap, pg_catalog",
  );
  expect(await found()).toBeUndefined();
  expect(said.splice(0)).toEqual(["info: schema console in database app is missing: SQL"]);
  await schema.create(context, declared());
  expect(await owners()).toEqual(["console app", "trap app"]);
  expect(await found()).toEqual(declared());

  // One that is there is adopted, and its owner is what is declared.
  await inApp("alter schema console owner to other");
  const actual = await found();
  expect(actual?.owner).toBe("other");
  await schema.check(context, declared(), actual);
  expect(said.splice(0)).toEqual(["info: owner of schema console in database app is other, declared app: SQL"]);
  await schema.create(context, declared());
  expect(await owners()).toEqual(["console app", "trap app"]);

  await schema.delete(context, declared());
  expect(said.splice(0)).toEqual([
    'warning: left the schema console in the database app of test; to drop it there: DROP SCHEMA "console";',
  ]);
  expect(await owners()).toEqual(["console app", "trap app"]);

  // It goes with its database, and is missing as that is.
  await endSharedSessions();
  await cluster.query("one", "drop database app");
  expect(await found()).toBeUndefined();
  expect(said.splice(0)).toEqual(["info: schema console in database app is missing: SQL"]);
}, 60_000);
