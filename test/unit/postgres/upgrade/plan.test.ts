import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { UpgradeFacts, UpgradePlan, UpgradeWishes } from "../../../../postgres/upgrade/model.js";
import { planMirrors, planUpgrade, type Wanted } from "../../../../postgres/upgrade/plan.js";
import { unsupportedFrom } from "../../../../postgres/upgrade/unsupported.js";
import { keepsRollback, oldestFor } from "../../../../postgres/upgrade/ways.js";
import { atLeast, type Major, majors } from "../../../../postgres/versions.js";
import { factsOf, gigabyte, wantedOf } from "../../../support/upgradeFacts.js";

const now = new Date("2026-11-30T08:00:00Z");
const lacking = { folder: "/new/bin", missing: { pg_upgrade: ["pg_upgrade"], dump: [] } };
const empty = { folder: "/new/bin", missing: { pg_upgrade: ["postgres"], dump: ["postgres"] } };
const database = { name: "app", size: 1, extensions: [], unsupported: {}, collations: [] };

describe("the way", () => {
  const rows: readonly (readonly [string, UpgradeFacts, Wanted, Pick<UpgradePlan, "way" | "because">])[] = [
    ["copies", factsOf("17"), wantedOf("18"), { way: "copy", because: "cannot clone" }],
    ["clones", factsOf("17", { host: { reflink: true } }), wantedOf("18"), { way: "clone", because: "can clone" }],
    [
      "clones from 12 on",
      factsOf("9.6", { host: { reflink: true } }),
      wantedOf("11"),
      { way: "copy", because: "cannot clone" },
    ],
    [
      "dumps without pg_upgrade",
      factsOf("17", { host: { newPrograms: lacking } }),
      wantedOf("18"),
      { way: "dump", because: "no pg_upgrade" },
    ],
    [
      "names pg_upgrade where nothing is there",
      factsOf("17", { host: { newPrograms: empty } }),
      wantedOf("18"),
      { way: "copy", because: "cannot clone" },
    ],
    ["dumps what is too old", factsOf("9.0"), wantedOf("15"), { way: "dump", because: "too old for pg_upgrade" }],
    [
      "dumps what is deferred",
      factsOf("17"),
      wantedOf("18", { defer: { app: ["log.*"] } }),
      { way: "dump", because: "deferred" },
    ],
    [
      "is what was asked for",
      factsOf("17", { host: { reflink: true } }),
      wantedOf("18", { method: "copy" }),
      { way: "copy", because: "asked" },
    ],
  ];
  it.each(rows)("%s", (_, facts, wanted, way) => {
    expect(planUpgrade(facts, wanted, now)).toMatchObject(way);
  });
});

