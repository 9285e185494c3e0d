import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { settingsOutcome } from "../../../../postgres/upgrade/outcome.js";
import { missingFor } from "../../../../postgres/upgrade/programs.js";
import { settingChanges } from "../../../../postgres/upgrade/settings.js";
import { isDumped, stops, unsupportedFrom } from "../../../../postgres/upgrade/unsupported.js";
import { isWithin, nextOpening } from "../../../../postgres/upgrade/window.js";
import { type Major, majors } from "../../../../postgres/versions.js";

describe("settings", () => {
  const changed = (from: Major, to: Major, set: Readonly<Record<string, string>>) =>
    settingChanges(from, to, set).filter(({ kind }) => kind !== "default");

  it("that are called otherwise keep what they mean", () => {
    expect(changed("12", "13", { wal_keep_segments: "64" })).toEqual([
      { kind: "renamed", name: "wal_keep_segments", value: "64", to: "wal_keep_size", toValue: "1024MB" },
    ]);
    expect(changed("9.5", "10", { wal_level: "hot_standby" })).toEqual([
      { kind: "renamed", name: "wal_level", value: "hot_standby", to: "wal_level", toValue: "replica" },
    ]);
  });

  it("that vanish say what is there instead", () => {
    expect(changed("9.4", "15", { checkpoint_segments: "32" })).toEqual([
      { kind: "vanishes", name: "checkpoint_segments", value: "32", instead: expect.stringContaining("max_wal_size") },
    ]);
    expect(changed("15", "18", { promote_trigger_file: "/t" })).toMatchObject([{ kind: "vanishes" }]);
  });

  it("that both know, and those of extensions, are not spoken of", () => {
    expect(changed("17", "18", { shared_buffers: "1GB", "auto_explain.log_min_duration": "3s" })).toEqual([]);
  });

  it("whose default is another one are named where nobody has set them", () => {
    const defaults = (more: Readonly<Record<string, string>>, declared = {}) =>
      settingChanges("17", "18", more, declared)
        .filter(({ kind }) => kind === "default")
        .map(({ name }) => name);
    expect(defaults({})).toContain("effective_io_concurrency");
    expect(defaults({ effective_io_concurrency: "2" })).not.toContain("effective_io_concurrency");
    expect(defaults({}, { effective_io_concurrency: "2" })).not.toContain("effective_io_concurrency");
    for (const name of defaults({})) expect(name).not.toMatch(/^(lc_|server_version|debug_|TimeZone)/);
  });

  it("that the stack says otherwise, or does not say, are named", () => {
    const of = (set: Readonly<Record<string, string>>, declared: Readonly<Record<string, string>>) =>
      settingChanges("17", "18", set, declared).filter(({ kind }) => kind !== "default");
    expect(of({ work_mem: "5MB", shared_buffers: "1GB" }, { shared_buffers: "1024MB" })).toEqual([
      { kind: "undeclared", name: "work_mem", value: "5MB", to: "4MB" },
    ]);
    expect(of({ work_mem: "5MB" }, { work_mem: "8192", max_connections: "100", jit: "off" })).toEqual([
      { kind: "declared", name: "work_mem", from: "5MB", to: "8MB" },
      { kind: "declared", name: "jit", from: "on", to: "off" },
    ]);
    // Where files are is of the place, and what the host decides has no default.
    expect(of({ hba_file: "/etc/hba", TimeZone: "Asia/Kathmandu" }, {})).toEqual([
      { kind: "undeclared", name: "TimeZone", value: "Asia/Kathmandu" },
    ]);
    expect(of({ "my.password": "hush" }, { "my.password": "hash" })).toEqual([
      { kind: "declared", name: "my.password", from: "********", to: "********" },
    ]);
  });

  it("are compared with what the new server has", () => {
    const set = { wal_keep_segments: "64", work_mem: "5MB", vacuum_cleanup_index_scale_factor: "0.2", jit: "off" };
    const declared = { wal_keep_size: "1GB", jit: "off" };
    const said = settingChanges("12", "18", set, declared).filter(({ kind }) => kind !== "default");
    const has = { wal_keep_size: "1GB", work_mem: "4MB", jit: "off" };
    const outcome = (now: Readonly<Record<string, string>>) =>
      settingsOutcome("18", set, said, new Map(Object.entries(now)));
    expect(outcome(has)).toEqual({
      kept: ["jit"],
      changed: ["wal_keep_segments", "work_mem"],
      gone: ["vacuum_cleanup_index_scale_factor"],
      otherwise: [],
    });
    expect(outcome({ ...has, wal_keep_size: "512MB", jit: "on" }).otherwise).toEqual([
      { name: "wal_keep_segments", said: "1024MB", was: "512MB" },
      { name: "jit", said: "off", was: "on" },
    ]);
    expect(outcome({ ...has, vacuum_cleanup_index_scale_factor: "0.1" }).otherwise).toEqual([
      { name: "vacuum_cleanup_index_scale_factor", was: "0.1" },
    ]);
    const { work_mem: _, ...without } = has;
    expect(outcome(without).otherwise).toEqual([{ name: "work_mem", said: "4MB" }]);
  });

  it("of any two versions are told without a fault", () =>
    fc.assert(
      fc.property(fc.constantFrom(...majors), fc.constantFrom(...majors), (from, to) => {
        for (const change of settingChanges(from, to, {})) expect(change.kind).toBe("default");
      }),
    ));
});

