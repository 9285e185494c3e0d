import { describe, expect, it } from "vitest";
import { describe as describeSite } from "../../../cli/import/describe.js";
import { commandLine, type HandMade } from "../../../cli/import/read.js";
import { settingsFor } from "../../../cli/import/settings.js";
import { renderStackFile } from "../../../cli/import/stackFile.js";
import type { Major } from "../../../postgres/versions.js";

function server(version: Major, settings: Readonly<Record<string, string>>, more: Partial<HandMade> = {}): HandMade {
  return {
    place: { host: "db1", address: "192.0.2.1", transport: "ssh", dataDirectory: "/srv/pg" },
    spec: { name: "db1", address: "192.0.2.1", transport: "ssh", user: "postgres" },
    version,
    systemIdentifier: "1",
    port: 5432,
    binDirectory: `/usr/lib/postgresql/${version}/bin`,
    inRecovery: false,
    settings: Object.fromEntries(Object.entries(settings).map(([k, value]) => [k, { value, from: "postgresql.conf" }])),
    recovery: {},
    access: [],
    files: {},
    folders: {},
    tablespaces: 0,
    hasMaps: false,
    problems: [],
    ...more,
  };
}

const values = (found: HandMade) =>
  Object.fromEntries(Object.entries(settingsFor(found).settings).map(([name, { value }]) => [name, value]));

describe("postmaster.opts", () => {
  it("is read as the settings that its options stand for", () => {
    const text = `/usr/bin/postgres "-D" "/srv/pg" "-p" "5433" "-c" "work_mem=4MB" "--max-connections=20" "-i"\n`;
    expect(commandLine(text)).toEqual({
      program: "/usr/bin/postgres",
      directory: "/srv/pg",
      settings: [
        ["port", "5433"],
        ["work_mem", "4MB"],
        ["max_connections", "20"],
        ["listen_addresses", "*"],
      ],
    });
  });
});

describe("the settings of a hand-made server", () => {
  it("are what differs from PostgreSQL's defaults and from pgsite's own", () => {
    const given = {
      work_mem: "4096kB",
      max_wal_senders: "10",
      wal_level: "replica",
      wal_keep_size: "1024",
      jit: "off",
    };
    expect(values(server("15", { ...given, listen_addresses: "*", hot_standby: "on" }))).toEqual({
      jit: false,
      log_line_prefix: "%m [%p] ",
    });
  });

  it("say PostgreSQL's default where pgsite's is another", () => {
    expect(values(server("15", {}))).toEqual({
      listen_addresses: "localhost",
      log_line_prefix: "%m [%p] ",
      wal_keep_size: 0,
    });
  });

  it("keep octal numbers and units as text, and leave out what other keys say", () => {
    const given = { log_file_mode: "0640", shared_buffers: "16MB", port: "5433", data_directory: "/srv/pg" };
    expect(values(server("9.1", given))).toMatchObject({ log_file_mode: "0640", shared_buffers: "16MB" });
    expect(Object.keys(values(server("9.1", given)))).not.toContain("port");
  });
});

describe("a description", () => {
  const contents = {
    roles: [],
    databases: [],
    ownSettings: [{ name: "work_mem", value: "1GB" }],
    initdb: { locale: "C", encoding: "UTF8", dataChecksums: true },
  };
  const standby = server("15", { primary_conninfo: "host=192.0.2.1 port=5432 user=repl" }, { inRecovery: true });
  const place = { ...standby.place, host: "db2", address: "192.0.2.2" };

  it("finds whom a standby follows, and refuses what an up would undo", () => {
    const servers = [
      { name: "db1", found: server("15", {}) },
      { name: "db2", found: { ...standby, place } },
    ];
    const found = describeSite({ site: "orders", administrator: "postgres", servers, contents, slots: ["tool"] });
    expect(found.keys).toMatchObject({ primary: "db1", replicationRole: "repl", slots: ["tool"] });
    expect(found.obstacles).toEqual([expect.stringContaining("ALTER ROLE ALL SET work_mem TO 1GB cannot be")]);
    expect(renderStackFile(found, "orders")).toContain("  pgsite:primary: db1\n");
  });

  it.each<[Major, string, string | undefined]>([
    ["9.0", "postgres", undefined],
    ["9.0", "repl", "repl"],
    ["9.1", "postgres", "postgres"],
    ["9.1", "replicator", undefined],
  ])("at %s, of standbys that connect as %s, names the replication role %s", (version, user, named) => {
    const recovery = { primary_conninfo: `host=192.0.2.1 port=5432 user=${user}` };
    const servers = [
      { name: "db1", found: server(version, {}) },
      { name: "db2", found: server(version, {}, { inRecovery: true, recovery, place }) },
    ];
    const { keys, replicationRole } = describeSite({ site: "orders", administrator: "postgres", servers, contents });
    expect([keys.replicationRole, replicationRole]).toEqual([named, user]);
  });

  it("names the service that starts them all, and makes none where there is none", () => {
    const service = { name: "postgresql", runLevels: [3, 5] };
    const of = (first: Partial<HandMade>, second: Partial<HandMade>) => {
      const servers = [
        { name: "db1", found: server("15", {}, first) },
        { name: "db2", found: { ...standby, place, ...second } },
      ];
      return describeSite({ site: "orders", administrator: "postgres", servers, contents });
    };
    expect(of({ service }, { service }).keys.service).toEqual(service);
    const { keys, notes } = of({ service }, {});
    expect(keys.service).toEqual({ manager: "none" });
    expect(notes).toContainEqual(expect.stringMatching(/^db1: the service postgresql starts it with its machine/));
    expect(notes).toContainEqual(expect.stringMatching(/^db2: no service starts it with its machine/));
  });

  it("says that the database exists once if somebody does, and then has neither primary nor replication role", () => {
    const one = [{ name: "db1", found: server("15", {}) }];
    const found = { ...contents, ownSettings: [] };
    const site = { site: "orders", administrator: "postgres", contents: found, standalone: true };
    const { keys, obstacles, replicationRole } = describeSite({ ...site, servers: one });
    expect([keys.standalone, keys.primary, keys.replicationRole, obstacles]).toEqual(["db1", undefined, undefined, []]);
    expect(replicationRole).toBe("postgres");
    const two = [...one, { name: "db2", found: { ...standby, place } }];
    expect(describeSite({ ...site, servers: two }).obstacles).toContainEqual(
      expect.stringMatching(/^--standalone says that the database exists once, and these are 2 servers of it$/),
    );
  });

  it("refuses two primaries, another cluster, and configuration elsewhere", () => {
    const other = server("15", { hba_file: "/etc/postgresql/access.conf" }, { systemIdentifier: "2", place });
    const servers = [
      { name: "db1", found: server("15", {}) },
      { name: "db2", found: other },
    ];
    const { obstacles } = describeSite({ site: "orders", administrator: "postgres", servers, contents });
    expect(obstacles.join("\n")).toContain("db1 and db2 both take writes: they are two sites");
    expect(obstacles.join("\n")).toContain("db2: hba_file in postgresql.conf is /etc/postgresql/access.conf");
    expect(obstacles.join("\n")).toContain("db2 is another cluster");
  });
});
