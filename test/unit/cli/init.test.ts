import { describe, expect, it } from "vitest";
import { parseHost } from "../../../cli/init/hostArgument.js";
import { addressOf, dataPlaces, freePort, layoutOn, networkOf, versionsOn } from "../../../cli/init/propose.js";
import { nameAll } from "../../../cli/init/settle.js";
import { stackTextOf } from "../../../cli/init/stackText.js";
import { renderStackText } from "../../../cli/stackFile.js";
import { Lines } from "../../../preflight/parse.js";
import type { FoundFolder, Survey } from "../../../preflight/survey/facts.js";
import { parseSurvey } from "../../../preflight/survey/parse.js";

const gigabyte = 1e9;

/** A host as the survey's script says it. */
function host(name: string, change: Partial<Survey> = {}): Survey {
  return {
    host: { name, transport: "ssh", address: name, user: "postgres" },
    system: { id: "debian", like: [], name: "Debian GNU/Linux 12 (bookworm)" },
    user: "postgres",
    userExists: true,
    programs: [{ version: "15.18", folder: "/usr/lib/postgresql/15/bin" }],
    clusterTools: true,
    clusters: [],
    addresses: [{ address: "192.0.2.11", prefix: 24 }],
    listens: [22],
    folders: [folder("/var/lib/postgresql", "/", 20)],
    ...change,
  };
}

function folder(path: string, mount: string, free: number, open = true, type = "ext2/ext3"): FoundFolder {
  return { path, mount, open, free: free * gigabyte, type };
}

describe("a host is named", () => {
  it.each([
    ["db1=192.0.2.11", { name: "db1", destination: "192.0.2.11" }],
    ["db1=admin@192.0.2.11", { name: "db1", destination: "192.0.2.11", login: "admin" }],
    ["192.0.2.11", { name: "db3", destination: "192.0.2.11" }],
    ["2001:db8::1", { name: "db3", destination: "2001:db8::1" }],
    ["orders-1.example.org", { name: "orders-1", destination: "orders-1.example.org" }],
  ])("%s", (given, found) => {
    expect(parseHost(given, 3, undefined)).toEqual(found);
  });

  it("with the login of all, unless it has its own", () => {
    expect(parseHost("db1=192.0.2.11", 1, "root").login).toBe("root");
    expect(parseHost("db1=admin@192.0.2.11", 1, "root").login).toBe("admin");
  });

  it("by nothing that ssh would take for an option", () => {
    expect(() => parseHost("db1=-oProxyCommand=x", 1, undefined)).toThrow('"db1=-oProxyCommand=x" is no host');
    expect(() => parseHost("DB1=192.0.2.11", 1, undefined)).toThrow('"DB1" is no name for a host');
  });
});

describe("proposed is", () => {
  it("the newest version that all hosts have", () => {
    const both = [
      { version: "15.18", folder: "/usr/lib/postgresql/15/bin" },
      { version: "17.2", folder: "/usr/lib/postgresql/17/bin" },
    ];
    expect(versionsOn([host("a", { programs: both }), host("b", { programs: both })])).toEqual(["17", "15"]);
    expect(versionsOn([host("a", { programs: both }), host("b")])).toEqual(["15"]);
    expect(versionsOn([host("a"), host("b", { programs: [] })])).toEqual([]);
  });

  it("the first port that nobody has, running or stopped, on any host", () => {
    const stopped = { dataDirectory: "/x", port: 5433, runs: false, ours: false };
    expect(freePort([host("a"), host("b")])).toBe(5432);
    expect(freePort([host("a", { listens: [5432] }), host("b", { clusters: [stopped] })])).toBe(5434);
  });

  it("Debian's layout, if its tools, the version's usual programs and root are on every host", () => {
    const [one, other] = [host("a"), host("b")];
    expect(layoutOn([one, other], "15")).toBe("debian");
    expect(layoutOn([one, other], "16")).toBeUndefined();
    expect(layoutOn([one, host("b", { clusterTools: false })], "15")).toBeUndefined();
    expect(layoutOn([one, host("b", { notAsRoot: "no sudo" })], "15")).toBeUndefined();
    expect(layoutOn([], "15")).toBeUndefined();
  });

  it("a folder beside the distribution's clusters, unless another disk has more than twice the room", () => {
    const own = folder("/var/lib/postgresql", "/", 20);
    const first = (more: Partial<Survey>) => dataPlaces(host("a", more), "orders", "15")[0]?.dataDirectory;
    const usual = "/var/lib/postgresql/15/orders";
    expect(first({})).toBe(usual);
    expect(first({ folders: [own, folder("/data", "/data", 40)] })).toBe(usual);
    expect(first({ folders: [own, folder("/data", "/data", 41)] })).toBe("/data/postgresql/orders");
    // Nobody could make a folder there, or data would not be safe.
    expect(first({ folders: [own, folder("/data", "/data", 500, false)], notAsRoot: "no sudo" })).toBe(usual);
    expect(first({ folders: [own, folder("/data", "/data", 500, true, "nfs")] })).toBe(usual);
    expect(first({ folders: [] })).toBe(usual);
  });

  it("an address of the host's own, in a network that it shares with the others", () => {
    const two = host("a", {
      addresses: [
        { address: "203.0.113.5", prefix: 28 },
        { address: "10.0.0.5", prefix: 24 },
      ],
    });
    const peer = host("b", { addresses: [{ address: "10.0.0.6", prefix: 24 }] });
    expect(addressOf("site-b", [], two, [peer]).address).toBe("10.0.0.5");
    expect(addressOf("db.example.org", ["203.0.113.5"], two, [peer]).address).toBe("203.0.113.5");
    expect(addressOf("10.0.0.5", [], two, [])).toEqual({ address: "10.0.0.5", others: ["203.0.113.5"], own: true });
    // Behind a translation of addresses: what was given stays, and is said.
    expect(addressOf("198.51.100.7", [], two, [peer])).toMatchObject({ address: "198.51.100.7", own: false });
    expect(networkOf("10.0.0.5", 24)).toBe("10.0.0.0/24");
  });
});

