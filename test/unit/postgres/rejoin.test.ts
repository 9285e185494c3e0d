import { describe, expect, it } from "vitest";
import { isKeptDirectory, keptDirectory, timeKept } from "../../../config/controlDirectory.js";
import type { Fork, Rejoin } from "../../../postgres/rollout/diverged.js";
import type { ActualServer } from "../../../postgres/rollout/model.js";
import { bestWay, type RewindFacts, whyNoRewind } from "../../../postgres/rollout/rejoin.js";
import { rewindObstacleInWords } from "../../../servers/words/rejoin.js";
import { desired, running, words } from "../../support/rolloutPlans.js";

const facts: RewindFacts = {
  server: "server2",
  primary: "server3",
  version: "15",
  oneTimeline: false,
  program: { path: "/usr/lib/postgresql/15/bin/pg_rewind", host: "host2", there: true },
  recovers: false,
  namesTimeline: true,
  logsHints: true,
  fullPageWrites: true,
  missing: [],
};

const rewind = { code: "failed", exitCode: 1, said: ["x"] } as const;
const delta = { code: "noRsync", hosts: ["host2"] } as const;

describe("the way in which a diverged server rejoins", () => {
  it.each([
    ["nothing speaks against it", {}, undefined],
    ["it is too old", { version: "9.4" }, "it comes with 9.5"],
    [
      "the program is missing",
      { program: { ...facts.program, there: false } },
      "host2 has no /usr/lib/postgresql/15/bin/pg_rewind",
    ],
    ["hint bits are not in the WAL", { logsHints: false }, "server2 has neither data checksums nor wal_log_hints"],
    ["pages are not in the WAL", { fullPageWrites: false }, "full_page_writes is off on server3"],
    [
      "a standby's WAL is read too short",
      { recovers: true, version: "13" },
      "before 14 it may take a standby's last checkpoint for its end",
    ],
    ["a standby's is read", { recovers: true }, undefined],
    [
      "the timeline is not known",
      { recovers: true, namesTimeline: false },
      "the control file of server2 does not name the timeline that it had reached",
    ],
    [
      "WAL is gone",
      { missing: [{ segment: "000000010000000000000005", server: "server2" }] },
      "the WAL since the fork is gone: 000000010000000000000005 on server2",
    ],
  ] as const)("is pg_rewind or not: %s", (_name, more, reason) => {
    const obstacle = whyNoRewind({ ...facts, ...more });
    expect(obstacle === undefined ? undefined : rewindObstacleInWords(obstacle)).toBe(reason);
  });

  it("is the best that goes, with why it is no better one", () => {
    expect(bestWay({ rewind: undefined, delta: undefined })).toEqual({ way: "pg_rewind", instead: [] });
    expect(bestWay({ rewind, delta: undefined })).toEqual({
      way: "delta copy",
      instead: [{ way: "pg_rewind", why: rewind }],
    });
    expect(bestWay({ rewind, delta })).toEqual({
      way: "base backup",
      instead: [
        { way: "pg_rewind", why: rewind },
        { way: "delta copy", why: delta },
      ],
    });
  });

  it("keeps what diverged in a folder that nothing else is taken for", () => {
    expect(isKeptDirectory("db.diverged-20261121T193000Z", "db")).toBe(true);
    expect(timeKept(keptDirectory("/srv/db", "20261121T193000Z"))).toBe("2026-11-21T19:30:00Z");
    for (const name of [
      "db",
      "db.diverged-",
      "db.diverged-20261121T193000Z.incomplete",
      "db2.diverged-20261121T193000Z",
    ]) {
      expect(isKeptDirectory(name, "db"), name).toBe(false);
    }
  });
});

const shall = {
  server2: desired("standby", {}, { upstream: "server3" }),
  server3: desired("primary"),
  des10: desired("mirror", {}, { upstream: "server3" }),
};
const fork: Fork = { timeline: 1, primary: "server3", primaryTimeline: 2, at: "0/5000060", end: "on", recovers: false };
const rejoin: Rejoin = { ...fork, way: "pg_rewind", instead: [], keep: "data", kept: "/db.diverged-TIME" };

function actual(server2: Partial<ActualServer>, others: Partial<ActualServer> = {}) {
  return {
    server2: { ...running(shall.server2, {}, { inRecovery: false, running: false }), ...server2 },
    server3: { ...running(shall.server3), ...others },
    des10: running(shall.des10, {}, { follows: "server3" }),
  };
}

describe("a plan for a server that went its own way", () => {
  it("rejoins it, and says by which way and where its data are", () => {
    expect(words(actual({ rejoin }), shall)).toEqual([
      "1. server2: rejoin by pg_rewind (its timeline 1 went on after server3 had left it for 2; its data are kept in /db.diverged-TIME)",
    ]);
  });

  it("says that nobody knows where it ended which crashed, what is kept of it, and why no better way goes", () => {
    const instead = [{ way: "pg_rewind", why: rewind }] as const;
    const more: Rejoin = { ...rejoin, end: "crashed", keep: "wal", way: "delta copy", instead };
    expect(words(actual({ rejoin: more }), shall)).toEqual([
      '1. server2: rejoin by delta copy (it crashed on timeline 1, perhaps after server3 had left it for 2; its WAL since then is kept in /db.diverged-TIME; no pg_rewind: pg_rewind says "x")',
    ]);
  });

  it("stops one that takes writes before anything else", () => {
    const writes: Rejoin = { ...rejoin, end: "writes" };
    const plan = words(actual({ running: true, rejoin: writes }, { settings: { work_mem: "1MB" } }), shall);
    expect(plan[0]).toBe(
      "1. server2: stop: it takes writes NOW, beside server3, on timeline 1, which server3 left at 0/5000060 for 2; what it wrote since is kept aside, not merged",
    );
    expect(plan.slice(1).map((line) => line.split(" (")[0])).toEqual([
      "2. server3: reload",
      "3. server2: rejoin by pg_rewind",
    ]);
  });

  it("comes after the primary's start, and holds what the primary has", () => {
    const plan = words(actual({ rejoin }, { running: false, settings: { max_connections: "200" } }), shall);
    expect(plan[0]).toMatch(/^1\. server3: start/);
    expect(plan[1]).toMatch(/^2\. server2: rejoin by pg_rewind \(its timeline/);
  });

  it("refuses where it cannot be done, and where it went its own way and nobody can tell how to bring it back", () => {
    const refusal = { host: "host2", directory: "/srv", free: 5_000_000, needed: 70_000_000 };
    expect(words(actual({ rejoin: { ...rejoin, refusal } }), shall)).toEqual([
      "refused: server2 cannot rejoin server3: /srv on host2 has 5 MB free, and what is kept of it and copied takes 70 MB: make room, or declare servers.server2.keepDiverged: wal, which keeps the WAL since the fork and not all data. Nothing was changed",
    ]);
    const diverged = { kind: "went on", timeline: 2, primaryTimeline: 3, remedy: "by hand" } as const;
    expect(words(actual({ diverged }), shall)).toEqual([
      "refused: the timeline of server2 is 2, and went on after the primary had left that for 3 (save what it alone has, then move its data directory away and run pulumi up). Nothing was changed",
    ]);
  });
});
