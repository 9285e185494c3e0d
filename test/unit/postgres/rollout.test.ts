import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type ActualServer,
  type DesiredServer,
  describePlan,
  planRollout,
  type RolloutPlan,
} from "../../../postgres/rollout.js";
import { type Major, majors } from "../../../postgres/versions.js";

type Settings = Readonly<Record<string, string>>;

function desired(
  role: DesiredServer["role"],
  settings: Settings = {},
  more: Partial<DesiredServer> = {},
): DesiredServer {
  return {
    version: "15",
    role,
    hotStandby: true,
    settings,
    files: { "postgresql.conf": JSON.stringify(settings), "pg_hba.conf": "hba" },
    ...(role === "primary" ? {} : { upstream: "server2" }),
    ...more,
  };
}

function running(
  shall: DesiredServer,
  settings: Settings = shall.settings,
  more: Partial<ActualServer> = {},
): ActualServer {
  return {
    data: true,
    running: true,
    inRecovery: shall.role !== "primary",
    settings,
    files: { ...shall.files, "postgresql.conf": JSON.stringify(settings) },
    ...more,
  };
}

/** server2 is the primary, server3 follows it, des10 follows server3. */
function cascade(settings: Settings, more: Partial<DesiredServer> = {}): Record<string, DesiredServer> {
  return {
    server2: desired("primary", settings, more),
    server3: desired("standby", settings, more),
    des10: desired("mirror", settings, { upstream: "server3", ...more }),
  };
}

function allRunning(shall: Record<string, DesiredServer>, settings?: Settings): Record<string, ActualServer> {
  return Object.fromEntries(Object.entries(shall).map(([name, server]) => [name, running(server, settings)]));
}

function words(is: Record<string, ActualServer>, shall: Record<string, DesiredServer>): readonly string[] {
  return describePlan(planRollout(is, shall));
}