describe("refused", () => {
  const window = { from: "22:00", until: "05:00", days: [6], timeZone: "America/Santiago" };
  const rows: readonly (readonly [string, UpgradeFacts, Wanted, readonly object[]])[] = [
    ["nothing", factsOf("17"), wantedOf("18"), []],
    [
      "a downgrade, and nothing more of it",
      factsOf("18", { host: { free: 0 } }),
      wantedOf("17"),
      [{ code: "downgrade", from: "18", to: "17" }],
    ],
    ["data that no program takes", factsOf("9.1"), wantedOf("18"), [{ code: "too old", from: "9.1", oldest: "9.2" }]],
    [
      "programs",
      factsOf("17", { host: { newPrograms: lacking } }),
      wantedOf("18", { method: "copy" }),
      [{ code: "programs missing", folder: "/new/bin", programs: ["pg_upgrade"] }],
    ],
    [
      "link without the word",
      factsOf("17"),
      wantedOf("18", { method: "link" }),
      [{ code: "no rollback not accepted" }],
    ],
    ["link with it", factsOf("17"), wantedOf("18", { method: "link", acceptNoRollback: true }), []],
    ["clone where nothing is shared", factsOf("17"), wantedOf("18", { method: "clone" }), [{ code: "cannot clone" }]],
    [
      "space",
      factsOf("17", { host: { free: 10 * gigabyte } }),
      wantedOf("18"),
      [{ code: "space", server: "one", free: 10 * gigabyte }],
    ],
    [
      "a standby's space",
      factsOf("17", { standbys: [{ server: "two", free: gigabyte }] }),
      wantedOf("18"),
      [{ code: "space", server: "two", free: gigabyte }],
    ],
    [
      "prepared transactions",
      factsOf("17", { cluster: { preparedTransactions: 2 } }),
      wantedOf("18"),
      [{ code: "prepared transactions", count: 2 }],
    ],
    [
      "a mount point",
      factsOf("17", { host: { mountPoint: "/srv/pg" } }),
      wantedOf("18"),
      [{ code: "mount point", path: "/srv/pg" }],
    ],
    [
      "a folder in which nobody may rename",
      factsOf("17", { host: { closed: { path: "/var/db", user: "msyspg" } } }),
      wantedOf("18"),
      [{ code: "folder closed", path: "/var/db", user: "msyspg" }],
    ],
    [
      "what a rollback has left",
      factsOf("17", { host: { left: "/srv/pg.version-18" } }),
      wantedOf("18"),
      [{ code: "rolled back before", path: "/srv/pg.version-18", version: "18" }],
    ],
    ["a layout", factsOf("17"), wantedOf("18", {}, { layout: "debian" }), [{ code: "layout", layout: "debian" }]],
    [
      "pg_upgrade's own word",
      factsOf("17", { check: { code: "refused", said: ["no"] } }),
      wantedOf("18"),
      [{ code: "check", said: ["no"] }],
    ],
    [
      "its word, where a dump is made",
      factsOf("17", { check: { code: "refused", said: ["no"] } }),
      wantedOf("18", { method: "dump" }),
      [],
    ],
    [
      "an extension",
      factsOf("17", { cluster: { databases: [{ ...database, extensions: [{ name: "postgis", version: "3.4" }] }] } }),
      wantedOf("18"),
      [{ code: "extension missing", database: "app", extension: "postgis" }],
    ],
    [
      "columns with marks that the new programs do not know, whatever the way",
      factsOf("17", {
        cluster: { databases: [{ ...database, marksColumns: true }] },
        host: { newPrograms: { folder: "/new", version: "18.6", missing: { pg_upgrade: [], dump: [] } } },
        knowsMarks: false,
      }),
      wantedOf("18", { method: "dump" }),
      [{ code: "programs older", databases: ["app"], version: "18.6" }],
    ],
    [
      "marks of which nobody could ask the new programs",
      factsOf("17", { cluster: { databases: [{ ...database, marksColumns: true }] } }),
      wantedOf("18"),
      [],
    ],
    [
      "new programs that know no marks, where there are none",
      factsOf("17", { cluster: { databases: [{ ...database, marksColumns: false }] }, knowsMarks: false }),
      wantedOf("18"),
      [],
    ],
    [
      "what pg_upgrade does not take",
      factsOf("17", { cluster: { databases: [{ ...database, unsupported: { "reg* columns": ["a.b.c"] } }] } }),
      wantedOf("18"),
      [{ code: "unsupported", kind: "reg* columns", database: "app", objects: ["a.b.c"] }],
    ],
    [
      "the same, dumped",
      factsOf("17", { cluster: { databases: [{ ...database, unsupported: { "reg* columns": ["a.b.c"] } }] } }),
      wantedOf("18", { method: "dump" }),
      [],
    ],
    [
      "what a dump does not take either",
      factsOf("13", { cluster: { databases: [{ ...database, unsupported: { "postfix operators": ["a.!"] } }] } }),
      wantedOf("18", { method: "dump" }),
      [{ code: "unsupported", kind: "postfix operators" }],
    ],
    [
      "another time",
      factsOf("17"),
      wantedOf("18", { window }),
      [{ code: "outside window", next: "2026-12-06T01:00:00Z" }],
    ],
    [
      "deferred tables by pg_upgrade",
      factsOf("17"),
      wantedOf("18", { method: "copy", defer: { app: ["log.*"] } }),
      [{ code: "defer takes dump", method: "copy" }],
    ],
    [
      "an upgrade that nobody committed",
      factsOf("17"),
      wantedOf("18", {}, { uncommitted: "16" }),
      [{ code: "uncommitted", from: "16" }],
    ],
    ["a stopped server", factsOf("17", { stopped: true }), wantedOf("18"), [{ code: "stopped", programs: "/old/bin" }]],
    ["a standby", factsOf("17", { inRecovery: true }), wantedOf("18"), [{ code: "not primary" }]],
    [
      "an upstream",
      factsOf("17"),
      wantedOf("18", {}, { upstream: { name: "s1", version: "17" } }),
      [{ code: "upstream first", upstream: "s1", version: "17" }],
    ],
  ];
  it.each(rows)("%s", (_, facts, wanted, refusals) => {
    expect(planUpgrade(facts, wanted, now).refusals).toMatchObject(refusals);
  });
});

it("statistics are kept by 18, but those of CREATE STATISTICS", () => {
  const counted = (extendedStatistics: number) =>
    factsOf("17", { cluster: { databases: [{ ...database, extendedStatistics }] } });
  expect(planUpgrade(counted(0), wantedOf("18"), now).statistics).toBe("kept");
  expect(planUpgrade(counted(1), wantedOf("18"), now).statistics).toBe("kept but extended");
  expect(planUpgrade(counted(0), wantedOf("18", { method: "dump" }), now).statistics).toBe("made again");
  expect(planUpgrade(factsOf("13"), wantedOf("17"), now).statistics).toBe("made again");
});

it("logical slots survive from 17 on, by pg_upgrade", () => {
  const facts = (from: Major) => factsOf(from, { cluster: { logicalSlots: ["s"] } });
  expect(planUpgrade(facts("17"), wantedOf("18"), now).slotsLost).toEqual([]);
  expect(planUpgrade(facts("17"), wantedOf("18", { method: "dump" }), now).slotsLost).toEqual(["s"]);
  expect(planUpgrade(facts("16"), wantedOf("18"), now).slotsLost).toEqual(["s"]);
});

