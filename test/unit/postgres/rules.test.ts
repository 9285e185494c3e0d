import { describe, expect, test } from "vitest";
import { checkRules, floorSettings, standbyFloor } from "../../../postgres/settings/rules.js";
import { knownTimeZone } from "../../../postgres/settings/timeZones.js";
import { type Major, majors } from "../../../postgres/versions.js";

function rules(
  major: Major,
  postgresql: Readonly<Record<string, string>>,
  recovery: Readonly<Record<string, string>> = {},
) {
  return checkRules(major, { postgresql, recovery, origins: {} }).map(
    ({ severity, path, message }) => `${severity} ${path}: ${message}`,
  );
}

/** The versions at which these settings are refused, as a range. */
function refusedAt(values: Readonly<Record<string, string>>): string {
  const refused = majors.filter((major) =>
    checkRules(major, { postgresql: values, recovery: {}, origins: {} }).some((one) => one.severity === "error"),
  );
  return refused.length === 0 ? "never" : `${refused[0]} to ${refused.at(-1)}`;
}

describe("what servers refuse", () => {
  test.each<[Record<string, string>, string]>([
    [{ wal_level: "minimal", max_wal_senders: "3" }, "9.0 to 18"],
    [{ wal_level: "minimal", max_wal_senders: "0", archive_mode: "on", archive_command: "x" }, "9.0 to 18"],
    [{ wal_level: "minimal", max_wal_senders: "0", summarize_wal: "on" }, "17 to 18"],
    [
      { wal_level: "replica", max_wal_senders: "20", max_connections: "20", superuser_reserved_connections: "0" },
      "9.1 to 11",
    ],
    [
      { wal_level: "replica", max_wal_senders: "3", superuser_reserved_connections: "10", max_connections: "10" },
      "9.1 to 18",
    ],
    [
      { wal_level: "replica", superuser_reserved_connections: "10", max_connections: "20", max_wal_senders: "10" },
      "11 to 11",
    ],
    [{ wal_level: "replica", max_wal_senders: "1", reserved_connections: "7", max_connections: "10" }, "16 to 18"],
    [{ log_statement_stats: "on", log_parser_stats: "on" }, "9.0 to 18"],
    [{ min_wal_size: "31MB" }, "11 to 18"],
    [{ recovery_target_name: "a", recovery_target_xid: "5" }, "12 to 18"],
    [{ recovery_target_name: "", recovery_target_xid: "5" }, "12 to 18"],
    [{ "auto_explain.log_analyze": "on" }, "9.0 to 9.1"],
    [{ "auto_explain.log_analyze": "on", custom_variable_classes: "a, auto_explain" }, "never"],
    [{ wal_level: "replica", max_wal_senders: "3" }, "never"],
    [{}, "never"],
  ])("%j at %s", (values, versions) => expect(refusedAt(values)).toBe(versions));

  test("the problem stands at the setting that was given, and says what to do", () => {
    expect(rules("15", { wal_level: "minimal", max_wal_senders: "3" })).toEqual([
      "error settings.wal_level: wal_level minimal keeps too little WAL for max_wal_senders 3; say wal_level replica, or max_wal_senders 0",
    ]);
    const origins = { max_connections: "servers.server3.settings.max_connections" };
    expect(checkRules("15", { postgresql: { max_connections: "3" }, recovery: {}, origins })).toEqual([
      {
        path: "servers.server3.settings.max_connections",
        message: "superuser_reserved_connections 3 must be below max_connections 3",
        severity: "error",
      },
    ]);
  });

  test("the defaults of the version count where nothing is said", () => {
    expect(rules("9.6", { max_wal_senders: "3" })[0]).toContain("wal_level minimal keeps too little WAL");
    expect(rules("10", { max_wal_senders: "3" })).toEqual([]);
    expect(rules("10", { wal_level: "minimal" })[0]).toContain("max_wal_senders 10");
  });
});