describe("the order of a rollout", () => {
  it("is empty where everything is as declared", () => {
    const shall = cascade({ max_connections: "400" });
    expect(planRollout(allRunning(shall), shall)).toEqual({ steps: [], refusals: [] });
  });

  it("raises a floor on the leaves first, then their upstream, then the primary", () => {
    const shall = cascade({ max_connections: "500" });
    expect(words(allRunning(shall, { max_connections: "400" }), shall)).toEqual([
      "1. des10: restart (max_connections 400 → 500)",
      "2. server3: restart (max_connections 400 → 500)",
      "3. server2: restart (max_connections 400 → 500)",
    ]);
  });

  it("lowers a floor on the primary first", () => {
    const shall = cascade({ max_connections: "300" });
    expect(words(allRunning(shall, { max_connections: "400" }), shall)).toEqual([
      "1. server2: restart (max_connections 400 → 300)",
      "2. des10: restart (max_connections 400 → 300)",
      "3. server3: restart (max_connections 400 → 300)",
    ]);
  });

  it("restarts standbys twice where one floor rises and another falls", () => {
    const shall = cascade({ max_connections: "500", max_prepared_transactions: "50" });
    const { server2, server3 } = shall;
    if (server2 === undefined || server3 === undefined) throw new Error("no cascade");
    const before = { max_connections: "400", max_prepared_transactions: "100" };
    expect(words(allRunning({ server2, server3 }, before), { server2, server3 })).toEqual([
      "1. server3: restart (max_connections 400 → 500, max_prepared_transactions stays 100 until server2 has its new value)",
      "2. server2: restart (max_connections 400 → 500, max_prepared_transactions 100 → 50)",
      "3. server3: restart (max_prepared_transactions 100 → 50)",
    ]);
  });

  it("gives a warm standby no floor: it goes before the primary also where the value falls", () => {
    const settings = { max_connections: "300", hot_standby: "off" };
    const shall = {
      server2: desired("primary", settings),
      server3: desired("standby", settings, { hotStandby: false }),
    };
    expect(words(allRunning(shall, { ...settings, max_connections: "400" }), shall)).toEqual([
      "1. server3: restart (max_connections 400 → 300)",
      "2. server2: restart (max_connections 400 → 300)",
    ]);
  });

  it("reloads where that is enough, and installs a comment without", () => {
    const shall = cascade({ work_mem: "8MB" });
    const is = {
      ...allRunning(shall),
      server2: running(shall.server2 as DesiredServer, { work_mem: "4MB" }),
      des10: running(shall.des10 as DesiredServer, undefined, {
        files: { "postgresql.conf": "other", "pg_hba.conf": "hba" },
      }),
      server3: running(shall.server3 as DesiredServer, undefined, {
        files: { ...(shall.server3 as DesiredServer).files, "pg_hba.conf": "other" },
      }),
    };
    expect(words(is, shall)).toEqual([
      "1. server2: reload (work_mem 4MB → 8MB)",
      "2. server3: reload (pg_hba.conf)",
      "3. des10: install (text of postgresql.conf)",
    ]);
  });

  it("asks the version whether a change takes a restart", () => {
    for (const [version, action] of [
      ["12", "restart"],
      ["13", "reload"],
    ] as const) {
      const shall = { server3: desired("standby", { primary_conninfo: "host=b" }, { version }) };
      expect(words(allRunning(shall, { primary_conninfo: "host=a" }), shall)).toEqual([
        `1. server3: ${action} (primary_conninfo host=a → host=b)`,
      ]);
    }
  });

  it("compares values and not their spelling, and takes an absent setting as its default", () => {
    const shall = { server2: desired("primary", { work_mem: "64MB", fsync: "on", max_connections: "100" }) };
    const is = { server2: running(shall.server2, { work_mem: "65536kB", fsync: "true" }) };
    expect(words(is, shall)).toEqual(["1. server2: install (text of postgresql.conf)"]);
  });

  it("starts what is stopped, the primary before what follows it, with its new files", () => {
    const shall = cascade({ max_connections: "500" });
    const is = Object.fromEntries(
      Object.entries(allRunning(shall, { max_connections: "400" })).map(([name, server]) => [
        name,
        { ...server, running: false },
      ]),
    );
    expect(words(is, shall)).toEqual([
      "1. server2: start (stopped, max_connections 400 → 500)",
      "2. server3: start (stopped, max_connections 400 → 500)",
      "3. des10: start (stopped, max_connections 400 → 500)",
    ]);
  });

  it("starts a stopped hot standby with what it last had: its control file may ask for it", () => {
    const shall = {
      server2: desired("primary", { max_connections: "300" }),
      server3: desired("standby", { max_connections: "300" }),
    };
    const is = Object.entries(allRunning(shall, { max_connections: "400" }));
    const stopped = Object.fromEntries(is.map(([name, server]) => [name, { ...server, running: false }]));
    expect(words(stopped, shall)).toEqual([
      "1. server2: start (stopped, max_connections 400 → 300)",
      "2. server3: start (stopped, max_connections stays 400 until server2 has its new value)",
      "3. server3: restart (max_connections 400 → 300)",
    ]);
    const primaryHasIt = { ...stopped, server2: running(shall.server2) };
    expect(words(primaryHasIt, shall)).toEqual([
      "1. server3: start (stopped, max_connections stays 400 until server2 has its new value)",
      "2. server3: restart (max_connections 400 → 300)",
    ]);
  });

  it("starts a stopped primary with its old floor while running standbys are below the new one", () => {
    const shall = {
      server2: desired("primary", { max_connections: "500" }),
      server3: desired("standby", { max_connections: "500" }),
    };
    const is = allRunning(shall, { max_connections: "400" });
    expect(words({ ...is, server2: { ...(is.server2 as ActualServer), running: false } }, shall)).toEqual([
      "1. server2: start (stopped, max_connections stays 400 until server3 has its new value)",
      "2. server3: restart (max_connections 400 → 500)",
      "3. server2: restart (max_connections 400 → 500)",
    ]);
  });

  it("leaves a server without data to its seeding", () => {
    const shall = cascade({ max_connections: "500" });
    const is = allRunning(shall);
    expect(
      planRollout({ ...is, des10: { ...(is.des10 as ActualServer), data: false, running: false } }, shall).steps,
    ).toEqual([]);
  });

  it("finishes what an interrupted rollout owes", () => {
    const shall = cascade({ max_connections: "500" });
    const is = allRunning(shall);
    expect(words({ ...is, server3: { ...(is.server3 as ActualServer), pending: "restart" } }, shall)).toEqual([
      "1. server3: restart (an interrupted rollout)",
    ]);
  });

  it("refuses a change of roles, naming every server", () => {
    const shall = { server2: desired("standby", {}, { upstream: "server3" }), server3: desired("primary") };
    const is = {
      server2: running(shall.server2, {}, { inRecovery: false }),
      server3: running(shall.server3, {}, { inRecovery: true }),
    };
    expect(words(is, shall)).toEqual([
      "refused: server2 is not in recovery and is declared standby; server3 is in recovery and is declared primary: making another server the primary is a switchover, which this version of pgsite does not do. Nothing was changed; declare the roles that the servers have",
    ]);
  });

  it("refuses a hot standby declared below its primary", () => {
    const shall = {
      server2: desired("primary", { max_connections: "500" }),
      server3: desired("standby", { max_connections: "400" }),
    };
    expect(planRollout(allRunning(shall), shall)).toEqual({
      steps: [],
      refusals: ["server3: max_connections 400 is below the 500 of server2, and a hot standby would not start"],
    });
  });
});

const floors = ["max_connections", "max_prepared_transactions", "max_locks_per_transaction"] as const;

const settings = fc.record(
  Object.fromEntries(floors.map((name) => [name, fc.integer({ min: 10, max: 14 }).map(String)])) as Record<
    (typeof floors)[number],
    fc.Arbitrary<string>
  >,
);

interface Site {
  readonly shall: Record<string, DesiredServer>;
  readonly is: Record<string, ActualServer>;
}

