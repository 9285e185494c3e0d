import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Layer, resolveSettings } from "../../../postgres/settings/resolve.js";
import { absence, translate } from "../../../postgres/settings/translate.js";
import type { SettingValue } from "../../../postgres/settings/values.js";
import { type Major, majors } from "../../../postgres/versions.js";

function stack(values: Readonly<Record<string, SettingValue>>): Layer {
  return { source: "the stack", path: "settings", values };
}

/** The problems of one layer, as `path: message`. */
function problems(major: Major, values: Readonly<Record<string, SettingValue>>): string[] {
  return resolveSettings(major, [stack(values)]).problems.map(({ path, message }) => `${path}: ${message}`);
}

describe("problems", () => {
  test("all of them are reported at once, each with its path and remedy", () => {
    const given = {
      max_connections: "500ABC",
      max_conections: 400,
      checkpoint_segments: 32,
      work_mem: "12 parsecs",
      summarize_wal: true,
    };
    expect(problems("15", given)).toEqual([
      'settings.max_connections: "500ABC" is not an integer; allowed: 1 to 262143',
      "settings.max_conections: no setting of PostgreSQL 15 has this name; is max_connections meant?",
      "settings.checkpoint_segments: checkpoint_segments ended with 9.4: use max_wal_size",
      'settings.work_mem: "12 parsecs" has the unknown unit "parsecs"; allowed units: B, kB, MB, GB, TB',
      "settings.summarize_wal: summarize_wal comes with 17; this is 15",
    ]);
  });

  test.each<[Major, string, string]>([
    ["9.4", "max_wal_size", "max_wal_size comes with 9.5; this is 9.4"],
    [
      "16",
      "vacuum_defer_cleanup_age",
      "vacuum_defer_cleanup_age ended with 15: use hot_standby_feedback or a replication slot",
    ],
    ["15", "sort_mem", "sort_mem ended before 9.0: use work_mem"],
    ["12", "recovery_target_lsnn", "no setting of PostgreSQL 12 has this name; is recovery_target_lsn meant?"],
    ["15", "nonsense", "no setting of PostgreSQL 15 has this name"],
    ["15", "data_directory", "pgsite decides it: say dataDirectory of the server"],
    ["15", "primary_conninfo", "pgsite decides it from the server's upstream"],
    ["15", "standby_mode", "pgsite decides it by the server's role"],
    ["9.0", "standby_mode", "pgsite decides it by the server's role"],
    ["15", "server_encoding", "it cannot be set: initdb decided it: say initdb.encoding"],
    ["15", "block_size", "it cannot be set: it was decided when the server was compiled"],
    ["15", "include_dir", "it is no setting: pgsite writes the whole configuration in one file"],
  ])("at %s, %s: %s", (major, name, message) => {
    const value = name === "standby_mode" ? "on" : "x";
    expect(problems(major, { [name]: value })).toEqual([`settings.${name}: ${message}`]);
  });

  test("what has a problem is left out, and what a later layer overrides is checked all the same", () => {
    const server = { source: "server2", path: "servers.server2.settings", values: { work_mem: "64MB" } };
    const resolved = resolveSettings("15", [stack({ work_mem: "lots", fsync: true }), server]);
    expect(resolved.postgresql).toEqual({ work_mem: "64MB", fsync: "on" });
    expect(resolved.problems).toHaveLength(1);
    expect(resolved.origins).toEqual({ work_mem: "servers.server2.settings.work_mem", fsync: "settings.fsync" });
  });

  test("one setting under two names in one layer is refused unless both say the same", () => {
    expect(problems("15", { wal_keep_segments: 64, wal_keep_size: "1GB" })).toEqual([]);
    expect(problems("15", { wal_keep_segments: 64, wal_keep_size: "2GB" })).toEqual([
      'settings.wal_keep_size: "2GB" contradicts settings.wal_keep_segments, which is "1024MB"; keep one of them',
    ]);
  });

  test("a value that only some builds take is a warning that says what the build needs", () => {
    expect(resolveSettings("15", [stack({ wal_compression: "lz4" })])).toMatchObject({
      postgresql: { wal_compression: "lz4" },
      problems: [
        { severity: "warning", message: `only programs built with --with-lz4 take "lz4"; the host's must be` },
      ],
    });
  });
});