describe("what servers take and do not do", () => {
  test.each<[Major, Record<string, string>, string]>([
    [
      "15",
      { min_wal_size: "2GB", max_wal_size: "1GB" },
      "min_wal_size 2GB is above max_wal_size 1GB, which then decides",
    ],
    [
      "17",
      { sync_replication_slots: "on" },
      "sync_replication_slots on does nothing without hot_standby_feedback on and a primary_slot_name",
    ],
    [
      "15",
      { wal_level: "minimal", max_wal_senders: "0", hot_standby: "on" },
      "wal_level minimal keeps too little WAL for hot_standby on; say wal_level replica, or hot_standby off",
    ],
    [
      "15",
      { wal_level: "minimal", max_wal_senders: "0", max_replication_slots: "5" },
      "wal_level minimal keeps too little WAL for max_replication_slots 5; say wal_level replica, or max_replication_slots 0",
    ],
    [
      "15",
      { archive_mode: "on" },
      "archive_mode on without archive_command keeps every WAL segment until the disk is full",
    ],
    [
      "15",
      { ssl: "on" },
      "ssl on without ssl_cert_file needs server.crt and server.key in the data directory, or the server does not start",
    ],
    [
      "15",
      { TimeZone: "Mars/Olympus" },
      '"Mars/Olympus" is no time zone that pgsite knows; the server does not start where its host has none of this name',
    ],
  ])("at %s, %j", (major, values, message) => {
    expect(rules(major, values)).toEqual([`warning settings.${Object.keys(values)[0]}: ${message}`]);
  });

  test("before 12 several recovery targets are a warning, for the server follows one", () => {
    expect(rules("9.6", {}, { recovery_target_name: "a", recovery_target_xid: "5" })).toEqual([
      "warning settings.recovery_target_name: recovery_target_name and recovery_target_xid are given together; the server follows one of them and ignores the others",
    ]);
  });
});

describe("the standby's floors", () => {
  test("grow with the versions", () => {
    expect(floorSettings("9.0")).toEqual(["max_connections", "max_prepared_transactions", "max_locks_per_transaction"]);
    expect(floorSettings("9.4")).toContain("max_worker_processes");
    expect(floorSettings("11")).not.toContain("max_wal_senders");
    expect(floorSettings("12")).toContain("max_wal_senders");
  });

  test("a hot standby below its primary is refused, with the defaults counted", () => {
    expect(standbyFloor("15", { max_connections: "400", max_wal_senders: "3" }, {}, true)).toEqual([
      {
        path: "settings.max_connections",
        message:
          "max_connections 100 is below the primary's 400: a hot standby does not start so; allowed: at least 400",
        severity: "error",
      },
    ]);
  });

  test("a warm standby below its primary is warned of, at the path that is asked for", () => {
    const at = (name: string) => `servers.server3.settings.${name}`;
    expect(standbyFloor("9.0", { max_connections: "400" }, { max_connections: "50" }, false, at)).toEqual([
      {
        path: "servers.server3.settings.max_connections",
        message:
          "max_connections 50 is below the primary's 400: this warm standby starts, but can be neither made hot nor promoted",
        severity: "warning",
      },
    ]);
  });

  test("a standby that is not below is well", () => {
    expect(standbyFloor("15", { max_connections: "400" }, { max_connections: "400" }, true)).toEqual([]);
    expect(standbyFloor("15", { max_connections: "50" }, {}, true)).toEqual([]);
  });
});

test("time zones are known by name, by their POSIX form and by hours", () => {
  const known = ["UTC", "GMT", "America/Santiago", "US/Central", "EST5EDT", "CET-1CEST", "<+03>-3", "-3", "Etc/GMT+3"];
  expect(known.filter((name) => !knownTimeZone(name))).toEqual([]);
  expect(["Mars/Olympus", "", "America/Santigo", "UTCC"].filter(knownTimeZone)).toEqual([]);
});
