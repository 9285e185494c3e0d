import { afterAll, beforeAll } from "vitest";
import { type AccessArgs, type AccessState, access } from "../../provider/resources/access.js";
import { type DatabaseArgs, type DatabaseState, database } from "../../provider/resources/database.js";
import { type RoleArgs, type RoleState, role } from "../../provider/resources/role.js";
import { Cluster } from "../support/cluster.js";
import { describeAll, refusing } from "../support/declaredNow.js";
import { proof } from "../support/proof.js";

/* Of each resource that lives in a server's databases, every argument is changed on a real one. */

let cluster: Cluster;
beforeAll(async () => {
  cluster = await Cluster.describe({ major: "15", first: 150, servers: [{ name: "db1", role: "primary" }] });
  await cluster.seed("db1");
  await cluster.start("db1");
  await cluster.query(
    "db1",
    "create role one",
    "create role two",
    "create role second superuser login password 'an0ther'",
    "create database plain",
  );
}, 60_000);
afterAll(() => cluster?.close(), 30_000);

const at = () => ({
  site: "orders",
  endpoints: [{ name: "db1", address: "127.0.20.150", port: 5442, proof: proof() }],
  administrator: "dbadmin",
  administratorPassword: "secret",
});
/** Another way to the same server, and another administrator there. */
const second = { together: { administrator: "second", administratorPassword: "an0ther" } };
const wayChanges = () => {
  const { endpoints } = at();
  return {
    site: "another",
    endpoints: endpoints.map((endpoint) => ({ ...endpoint, name: "renamed" })),
    administrator: second,
    administratorPassword: second,
  };
};

describeAll<RoleArgs, RoleState>(
  "Role",
  role,
  (key) => ({ ...at(), name: `of_${key}`, memberOf: ["one"], password: "s3cret" }),
  ({ name }) => ({
    ...wayChanges(),
    name: `${name}_too`,
    superuser: true,
    login: false,
    replication: true,
    createdb: true,
    createrole: true,
    connectionLimit: 7,
    memberOf: ["two"],
    password: "an0ther",
    keptAs: "scram-sha-256",
  }),
);

describeAll<DatabaseArgs, DatabaseState>(
  "Database",
  database,
  (key) => ({ ...at(), name: `of_${key.toLowerCase()}`, owner: "one", encoding: "UTF8", locale: "C" }),
  ({ name }) => ({
    ...wayChanges(),
    name: `${name}_too`,
    owner: "two",
    encoding: refusing("LATIN1", /has UTF8, which cannot be changed/),
    locale: refusing("C.UTF-8", /has C, which cannot be changed/),
    template: "template1",
    connectionLimit: 7,
  }),
);

describeAll<AccessArgs, AccessState>(
  "Access",
  access,
  () => ({
    ...at(),
    version: "15",
    roles: ["dbadmin", "second"],
    declared: [{ role: "one", settings: { work_mem: "8MB" } }],
  }),
  () => ({
    ...wayChanges(),
    version: "16",
    roles: ["dbadmin", "one", "second"],
    declared: [
      { role: "two", settings: { work_mem: "16MB" } },
      { role: "one", database: "plain", settings: { search_path: "app, public" } },
      { database: "plain", settings: { DateStyle: "German, DMY" } },
    ],
  }),
);