describe("what newer versions refuse", () => {
  const kinds = (from: Major, to: Major) =>
    (["database", "cluster"] as const).flatMap((where) => unsupportedFrom(from, to, where).map(({ kind }) => kind));

  it("is looked for where it may be, and nowhere else", () => {
    expect(kinds("17", "18")).toEqual([
      "reg* columns",
      "composite types of the system",
      "inherited not-null",
      "databases without connections",
    ]);
    expect(kinds("9.3", "18")).toHaveLength(16);
    expect(kinds("12", "13")).not.toContain("with oids");
    expect(kinds("11", "12")).toEqual(expect.arrayContaining(["with oids", "abstime", "sql_identifier"]));
  });

  it("names settings of sessions that ended, but none that a server reads alone", () => {
    const sqlOf = (kind: string) =>
      [...unsupportedFrom("13", "18", "cluster"), ...unsupportedFrom("13", "18", "database")].find(
        (one) => one.kind === kind,
      )?.sql ?? "";
    for (const kind of ["settings that ended", "functions with settings that ended"]) {
      expect(sqlOf(kind)).toMatch(/'force_parallel_mode'.*'operator_precedence_warning'/);
      expect(sqlOf(kind)).not.toContain("promote_trigger_file");
    }
  });

  it("stops pg_upgrade always, and a dump where that does not take it", () => {
    for (const kind of kinds("9.3", "18")) {
      expect([stops(kind, "copy"), stops(kind, "link"), stops(kind, "dump")]).toEqual([true, true, !isDumped(kind)]);
    }
  });
});

describe("programs", () => {
  it("that a way takes, and are not there", () => {
    const none = () => false;
    expect(missingFor("pg_upgrade", "old", "17", none)).toEqual([
      "postgres",
      "pg_ctl",
      "pg_controldata",
      "pg_resetwal",
    ]);
    expect(missingFor("pg_upgrade", "old", "9.6", none)).toContain("pg_resetxlog");
    expect(missingFor("dump", "old", "17", none)).toEqual(["postgres", "pg_ctl"]);
    expect(missingFor("dump", "new", "18", none, () => true)).toEqual(["postgres", "initdb", "pg_ctl"]);
    expect(missingFor("pg_upgrade", "new", "18", none, () => true)).toContain("psql");
    expect(missingFor("pg_upgrade", "new", "18", () => true)).toEqual([]);
  });
});

describe("a window", () => {
  const night = { from: "22:00", until: "05:00", timeZone: "America/Santiago" };
  const at = (text: string) => new Date(text);

  it("is of its zone's clock, and goes past midnight", () => {
    // Three hours behind UTC in November, four in June.
    expect(isWithin(night, at("2026-11-30T01:30:00Z"))).toBe(true);
    expect(isWithin(night, at("2026-11-30T00:59:00Z"))).toBe(false);
    expect(isWithin(night, at("2026-06-30T01:30:00Z"))).toBe(false);
    expect(isWithin(night, at("2026-11-30T07:59:00Z"))).toBe(true);
    expect(isWithin(night, at("2026-11-30T08:00:00Z"))).toBe(false);
  });

  it("has the days on which it begins", () => {
    const saturdays = { ...night, days: [6] };
    expect(isWithin(saturdays, at("2026-12-06T02:00:00Z"))).toBe(true);
    expect(isWithin(saturdays, at("2026-12-06T06:00:00Z"))).toBe(true);
    expect(isWithin(saturdays, at("2026-12-07T02:00:00Z"))).toBe(false);
  });

  it("opens next at a time that is within it, and no minute before", () =>
    fc.assert(
      fc.property(
        fc.date({ min: at("2026-01-01T00:00:00Z"), max: at("2027-12-31T00:00:00Z"), noInvalidDate: true }),
        fc.constantFrom("America/Santiago", "UTC", "Asia/Kathmandu"),
        fc.subarray([0, 1, 2, 3, 4, 5, 6], { minLength: 1 }),
        (now, timeZone, days) => {
          const window = { ...night, timeZone, days };
          const next = nextOpening(window, now) ?? "";
          expect(isWithin(window, at(next))).toBe(true);
          const before = new Date(at(next).getTime() - 60_000);
          if (before > now) expect(isWithin(window, before)).toBe(false);
        },
      ),
      { numRuns: 10 },
    ));
});
