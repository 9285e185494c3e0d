import { pathText } from "../../config/form.js";
import { passwordKey } from "../../config/parse.js";

/** A stack file with much in it, and what can be wrong with each part. */

type Values = Record<string, unknown>;

/** A fault that a person makes at one place. */
export interface Fault {
  readonly name: string;
  /** What it takes hold of: two faults of a file have no place in common. */
  readonly place: string;
  /** What it points into: whether it is one is not known where that cannot be read. */
  readonly into?: string;
  /** Where it is said. @default the place */
  readonly path?: string;
  /** The message, with the remedy or what is allowed. */
  readonly says: RegExp;
  readonly make: (values: Values) => void;
}

/** Nothing is wrong with it. */
export function rightStack(): Values {
  return structuredClone(right);
}

const right = {
  site: "orders",
  postgresql: "16",
  port: 5442,
  hosts: { db1: "192.0.2.1", db2: { address: "192.0.2.2", login: "admin" }, db3: "192.0.2.3", app: "192.0.2.9" },
  primary: "db1",
  servers: {
    db1: { dataDirectory: "/srv/one" },
    db2: { dataDirectory: "/srv/two", settings: { hot_standby_feedback: true } },
    db3: { dataDirectory: "/srv/three", role: "mirror", upstream: "db2", port: 5443 },
  },
  authentication: "scram-sha-256",
  settings: { shared_buffers: "64MB", work_mem: "8MB", max_connections: 100, wal_level: "replica" },
  access: [
    "host all all 192.0.2.0/24 scram-sha-256",
    { type: "host", database: "shop", user: "reader", address: "app", method: "scram-sha-256" },
    { type: "hostssl", database: "all", user: "writer", address: "10.0.0.0/8" },
  ],
  roles: {
    reader: { connectionLimit: 20 },
    writer: { memberOf: ["reader"], settings: { work_mem: "16MB" } },
    staff: { login: false },
  },
  databases: {
    shop: { owner: "writer", encoding: "UTF8", schemas: { sales: { owner: "staff" } } },
    stock: { settings: { search_path: "public" } },
  },
  slots: ["backup_tool", "warehouse"],
  synchronous: { method: "any", number: 1, servers: ["db2"] },
  baseBackup: { method: "rsync", rateLimit: "20MB" },
  backups: {
    schedule: "2 11 * * 0",
    timeZone: "UTC",
    folder: "/backup",
    databases: { shop: { groups: { sales: ["sales.*"] } } },
    copies: [{ server: "db2", folder: "/backup-of-one" }],
    keep: { last: 3, daily: 2 },
  },
  watch: { schedule: "1 * * * *" },
  mail: { to: "dba" },
  clients: {
    serviceFiles: [{ host: "app", path: "/etc/pg_service.conf" }],
    links: [{ host: "app", folder: "/etc/shop", names: ["shop.cfg", "stock.cfg"] }],
    files: [{ host: "app", path: "/etc/shop.ini", database: "shop", role: "reader" }],
  },
  service: { manager: "auto" },
  initdb: { locale: "C", encoding: "UTF8" },
  hooks: { fence: "./power-off" },
} satisfies Values;

/** As Pulumi hands it over, with a password for each role that needs one. */
export function rawOf(values: Values): Readonly<Record<string, string>> {
  const text = (value: unknown) => (typeof value === "object" ? JSON.stringify(value) : `${value}`);
  const given = Object.entries(values).map(([key, value]) => [`pgsite:${key}`, text(value)]);
  const passwords = ["postgres", "replicator", "reader", "writer"].map((role) => [`pgsite:${passwordKey(role)}`, "x"]);
  return Object.fromEntries([...given, ...passwords]);
}

/** The same with one value set, or taken away, at a path. */
function set(path: readonly (string | number)[], value: unknown): Fault["make"] {
  return (values) => {
    const holder = path.slice(0, -1).reduce<Values>((at, key) => at[key] as Values, values);
    if (value === undefined) delete holder[path.at(-1) as string];
    else holder[path.at(-1) as string] = value;
  };
}

function at(
  name: string,
  path: readonly (string | number)[],
  value: unknown,
  says: RegExp,
  more: Partial<Fault> = {},
): Fault {
  const place = pathText(path);
  return { name, place, says, make: set(path, value), ...more };
}

const absolute = /a path is absolute/;
const aName = /a name is made of lower-case letters/;

