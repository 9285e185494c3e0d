import { expect, it } from "vitest";
import { resolveStack } from "../../../config/resolve.js";

const found = (keys: Readonly<Record<string, unknown>>) => {
  const all = {
    site: "orders",
    postgresql: "15",
    hosts: { db1: "192.0.2.11" },
    primary: "db1",
    servers: { db1: { dataDirectory: "/srv/pg/data" } },
    ...keys,
  };
  const raw = Object.fromEntries(
    Object.entries(all).map(([key, value]) => [
      `pgsite:${key}`,
      typeof value === "string" ? value : JSON.stringify(value),
    ]),
  );
  const { problems, stack } = resolveStack("orders", raw);
  return {
    errors: problems.filter(({ severity }) => severity === "error").map(({ path, message }) => `${path}: ${message}`),
    rules: (stack?.site.servers[0]?.files["pg_hba.conf"] ?? "").split("\n").map((line) => line.replaceAll(/ +/g, " ")),
  };
};
const direct = { hosts: { db1: { address: "192.0.2.11", sessions: "direct" } } };

it("sessions: direct take a rule of the stack's own that could let pgsite in", () => {
  expect(found({}).errors).toEqual([]);
  expect(found(direct).errors).toEqual([
    'access: no rule lets postgres in over the network, and hosts.db1.sessions is direct: pgsite would lock itself out. Declare before it "host all postgres ADDRESS/32 scram-sha-256", with the address of the machine that runs pgsite, or take sessions away, and SQL goes through SSH',
  ]);
  const access = ["host all app samenet md5", "hostssl all all all reject", "host all all all reject"];
  expect(found({ ...direct, access }).errors).toEqual([
    expect.stringMatching(/^access\[2\]: the rule "host +all +all +all +reject" is the first that matches postgres, /),
  ]);
  expect(found({ ...direct, access: ["host all postgres 198.51.100.0/24 scram-sha-256"] }).errors).toEqual([]);
  expect(found({ ...direct, access: ["host all +dba 198.51.100.0/24 scram-sha-256"] }).errors).toEqual([]);
});

it("a rule that declares pgsite's own end changes nothing on its host: its rules come first", () => {
  const { errors, rules } = found({ access: ["host all all 0.0.0.0/0 reject"] });
  expect(errors).toEqual([]);
  expect(rules.findIndex((line) => line.startsWith("host all postgres 127.0.0.1/32"))).toBeGreaterThan(-1);
});

it("a server that listens on its host's other addresses lets pgsite in from these", () => {
  const own = (listen_addresses: string) =>
    found({ settings: { listen_addresses } }).rules.filter((line) => line.startsWith("host all postgres "));
  expect(own("*")).toEqual(["host all postgres 127.0.0.1/32 scram-sha-256"]);
  expect(own("localhost")).toHaveLength(1);
  for (const one of ["192.0.2.11", "192.0.2.11,localhost", "db1.example.org", "::"]) {
    expect(own(one), one).toContain("host all postgres samehost scram-sha-256");
  }
});

it("a server that listens nowhere is one for its OS user alone", () => {
  const silent = { settings: { listen_addresses: "" } };
  expect(found(silent).errors).toEqual([]);
  expect(found({ ...silent, osUser: "enstore" }).errors).toEqual([
    expect.stringMatching(/^settings\.listen_addresses: db1 listens on no address, .* OS user enstore in as postgres/),
  ]);
  expect(found({ settings: { listen_addresses: "", unix_socket_directories: "" } }).errors).toEqual([
    expect.stringContaining("has no Unix socket: nobody could connect"),
  ]);
});

it("the roles that pgsite comes by keep LOGIN", () => {
  const roles = { postgres: { login: false }, replicator: { login: false }, app: { login: false } };
  expect(found({ roles }).errors.map((one) => one.split(":")[0])).toEqual([
    "roles.postgres.login",
    "roles.replicator.login",
  ]);
});
