import { describe, expect, it } from "vitest";
import { resolveStack } from "../../../config/resolve.js";

type Stack = Record<string, unknown>;

const base: Stack = {
  site: "orders",
  postgresql: "15",
  hosts: { db1: "192.0.2.1", db2: "192.0.2.2", far: "192.0.2.3" },
  primary: "db1",
  servers: { db1: { dataDirectory: "/srv/pg" }, db2: { dataDirectory: "/srv/pg" } },
};

function resolve(changes: Stack = {}) {
  const entries = Object.entries({ ...base, ...changes }).filter(([, value]) => value !== undefined);
  const raw = entries.map(([key, value]) => [
    `pgsite:${key}`,
    typeof value === "string" ? value : JSON.stringify(value),
  ]);
  const { stack, problems } = resolveStack("production", {
    ...Object.fromEntries(raw),
    "pgsite:password-postgres": "x",
    "pgsite:password-replicator": "x",
  });
  return {
    site: stack?.site,
    server: (name: string) => stack?.site.servers.find((server) => server.name === name),
    errors: problems.filter(({ severity }) => severity === "error").map(({ path, message }) => `${path}: ${message}`),
    warnings: problems
      .filter(({ severity }) => severity === "warning")
      .map(({ path, message }) => `${path}: ${message}`),
  };
}