it("what the survey's script prints is read", () => {
  const printed = `user=postgres
user.exists=yes
system.id=debian
programs=15.18 /usr/lib/postgresql/15/bin
cluster=/var/lib/postgresql/15/main
cluster.port=5432 /var/lib/postgresql/15/main
cluster=/var/lib/postgresql/15/main
cluster.runs=/var/lib/postgresql/15/main
address=192.0.2.11/24
listens=0016
listens=1538
folder=yes 1024 / ext2/ext3 /var/lib/postgresql
folder=no 2048 /a b c /data
end=yes
`;
  expect(parseSurvey(new Lines(printed))).toMatchObject({
    programs: [{ version: "15.18", folder: "/usr/lib/postgresql/15/bin" }],
    clusters: [{ dataDirectory: "/var/lib/postgresql/15/main", port: 5432, runs: true, ours: false }],
    addresses: [{ address: "192.0.2.11", prefix: 24 }],
    listens: [22, 5432],
    folders: [{ path: "/var/lib/postgresql", open: true, free: 1_048_576, mount: "/" }, { open: false }],
  });
});

it("flags that are missing are named at once if nobody can be asked; two hosts of one name are refused", async () => {
  await expect(nameAll({ osUser: "postgres" }, undefined)).rejects.toThrow("--stack NAME, --host NAME=ADDRESS");
  const twice = { osUser: "postgres", stack: "a", primary: "db1", host: ["db1=192.0.2.1", "db1=192.0.2.2"] };
  await expect(nameAll(twice, undefined)).rejects.toThrow("two hosts are called db1");
});

it("the stack file is what a person would write", () => {
  const server = (name: string, address: string, more = {}) => ({
    host: { name, transport: "ssh" as const, address, user: "postgres", ...more },
    dataDirectory: "/var/lib/postgresql/15/orders",
    free: 12 * gigabyte,
  });
  const text = renderStackText(
    stackTextOf({
      stack: "production",
      site: "orders",
      version: "15",
      layout: "plain",
      layoutFits: "debian",
      primary: "db1",
      servers: [server("db1", "192.0.2.11"), server("db2", "192.0.2.12", { ssh: "site-b", login: "admin" })],
      port: 5433,
      osUser: "postgres",
      withoutService: ["db2"],
      install: false,
      md5: false,
      network: "192.0.2.0/24",
    }),
  );
  expect(text).toMatchInlineSnapshot(`
    "# yaml-language-server: $schema=docs/stack.schema.json
    # The stack production, begun by pgsite init. Every key: docs/stack-file.md.

    config:
      pgsite:site: orders
      pgsite:postgresql: "15"

      # 5432 is taken on one of the hosts.
      pgsite:port: 5433

      # Every host by name: its address for PostgreSQL, and how ssh gets there (docs/hosts.md).
      pgsite:hosts:
        db1: 192.0.2.11
        db2: { address: 192.0.2.12, ssh: site-b, login: admin }

      # Takes writes. Another server's name here is a switchover (docs/switchover.md).
      pgsite:primary: db1

      # DATADIRECTORY.pgsite beside the data holds what pgsite keeps.
      # With the key layout: debian the configuration is in /etc, and pg_lsclusters knows them (docs/layouts.md).
      pgsite:servers:
        db1: { dataDirectory: /var/lib/postgresql/15/orders } # 12 GB free
        db2: { dataDirectory: /var/lib/postgresql/15/orders } # 12 GB free

      # Nothing starts the servers with their machines: that takes root, and pgsite cannot become root on db2 (docs/service.md).
      pgsite:service: { manager: none }

      # PostgreSQL's settings, the same on every server: { max_connections: 200, work_mem: 64MB }
      pgsite:settings: {}

      # Who may connect, line by line as in pg_hba.conf: [host orders orders 192.0.2.0/24 scram-sha-256]
      # The servers and pgsite itself need none. Roles and databases: roles:, databases:
      pgsite:access: []
    "
  `);
});
