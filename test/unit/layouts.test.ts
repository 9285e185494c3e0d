import { describe, expect, it } from "vitest";
import { resolveStack } from "../../config/resolve.js";
import type { ServiceFacts } from "../../installed/service/facts.js";
import { renderService } from "../../installed/service/manager.js";
import { serviceFacts } from "../../installed/service/of.js";
import { renderScript } from "../../installed/service/script.js";
import { renderUnit } from "../../installed/service/unit.js";

/** A server of a stack with these keys. */
function serverIn(keys: Readonly<Record<string, unknown>>, server: Readonly<Record<string, unknown>> = {}) {
  const values = { site: "orders", postgresql: "15", hosts: { db: "192.0.2.1" }, primary: "db", ...keys };
  const raw = Object.fromEntries(
    Object.entries({ servers: { db: server }, ...values }).map(([key, value]) => [
      `pgsite:${key}`,
      typeof value === "string" ? value : JSON.stringify(value),
    ]),
  );
  const { stack, problems } = resolveStack("test", raw);
  return { server: stack?.site.servers[0], problems: problems.map(({ path, message }) => `${path}: ${message}`) };
}

function factsOf(keys: Readonly<Record<string, unknown>>, server?: Readonly<Record<string, unknown>>): ServiceFacts {
  const found = serverIn(keys, server).server;
  if (found === undefined) throw new Error("no server");
  return serviceFacts("orders", found);
}

describe("a layout", () => {
  it("says where Debian has a cluster, by the name of its data directory, and what its start relies on", () => {
    const { server, problems } = serverIn({ layout: "debian" }, { dataDirectory: "/var/lib/postgresql/15/orders" });
    expect(problems.filter((problem) => !problem.startsWith("password-"))).toEqual([]);
    expect(server).toMatchObject({
      configurationDirectory: "/etc/postgresql/15/orders",
      binDirectory: "/usr/lib/postgresql/15/bin",
      unit: "postgresql@15-orders",
    });
    expect(server?.files["postgresql.conf"]?.split("\n").filter((line) => /directory|_file/.test(line))).toEqual([
      "data_directory = '/var/lib/postgresql/15/orders'",
      "external_pid_file = '/var/run/postgresql/15-orders.pid'",
      "hba_file = '/etc/postgresql/15/orders/pg_hba.conf'",
      "ident_file = '/etc/postgresql/15/orders/pg_ident.conf'",
    ]);
  });

  it.each([
    ["debian", "/var/lib/postgresql/15/main", "/usr/lib/postgresql/15/bin", "postgresql@15-main"],
    ["pgdg", "/var/lib/pgsql/15/data", "/usr/pgsql-15/bin", "postgresql-15"],
    ["arch", "/var/lib/postgres/data", "/usr/bin", "postgresql"],
  ])("%s places a server that says nothing", (layout, dataDirectory, binDirectory, unit) => {
    expect(serverIn({ layout }).server).toMatchObject({ dataDirectory, binDirectory, unit });
  });

  it("is a server's own, and plain has no place for data", () => {
    expect(serverIn({}).problems).toContain(
      "servers.db.dataDirectory: is missing; say where it has its data, or a layout that does (layout: debian)",
    );
    expect(serverIn({}, { layout: "pgdg" }).server?.dataDirectory).toBe("/var/lib/pgsql/15/data");
  });

  it("has its unit start and stop a server also where pgsite keeps no service, unless a stack says who else does", () => {
    const { server } = serverIn({ layout: "debian", service: { manager: "none" } });
    expect([server?.service, server?.unit]).toEqual([undefined, "postgresql@15-main"]);
    expect(serverIn({ layout: "debian", service: { manager: "sysv" } }).server?.unit).toBeUndefined();
    expect(serverIn({}, { dataDirectory: "/srv/data" }).server?.unit).toBeUndefined();
  });

  it.each([
    [
      "debian",
      "/srv/main",
      [
        "servers.db2.layout: db2 and db are both on db, where postgresql@15-main.service starts one server: give one of them a dataDirectory with another name at its end, which is its cluster's",
        "servers.db2.configurationDirectory: db2 and db share /etc/postgresql/15/main on db: each needs its own",
      ],
    ],
    ["debian", "/var/lib/postgresql/15/other", []],
    [
      "pgdg",
      "/srv/other",
      [
        "servers.db2.layout: db2 and db are both on db, where postgresql-15.service starts one server: declare layout: plain for one of them, and pgsite makes it a unit of its own",
      ],
    ],
  ])("refuses two servers of one host where %s starts one (%s)", (layout, dataDirectory, expected) => {
    const servers = { db: {}, db2: { host: "db", port: 5433, dataDirectory } };
    const { problems } = serverIn({ layout, servers });
    expect(problems.filter((problem) => problem.startsWith("servers."))).toEqual(expected);
  });

  it("refuses what the layout decides", () => {
    const { problems } = serverIn({ layout: "debian", settings: { external_pid_file: "/tmp/x", hba_file: "/tmp/y" } });
    expect(problems.join("\n")).toMatch(/external_pid_file/);
    expect(problems.join("\n")).toMatch(/hba_file: pgsite decides it: pg_hba.conf is beside postgresql.conf/);
  });
});

describe("a service", () => {
  it("adds the guard to the distribution's unit, and tells it where the data are", () => {
    const text = renderService("systemd", factsOf({ layout: "pgdg" })) ?? "";
    expect(text).toContain("Environment=PGDATA=/var/lib/pgsql/15/data\n");
    expect(text).toMatch(/^ExecStartPre=.* postgres \/var\/lib\/pgsql\/15\/data.pgsite\/runbook\/guard$/m);
    expect(text).not.toMatch(/ExecStart=/);
  });

  it("says where postgresql.conf is, if not among the data, and nothing of it otherwise", () => {
    const apart = factsOf({}, { dataDirectory: "/srv/data", configurationDirectory: "/etc/orders" });
    expect(renderUnit(apart)).toMatch(/config_file=\/etc\/orders\/postgresql.conf$/m);
    expect(renderScript(apart)).toContain(`options='"-c" "config_file=/etc/orders/postgresql.conf"'`);
    const together = factsOf({}, { dataDirectory: "/srv/data", configurationDirectory: "/srv/data" });
    expect(renderUnit(together) + renderScript(together)).not.toMatch(/config_file|options=/);
  });
});