describe("a resolved stack", () => {
  it("has a primary and a standby that follows it, without a word where nothing is wrong", () => {
    const { site, server, errors, warnings } = resolve();
    expect(errors).toEqual([]);
    expect(warnings).toEqual([expect.stringMatching(/^tls: the libpq of PostgreSQL 15, /)]);
    expect(resolve({ postgresql: "16" }).warnings).toEqual([]);
    expect(site).toMatchObject({ administrator: "postgres", replicationRole: "replicator", primary: "db1" });
    expect(server("db1")).toMatchObject({ role: "primary", address: "192.0.2.1", port: 5432 });
    expect(server("db1")?.upstream).toBeUndefined();
    expect(server("db2")).toMatchObject({ role: "standby", upstream: "db1", hotStandby: true });
    expect(server("db2")?.settings.primary_conninfo).toBe(
      "host=192.0.2.1 port=5432 user=replicator passfile=/srv/pg.pgsite/passfile application_name=db2",
    );
    expect(server("db2")?.files["standby.signal"]).toBe("");
    expect(server("db1")?.files["standby.signal"]).toBeNull();
  });

  it("is warned of a log that is no evidence for a failover, once, and only where another server could take over", () => {
    const ofLog = (settings: Readonly<Record<string, unknown>>) =>
      resolve({ settings }).warnings.filter((text) => text.includes("log_line_prefix"));
    const telling = { "%m [%p] %b ": 0, "%m [%p] ": 1, "%m [%p] %q%u@%d ": 1 };
    for (const [prefix, count] of Object.entries(telling)) {
      const warnings = ofLog({ log_line_prefix: prefix });
      expect(warnings).toHaveLength(count);
      if (count === 0) continue;
      expect(warnings[0]).toMatch(
        /^settings\.log_line_prefix: with ".*" clients can write what looks like the server's own lines, .*; say "%m \[%p\] %b " \(a reload\)/,
      );
    }
    const collected = { log_line_prefix: "%m ", log_destination: "csvlog", logging_collector: true };
    expect(ofLog(collected)).toEqual([]);
  });

  it("lets the servers and mirrors of the site replicate, by the same rules in every role", () => {
    const { server } = resolve({ mirrors: ["far"] });
    const replication = (name: string) =>
      server(name)
        ?.files["pg_hba.conf"]?.split("\n")
        .filter((line) => line.includes("replication"))
        .map((line) => line.replace(/\s+/g, " "));
    expect(replication("db1")).toEqual([
      "host replication replicator 192.0.2.2/32 scram-sha-256",
      "host replication replicator 192.0.2.3/32 scram-sha-256",
    ]);
    expect(replication("db2")?.[0]).toBe("host replication replicator 192.0.2.1/32 scram-sha-256");
  });

  it("lays a server's settings over the stack's, and the stack's over pgsite's", () => {
    const { server } = resolve({
      settings: { max_connections: 300, max_wal_senders: 4 },
      servers: { db1: { dataDirectory: "/a", settings: { max_connections: 250 } }, db2: { dataDirectory: "/b" } },
    });
    expect(server("db1")?.settings).toMatchObject({
      max_connections: "250",
      max_wal_senders: "4",
      wal_level: "replica",
    });
    expect(server("db2")?.settings).toMatchObject({ max_connections: "300", hot_standby: "on" });
  });

  it("opens a mirror for queries, and refuses a stack file that says otherwise", () => {
    const servers = {
      db1: { dataDirectory: "/a" },
      db2: { dataDirectory: "/b", role: "mirror", settings: { hot_standby: false } },
    };
    const { errors } = resolve({ servers });
    expect(errors).toHaveLength(1);
    expect(errors[0]).toContain("servers.db2.settings.hot_standby");
    expect(errors[0]).toContain("servers.db2.role");
  });

  it("takes how base backups come from another host, and refuses what the version's pg_basebackup cannot do", () => {
    expect(resolve().site?.baseBackup).toEqual({ method: "auto" });
    const limited = { method: "rsync", rateLimit: "20MB" };
    expect(resolve({ baseBackup: limited }).site?.baseBackup).toEqual({ method: "rsync", rateLimit: 20 * 1024 ** 2 });
    const rated = { method: "pg_basebackup", rateLimit: "64kB" };
    expect(resolve({ baseBackup: rated, postgresql: "9.4", authentication: "md5" }).errors).toEqual([]);
    expect(resolve({ baseBackup: rated, postgresql: "9.3", authentication: "md5" }).errors).toEqual([
      "baseBackup.rateLimit: pg_basebackup limits its rate from 9.4 on; at 9.3 choose rsync or tar",
    ]);
    expect(
      resolve({ baseBackup: { method: "pg_basebackup" }, postgresql: "9.0", authentication: "md5" }).errors,
    ).toContain("baseBackup.method: pg_basebackup comes with 9.1; allowed at 9.0: auto, rsync, tar");
    expect(resolve({ baseBackup: { method: "archive" } }).errors).toContain(
      "baseBackup.method: archive goes with a stack that mirrors another (upstream:)",
    );
    for (const rateLimit of ["20", "1.5MB", "31kB", "1025MB", "2GB", "$(id)MB", "-1MB", "999999999999999GB"]) {
      expect(resolve({ baseBackup: { rateLimit } }).errors).toHaveLength(1);
    }
  });

  it("writes synchronous_standby_names in the version's own syntax, without the server itself", () => {
    const synchronous = { method: "any", servers: ["db1", "db2"] };
    expect(resolve({ synchronous }).server("db1")?.settings.synchronous_standby_names).toBe('ANY 1 ("db2")');
    const first = { servers: ["db1", "db2"] };
    expect(
      resolve({ synchronous: first, postgresql: "9.6", authentication: "md5" }).server("db1")?.settings
        .synchronous_standby_names,
    ).toBe('1 ("db2")');
    expect(
      resolve({ synchronous: first, postgresql: "9.4", authentication: "md5" }).server("db1")?.settings
        .synchronous_standby_names,
    ).toBe('"db2"');
  });

  it("renders archiving for the primary and restoring for the standbys, in the version's own file", () => {
    const archiving = { archiveCommand: "cp %p /archive/%f", restoreCommand: "cp /archive/%f %p" };
    const old = resolve({ archiving, postgresql: "11" });
    expect(old.server("db2")?.files["recovery.conf"]).toContain("restore_command = 'cp /archive/%f %p'\n");
    expect(old.server("db1")?.settings).toMatchObject({ archive_mode: "on", archive_command: "cp %p /archive/%f" });
    expect(resolve({ archiving }).server("db2")?.settings.restore_command).toBe("cp /archive/%f %p");
  });

  it("puts the host's address for its name in an access rule", () => {
    const { server } = resolve({ access: ["host orders app far scram-sha-256"] });
    expect(server("db1")?.files["pg_hba.conf"]).toMatch(/^host +orders +app +192\.0\.2\.3\/32 +scram-sha-256$/m);
  });

  it("refuses names that point at nothing, each with its path", () => {
    const { errors } = resolve({
      primary: "db9",
      mirrors: ["nowhere"],
      servers: { db1: { dataDirectory: "/a", host: "elsewhere" }, db2: { dataDirectory: "/b", upstream: "db7" } },
    });
    expect(errors).toEqual([
      'primary: there is no server "db9" in this stack; allowed: db1, db2',
      'servers.db1.host: the host "elsewhere" has no address: add it to hosts (known: db1, db2, far)',
      'servers.db2.upstream: there is no server "db7" in this stack; allowed: db1',
      'mirrors[0]: the host "nowhere" has no address: add it to hosts (known: db1, db2, far)',
    ]);
  });

  it("refuses a chain of upstreams that goes in a circle, and a cascade before 9.2", () => {
    const servers = {
      db1: { dataDirectory: "/a" },
      db2: { dataDirectory: "/b", upstream: "far" },
      far: { dataDirectory: "/c", upstream: "db2" },
    };
    expect(resolve({ servers }).errors).toEqual([
      "servers.db2.upstream: goes in a circle: db2 → far → db2",
      "servers.far.upstream: goes in a circle: far → db2 → far",
    ]);
    const cascade = { ...servers, db2: { dataDirectory: "/b" } };
    expect(resolve({ servers: cascade }).errors).toEqual([]);
    expect(resolve({ servers: cascade, postgresql: "9.1", authentication: "md5" }).errors).toContain(
      "servers.far.upstream: db2 is a standby itself: cascading replication comes with 9.2; allowed: the primary",
    );
  });

  it("refuses two servers in one place", () => {
    const servers = { db1: { dataDirectory: "/a" }, db2: { host: "db1", dataDirectory: "/a" } };
    expect(resolve({ servers }).errors).toEqual([
      "servers.db2.port: db2 and db1 are both on port 5432 of db1 (192.0.2.1): give one of them another port or address",
      "servers.db2.dataDirectory: db2 and db1 share /a on db1: each needs its own",
    ]);
  });

  it("refuses a hot standby below its primary, with its path", () => {
    const servers = { db1: { dataDirectory: "/a" }, db2: { dataDirectory: "/b", settings: { max_connections: 50 } } };
    expect(resolve({ servers }).errors[0]).toMatch(
      /^servers\.db2\.settings\.max_connections: .*below the primary's 100/,
    );
  });

  it("only warns of a missing password, and refuses one for a role that is not there", () => {
    const raw = {
      "pgsite:site": "orders",
      "pgsite:postgresql": "15",
      "pgsite:hosts": '{"db1":"192.0.2.1"}',
      "pgsite:primary": "db1",
      "pgsite:servers": '{"db1":{"dataDirectory":"/a"}}',
      "pgsite:password-nobody": "hunter2",
    };
    const { problems } = resolveStack("production", raw);
    expect(problems.map(({ path, severity }) => `${severity} ${path}`)).toEqual([
      "warning password-postgres",
      "warning password-replicator",
      "error password-nobody",
    ]);
    expect(JSON.stringify(problems)).not.toContain("hunter2");
  });

  it("refuses a password that clients before 9.2 do not read from a password file, and does not tell it", () => {
    const problems = (postgresql: string, password: string) =>
      resolveStack("production", {
        "pgsite:site": "orders",
        "pgsite:postgresql": postgresql,
        "pgsite:authentication": "md5",
        "pgsite:hosts": '{"db1":"192.0.2.1"}',
        "pgsite:primary": "db1",
        "pgsite:servers": '{"db1":{"dataDirectory":"/a"}}',
        "pgsite:password-postgres": password,
        ...(postgresql === "9.0.3" ? {} : { "pgsite:password-replicator": password }),
      })
        .problems.filter(({ severity }) => severity === "error")
        .map(({ path, message }) => `${path}: ${message}`);
    expect(problems("9.0.3", "hun:ter2").join()).toMatch(/^password-postgres: the password of postgres has a colon or/);
    expect(problems("9.1.24", "hun\\ter2").map((one) => one.split(":")[0])).toEqual([
      "password-postgres",
      "password-replicator",
    ]);
    expect(problems("9.1.24", "hun:ter2").join()).not.toContain("ter2");
    expect(problems("9.1.24", "hunter2")).toEqual([]);
    expect(problems("9.2.24", "hun:ter2")).toEqual([]);
  });

  it("needs a head: a primary, or an upstream outside", () => {
    expect(resolve({ primary: undefined }).errors[0]).toContain("primary: is missing");
    const upstream = { server: "db9", host: "far", dataDirectory: "/srv/pg" };
    expect(resolve({ upstream }).errors[0]).toContain("upstream: goes with a stack that only mirrors");
    expect(resolve({ primary: undefined, upstream }).errors).toEqual([]);
  });
});