describe("layers", () => {
  const mandatory: Layer = {
    source: "server2",
    path: "servers.server2",
    values: { port: 5442, primary_conninfo: "host=server3 application_name=server2" },
    mandatory: true,
    decidedBy: { port: "servers.server2.port" },
  };

  test("a mandatory value is refused to others, naming what decides it, unless they agree", () => {
    expect(resolveSettings("15", [stack({ port: 5433 }), mandatory]).problems).toEqual([
      {
        path: "settings.port",
        message: '"5433" contradicts servers.server2.port, which decides it: "5442"; leave it out, or change that',
        severity: "error",
      },
    ]);
    expect(resolveSettings("15", [stack({ port: "5442" }), mandatory]).problems).toEqual([]);
  });

  test("a conninfo that contradicts is refused without showing either", () => {
    const [problem] = resolveSettings("15", [stack({ primary_conninfo: "password=secret" }), mandatory]).problems;
    expect(problem?.message).toBe("another value contradicts server2, which decides it; leave it out, or change that");
  });

  test("a mandatory value wins wherever it stands, and over pgsite's defaults without a word", () => {
    const defaults: Layer = {
      source: "pgsite's defaults",
      path: "",
      values: { port: 5432, wal_level: "replica" },
      defaults: true,
    };
    for (const layers of [
      [defaults, mandatory],
      [mandatory, defaults],
    ]) {
      const resolved = resolveSettings("15", layers);
      expect(resolved.problems).toEqual([]);
      expect(resolved.postgresql).toMatchObject({ port: "5442", wal_level: "replica" });
    }
  });

  test("recovery.conf gets its parameters before 12; from 12 on they are settings", () => {
    const layers: readonly Layer[] = [
      stack({ trigger_file: "/raid3/database/failover_trigger", port: 5442 }),
      { source: "role", path: "servers.server3", values: { standby_mode: true }, mandatory: true },
    ];
    expect(resolveSettings("9.0", layers)).toMatchObject({
      postgresql: { port: "5442" },
      recovery: { trigger_file: "/raid3/database/failover_trigger", standby_mode: "on" },
      problems: [],
    });
    const at12 = resolveSettings("12", layers);
    expect(at12.postgresql).toEqual({ port: "5442", promote_trigger_file: "/raid3/database/failover_trigger" });
    expect(at12.recovery).toEqual({});
    expect(at12.notes.map((note) => note.message)).toEqual([
      "standby_mode is not written at 12: it is the file standby.signal, which pgsite writes by the server's role",
      "trigger_file /raid3/database/failover_trigger is promote_trigger_file /raid3/database/failover_trigger at 12",
    ]);
  });

  test("an extension's settings are taken by every version as they are", () => {
    expect(
      resolveSettings("15", [stack({ "auto_explain.log_analyze": true, "foo.list": ["a", "B"] })]).postgresql,
    ).toEqual({
      "auto_explain.log_analyze": "on",
      "foo.list": 'a, "B"',
    });
  });
});

describe("portable names", () => {
  test.each<[Major, string, SettingValue, Record<string, string>, string[]]>([
    [
      "15",
      "wal_keep_segments",
      64,
      { wal_keep_size: "1024MB" },
      ["wal_keep_segments 64 is wal_keep_size 1024MB at 15"],
    ],
    ["9.0", "wal_keep_segments", 64, { wal_keep_segments: "64" }, []],
    ["12", "wal_keep_size", "100MB", { wal_keep_segments: "7" }, ["wal_keep_size 100MB is wal_keep_segments 7 at 12"]],
    ["9.0", "wal_level", "replica", { wal_level: "hot_standby" }, ["wal_level replica is hot_standby at 9.0"]],
    ["9.6", "wal_level", "hot_standby", { wal_level: "replica" }, ["wal_level hot_standby is replica at 9.6"]],
    ["9.5", "wal_level", "hot_standby", { wal_level: "hot_standby" }, []],
    [
      "9.2",
      "unix_socket_directories",
      "/run/a b",
      { unix_socket_directory: "/run/a b" },
      ["unix_socket_directories '/run/a b' is unix_socket_directory '/run/a b' at 9.2"],
    ],
    [
      "9.3",
      "unix_socket_directory",
      "/run/a b",
      { unix_socket_directories: '"/run/a b"' },
      [`unix_socket_directory '/run/a b' is unix_socket_directories '"/run/a b"' at 9.3`],
    ],
    [
      "15",
      "replication_timeout",
      "60s",
      { wal_sender_timeout: "60s" },
      ["replication_timeout 60s is wal_sender_timeout 60s at 15"],
    ],
    [
      "16",
      "trigger_file",
      "/t",
      {},
      ["trigger_file is not written at 16: there is no trigger file: pgsite promotes by function"],
    ],
    [
      "9.6",
      "promote_trigger_file",
      "/t",
      { trigger_file: "/t" },
      ["promote_trigger_file /t is trigger_file /t at 9.6"],
    ],
  ])("at %s, %s %j", (major, name, value, rendered, notes) => {
    const resolved = resolveSettings(major, [stack({ [name]: value })]);
    expect(resolved.problems).toEqual([]);
    expect({ ...resolved.postgresql, ...resolved.recovery }).toEqual(rendered);
    expect(resolved.notes.map((note) => note.message)).toEqual(notes);
  });

  test("what cannot be said under the other name is refused", () => {
    expect(problems("9.2", { unix_socket_directories: ["/a", "/b"] })).toEqual([
      'settings.unix_socket_directories: "/a, /b" cannot be unix_socket_directory at 9.2: it takes a single folder',
    ]);
    expect(problems("15", { wal_keep_segments: "64MB" })).toEqual([
      'settings.wal_keep_segments: "64MB" is not an integer; allowed: 0 to 2147483647',
    ]);
  });

  test("translating what was translated changes nothing", () => {
    const names = fc.constantFrom(
      "wal_keep_segments",
      "wal_keep_size",
      "wal_level",
      "trigger_file",
      "replication_timeout",
    );
    fc.assert(
      fc.property(fc.constantFrom(...majors), names, fc.integer({ min: 0, max: 1000 }), (major, name, number) => {
        const once = translate(major, name, name === "wal_level" ? "hot_standby" : String(number));
        if (!once.ok || once.name === undefined) return;
        expect(translate(major, once.name, once.value)).toEqual({ ok: true, name: once.name, value: once.value });
      }),
    );
  });

  test("a name that no version knows has no story", () => {
    expect(absence("15", "nonsense")).toBeUndefined();
  });
});