it("mirrors wait for their upstream", () => {
  const facts = {
    from: "17",
    to: "18",
    standbys: [{ server: "des10", free: 100 * gigabyte }],
    size: gigabyte,
  } as const;
  const codes = (version?: Major) =>
    planMirrors(facts, { name: "s1", ...(version === undefined ? {} : { version }) }).refusals.map(({ code }) => code);
  expect([codes("18"), codes("17"), codes()]).toEqual([[], ["upstream first"], ["upstream first"]]);
});

describe("whatever is found and wished", () => {
  const missing = fc.record({
    pg_upgrade: fc.subarray(["pg_upgrade", "psql"]),
    dump: fc.subarray(["pg_dump", "psql"]),
  });
  const wishes: fc.Arbitrary<Partial<UpgradeWishes>> = fc.record({
    method: fc.constantFrom("auto", "clone", "copy", "link", "dump"),
    acceptNoRollback: fc.boolean(),
    jobs: fc.integer({ min: 1, max: 64 }),
    defer: fc.constantFrom({}, { app: ["log.*"] }),
  });
  const kinds = majors.flatMap((from) => unsupportedFrom(from, "18", "database")).map(({ kind }) => kind);
  const cases = fc.record({
    from: fc.constantFrom(...majors),
    to: fc.constantFrom(...majors),
    wishes,
    free: fc.integer({ min: 0, max: 60 }),
    size: fc.integer({ min: 0, max: 50 }),
    reflink: fc.boolean(),
    old: missing,
    next: missing,
    kind: fc.constantFrom(...new Set(kinds)),
    has: fc.boolean(),
  });
  type Case = typeof cases extends fc.Arbitrary<infer T> ? T : never;
  const planOf = ({ from, to, wishes: some, free, size, reflink, old, next, kind, has }: Case) =>
    planUpgrade(
      factsOf(from, {
        cluster: {
          dataSize: size * gigabyte,
          databases: [{ ...database, unsupported: has ? { [kind]: ["a.b.c"] } : {} }],
        },
        host: {
          free: free * gigabyte,
          reflink,
          oldPrograms: { folder: "/old", version: from, missing: old },
          newPrograms: { folder: "/new", version: to, missing: next },
        },
      }),
      wantedOf(to, some),
      now,
    );
  const property = (check: (plan: UpgradePlan, given: Case) => void) =>
    fc.assert(
      fc.property(cases, (given) => check(planOf(given), given)),
      { numRuns: 200 },
    );

  it("goes no way back, and none that cannot be gone back without the word for it", () =>
    property((plan, { from, to, wishes: { method, acceptNoRollback } }) => {
      const isRefused = plan.refusals.length > 0;
      if (atLeast(from, to)) expect(isRefused).toBe(true);
      expect(plan.keepsRollback).toBe(keepsRollback(plan.way));
      if (!plan.keepsRollback) expect(method).toBe("link");
      if (!plan.keepsRollback && acceptNoRollback !== true && !atLeast(from, to)) {
        expect(plan.refusals).toContainEqual({ code: "no rollback not accepted", way: plan.way });
      }
    }));

  it("goes only with space and programs for it, and from data that these take", () =>
    property((plan, { from, to, old, next, free }) => {
      if (plan.refusals.length > 0) return;
      expect(plan.space.needed).toBeLessThanOrEqual(free * gigabyte);
      const by = plan.way === "dump" ? "dump" : "pg_upgrade";
      expect([...old[by], ...next[by]]).toEqual([]);
      expect(atLeast(from, oldestFor(to))).toBe(true);
    }));

  it("names what is in the way of its way, by database and object", () =>
    property((plan, { has, kind, to, from }) => {
      if (!has || atLeast(from, to) || plan.way === "dump") return;
      expect(plan.refusals).toContainEqual({ code: "unsupported", kind, database: "app", objects: ["a.b.c"] });
    }));

  it("takes as long as the data are large, and no less", () =>
    property((plan, { size }) => {
      expect(plan.downtime).toBeGreaterThan(0);
      if (plan.way === "copy") expect(plan.downtime).toBeGreaterThanOrEqual(size * 10);
      if (plan.way === "clone" || plan.way === "link") expect(plan.downtime).toBeLessThan(60);
    }));

  it("takes as long as what is not deferred, and the space of all", () => {
    const facts = factsOf("17");
    const later = (deferredSize: number) => ({
      ...facts,
      cluster: {
        ...facts.cluster,
        databases: facts.cluster.databases.map((one) => ({ ...one, deferredSize })),
      },
    });
    const wanted = wantedOf("18", { defer: { postgres: ["a.*"] } });
    const [none, most] = [0, 9 * gigabyte].map((size) => planUpgrade(later(size), wanted, now));
    expect(most?.downtime).toBeLessThan((none?.downtime ?? 0) / 3);
    expect(most?.space).toEqual(none?.space);
  });
});