export const faults: readonly Fault[] = [
  // Keys that are none, also in the place of one that must be there.
  at("a misspelt key", ["prot"], 5444, /unknown: .*"prot" \(did you mean port\?\)/, { path: "(stack file)" }),
  {
    ...at("primary misspelt", ["primary"], undefined, /unknown: .*"pirmary" \(did you mean primary\?\)/),
    path: "(stack file)",
    make: (values) => {
      values.pirmary = values.primary;
      delete values.primary;
    },
  },
  {
    ...at("servers misspelt", ["servers"], undefined, /unknown: .*"sevrers" \(did you mean servers\?\)/),
    path: "(stack file)",
    make: (values) => {
      values.sevrers = values.servers;
      delete values.servers;
    },
  },
  at("an unknown key of a server", ["servers", "db1", "dataDir"], "/x", /unknown: .*"dataDir"/, {
    path: "servers.db1",
  }),
  at("an unknown key of a host", ["hosts", "db2", "adress"], "x", /unknown: .*"adress"/, { path: "hosts.db2" }),
  at("an unknown key of a role", ["roles", "staff", "superusr"], true, /did you mean superuser/, {
    path: "roles.staff",
  }),
  // What is missing.
  at("no site", ["site"], undefined, /is missing/),
  at("no address of a host", ["hosts", "db3"], {}, /is missing/, { path: "hosts.db3.address" }),
  at("no data directory", ["servers", "db2", "dataDirectory"], undefined, /is missing; say where it has its data/),
  at("no folder of links", ["clients", "links", 0, "folder"], undefined, /is missing/),
  at("no folder of backups", ["backups", "folder"], undefined, /is missing|expected/),
  // Values of the wrong form.
  at("a version that nobody knows", ["postgresql"], "8.4", /is not a version that pgsite knows; allowed: 9\.0/),
  at("a port above all", ["port"], 70000, /<=65535/),
  at("a port of a server", ["servers", "db3", "port"], "five", /expected number/),
  at("a relative data directory", ["servers", "db1", "dataDirectory"], "srv", absolute),
  at("an address with a space", ["hosts", "db1"], "192.0.2. 1", /an address is an IP address or a host name/),
  at("a login of two words", ["hosts", "db2", "login"], "two words", /a user's name begins with/),
  at("a method that is none", ["authentication"], "scram-sha-265", /did you mean scram-sha-256/),
  at("a role of servers that is none", ["servers", "db2", "role"], "slave", /expected one of/),
  at("the name of a mirror's upstream", ["servers", "db3", "upstream"], "DB 2", aName),
  at("a name among several", ["clients", "links", 0, "names", 1], "a/b", /a file's name has no slash/),
  at("a rate without a unit", ["baseBackup", "rateLimit"], "20", /a rate is a whole number with kB, MB or GB/),
  at("a limit that is no number", ["roles", "reader", "connectionLimit"], "many", /expected number/),
  at("a schedule of six fields", ["backups", "schedule"], "2 11 * * 0 root", /five/),
  at("a time zone that is none", ["backups", "timeZone"], "Mars/Olympus", /one of the IANA's list/),
  at("a pattern without a schema", ["backups", "databases", "shop", "groups", "sales", 0], "sales", /SCHEMA\.TABLE/),
  at("what is kept", ["backups", "keep", "last"], -1, />=0/),
  at("a list where a map belongs", ["hooks"], ["./power-off"], /expected object/),
  at("text where a map belongs", ["initdb"], "C", /expected object/),
  at("roles as a list", ["roles"], ["reader", "writer"], /expected record/),
  {
    ...at("a server's name in capitals", ["servers", "db3"], undefined, aName),
    path: "servers.DB3",
    make: (values) => {
      const servers = values.servers as Values;
      servers.DB3 = servers.db3;
      delete servers.db3;
    },
  },
  // Names that point at nothing.
  at("a primary that is no server", ["primary"], "db9", /there is no server "db9" in this stack; allowed: db1, db2/, {
    into: "servers",
  }),
  at("an upstream that is no server", ["servers", "db2", "upstream"], "db7", /there is no server "db7"/, {
    into: "servers",
  }),
  at("a host of links that is none", ["clients", "links", 0, "host"], "web", /the host "web" has no address/, {
    into: "hosts",
  }),
  at("a synchronous standby that is none", ["synchronous", "servers", 0], "db8", /there is no server "db8"/, {
    into: "servers",
  }),
  at("a copy to a server that is none", ["backups", "copies", 0, "server"], "db6", /"db6"/, { into: "servers" }),
  at("an owner that is no role", ["databases", "shop", "owner"], "nobody", /there is no role "nobody"/, {
    into: "roles",
  }),
  at(
    "a schema's owner that is no role",
    ["databases", "shop", "schemas", "sales", "owner"],
    "nobody",
    /there is no role "nobody"/,
    { into: "roles" },
  ),
  at(
    "a member of what is no role",
    ["roles", "writer", "memberOf", 0],
    "redaer",
    /there is no role "redaer" in this stack \(did you mean reader\?\)/,
    { into: "roles" },
  ),
  // What PostgreSQL refuses.
  at("a setting that is none", ["settings", "shared_bufers"], "1GB", /shared_buffers/),
  at("a setting's value", ["settings", "work_mem"], "8 loaves", /work_mem|unit|8 loaves/),
  at(
    "a setting of one server",
    ["servers", "db2", "settings", "hot_standby_feedback"],
    "maybe",
    /boolean|on, off|maybe/,
  ),
  at("a setting of a role", ["roles", "writer", "settings", "work_mem"], "x", /work_mem|x/),
  at("a database's encoding", ["databases", "shop", "encoding"], "UTF-9", /is no encoding of PostgreSQL/),
  at("the cluster's encoding", ["initdb", "encoding"], "BIG5", /only clients/),
  at("a slot's name", ["slots", 1], "Ware-House", /lower-case letters, digits and _/),
  at("a role's name", ["roles", "pg_boss"], { login: false }, /PostgreSQL's own/, { into: "postgresql" }),
  at("a database's name", ["databases", "x".repeat(64)], {}, /63 at most/),
  at("an access rule as a line", ["access", 0], "host all all 192.0.2.0/24 scram", /scram/, {
    path: "access[0].method",
  }),
  at("a rule's method", ["access", 1, "method"], "scram", /scram/),
  at("a rule's address", ["access", 2, "address"], "10.0.0.0/40", /10\.0\.0\.0\/40/),
  at("more synchronous standbys than there are", ["synchronous", "number"], 5, /names 1|no commit would ever end/),
];