/** A primary and up to four standbys in any tree, all of them valid before and after, some of them stopped. */
const site: fc.Arbitrary<Site> = fc
  .record({
    version: fc.constantFrom<Major>(...majors),
    before: settings,
    after: settings,
    standbys: fc.array(
      fc.record({
        moreBefore: settings,
        moreAfter: settings,
        hot: fc.boolean(),
        upstream: fc.nat(),
        running: fc.boolean(),
        workMem: fc.boolean(),
      }),
      { maxLength: 4 },
    ),
    primaryRunning: fc.boolean(),
  })
  .map(({ version, before, after, standbys, primaryRunning }) => {
    const primary = desired("primary", after, { version });
    const shall: Record<string, DesiredServer> = { s0: primary };
    const is: Record<string, ActualServer> = { s0: running(primary, before, { running: primaryRunning }) };
    const highest = (one: Settings, other: Settings): Settings =>
      Object.fromEntries(floors.map((name) => [name, `${Math.max(Number(one[name]), Number(other[name]))}`]));
    standbys.forEach((standby, index) => {
      const name = `s${index + 1}`;
      const hot = { hot_standby: standby.hot ? "on" : "off" };
      const declared = standby.hot ? highest(after, standby.moreAfter) : standby.moreAfter;
      const found = standby.hot ? highest(before, standby.moreBefore) : standby.moreBefore;
      const one = desired(
        "standby",
        { ...declared, ...hot, work_mem: standby.workMem ? "8MB" : "4MB" },
        {
          version,
          hotStandby: standby.hot,
          upstream: `s${standby.upstream % (index + 1)}`,
        },
      );
      shall[name] = one;
      is[name] = running(one, { ...found, ...hot, work_mem: "4MB" }, { running: standby.running });
    });
    return { shall, is };
  });

/** Carries a plan out on paper, and calls `observe` after each step and while each server is down. */
function carryOut({ shall, is }: Site, plan: RolloutPlan, observe: (now: Record<string, ActualServer>) => void) {
  const now: Record<string, ActualServer> = { ...is };
  for (const step of plan.steps) {
    const wanted = shall[step.server] as DesiredServer;
    const before = now[step.server] as ActualServer;
    if (step.action === "restart") {
      now[step.server] = { ...before, running: false };
      observe(now);
    }
    now[step.server] =
      step.action === "install" || step.action === "reload"
        ? { ...before, files: wanted.files, settings: { ...wanted.settings, ...keepFloors(before.settings) } }
        : {
            ...before,
            running: true,
            files: Object.keys(step.hold).length === 0 ? wanted.files : { ...wanted.files, "postgresql.conf": "held" },
            settings: { ...wanted.settings, ...step.hold },
          };
    observe(now);
  }
  return now;
}

/** A reload changes none of these. */
function keepFloors(before: Settings): Settings {
  return Object.fromEntries(floors.flatMap((name) => (before[name] === undefined ? [] : [[name, before[name]]])));
}

function downIn(now: Record<string, ActualServer>): readonly string[] {
  return Object.keys(now).filter((name) => now[name]?.running === false);
}

describe("every rollout", () => {
  it("ends with every server running as declared, and planning again finds nothing to do", () => {
    fc.assert(
      fc.property(site, (one) => {
        const plan = planRollout(one.is, one.shall);
        expect(plan.refusals).toEqual([]);
        const end = carryOut(one, plan, () => undefined);
        expect(planRollout(end, one.shall)).toEqual({ steps: [], refusals: [] });
      }),
      { numRuns: 500 },
    );
  });

  it("never has two servers down at once beside those that were, and restarts none before all run", () => {
    fc.assert(
      fc.property(site, (one) => {
        const plan = planRollout(one.is, one.shall);
        const downBefore = downIn(one.is);
        carryOut(one, plan, (now) => {
          const ours = downIn(now).filter((name) => !downBefore.includes(name));
          expect(ours.length).toBeLessThanOrEqual(1);
          if (ours.length > 0) expect(downIn(now)).toEqual(ours);
        });
      }),
      { numRuns: 500 },
    );
  });

  it("never has a running hot standby below what its primary last ran with", () => {
    fc.assert(
      fc.property(site, (one) => {
        carryOut(one, planRollout(one.is, one.shall), (now) => {
          const primary = now.s0 as ActualServer;
          for (const [name, standby] of Object.entries(now)) {
            if (name === "s0" || !standby.running || one.shall[name]?.hotStandby !== true) continue;
            for (const floor of floors) {
              expect(Number(standby.settings[floor])).toBeGreaterThanOrEqual(Number(primary.settings[floor]));
            }
          }
        });
      }),
      { numRuns: 500 },
    );
  });

  it("can be cut off after any step and goes on to the same end", () => {
    fc.assert(
      fc.property(site, fc.nat(), (one, cut) => {
        const plan = planRollout(one.is, one.shall);
        const first = { ...plan, steps: plan.steps.slice(0, plan.steps.length === 0 ? 0 : cut % plan.steps.length) };
        const half = { ...one, is: carryOut(one, first, () => undefined) };
        const end = carryOut(half, planRollout(half.is, one.shall), () => undefined);
        expect(planRollout(end, one.shall).steps).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });
});
