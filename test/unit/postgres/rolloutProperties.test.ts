import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ActualServer, DesiredServer, RolloutPlan, Step } from "../../../postgres/rollout/model.js";
import { planRollout } from "../../../postgres/rollout/plan.js";
import { type Major, majors } from "../../../postgres/versions.js";
import { desired, running, type Settings } from "../../support/rolloutPlans.js";

const floors = ["max_connections", "max_prepared_transactions", "max_locks_per_transaction"] as const;

const settings = fc.record(
  Object.fromEntries(floors.map((name) => [name, fc.integer({ min: 10, max: 14 }).map(String)])) as Record<
    (typeof floors)[number],
    fc.Arbitrary<string>
  >,
);

type Servers = Readonly<Record<string, ActualServer>>;

interface Site {
  readonly shall: Record<string, DesiredServer>;
  readonly is: Record<string, ActualServer>;
}

const side = fc.record({ more: settings, hot: fc.boolean(), upstream: fc.nat() });
type Side = typeof side extends fc.Arbitrary<infer T> ? T : never;

/** The primary, or a hot one among these. */
function upstreamOf(chosen: number, candidates: readonly number[], sides: readonly Side[]): string {
  const possible = [0, ...candidates.filter((index) => sides[index - 1]?.hot === true)];
  return `s${possible[chosen % possible.length]}`;
}

function settingsOf({ more, hot }: Side, primary: Settings, upstream: string): Settings {
  const highest = floors.map((name) => [name, `${Math.max(Number(primary[name]), Number(more[name]))}`]);
  const own = hot ? Object.fromEntries(highest) : more;
  return { ...own, hot_standby: hot ? "on" : "off", primary_conninfo: upstream };
}

/**
 * A primary and up to four standbys in any tree, and in another one afterwards; they become hot and warm. All of it is
 * valid before and after; some are stopped.
 */
const site: fc.Arbitrary<Site> = fc
  .record({
    version: fc.constantFrom<Major>(...majors),
    before: settings,
    after: settings,
    standbys: fc.array(
      fc.record({ before: side, after: side, same: fc.boolean(), running: fc.boolean(), workMem: fc.boolean() }),
      { maxLength: 4 },
    ),
    primaryRunning: fc.boolean(),
  })
  .map(({ version, before, after, standbys, primaryRunning }) => {
    const primary = desired("primary", after, { version });
    const shall: Record<string, DesiredServer> = { s0: primary };
    const is: Record<string, ActualServer> = { s0: running(primary, before, { running: primaryRunning }) };
    const later = standbys.map((one) => (one.same ? { ...one.before, more: one.after.more } : one.after));
    const first = standbys.map((one) => one.before);
    standbys.forEach((standby, index) => {
      const lower = standbys.map((_one, other) => other + 1).filter((other) => other < index + 1);
      const higher = standbys.map((_one, other) => other + 1).filter((other) => other > index + 1);
      const [was, becomes] = [first[index] as Side, later[index] as Side];
      const follows = upstreamOf(was.upstream, standby.same ? lower : higher, first);
      const upstream = upstreamOf(becomes.upstream, lower, later);
      const declared = settingsOf(becomes, after, upstream);
      const found = settingsOf(was, before, follows);
      const one = desired(
        "standby",
        { ...declared, work_mem: standby.workMem ? "8MB" : "4MB" },
        { version, hotStandby: becomes.hot, upstream },
      );
      const recorded = Object.fromEntries(floors.map((name) => [name, Number(before[name])]));
      shall[`s${index + 1}`] = one;
      is[`s${index + 1}`] = running(
        one,
        { ...found, work_mem: "4MB" },
        { running: standby.running, follows, ...(standby.running ? {} : { recorded }) },
      );
    });
    return { shall, is };
  })
  // One that follows another which follows the first is no tree.
  .filter(({ is }) => Object.keys(is).every((name) => chainOf(name, is).at(-1) === "s0"));

function chainOf(name: string, servers: Servers): readonly string[] {
  const chain = [name];
  for (let at = servers[name]?.follows; at !== undefined && !chain.includes(at); at = servers[at]?.follows) {
    chain.push(at);
  }
  return chain;
}

/** Carries a plan out on paper, and calls `observe` after each step and while each server is down. */
function carryOut({ shall, is }: Site, plan: RolloutPlan, observe: (now: Servers, step: Step) => void) {
  const now: Record<string, ActualServer> = { ...is };
  for (const step of plan.steps) {
    const wanted = shall[step.server] as DesiredServer;
    const before = now[step.server] as ActualServer;
    if (step.action === "restart") {
      now[step.server] = { ...before, running: false };
      observe(now, step);
    }
    const follows = wanted.upstream === undefined ? {} : { follows: wanted.upstream };
    now[step.server] =
      step.action === "install" || step.action === "reload"
        ? {
            ...before,
            ...follows,
            files: wanted.files,
            settings: { ...wanted.settings, ...keepFloors(before.settings) },
          }
        : {
            ...before,
            ...follows,
            running: true,
            files: Object.keys(step.hold).length === 0 ? wanted.files : { ...wanted.files, "postgresql.conf": "held" },
            settings: { ...wanted.settings, ...step.hold },
          };
    observe(now, step);
  }
  return now;
}

/** A reload changes none of these. */
function keepFloors(before: Settings): Settings {
  return Object.fromEntries(floors.flatMap((name) => (before[name] === undefined ? [] : [[name, before[name]]])));
}

function downIn(now: Servers): readonly string[] {
  return Object.keys(now).filter((name) => now[name]?.running === false);
}

/** Others can stream from it. */
function serves(name: string, now: Servers): boolean {
  return now[name]?.running === true && (name === "s0" || now[name]?.settings.hot_standby === "on");
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

  it("never has two servers down at once beside those that were, and restarts none before all run that can", () => {
    fc.assert(
      fc.property(site, (one) => {
        const downBefore = downIn(one.is);
        const waits = (name: string, now: Servers): boolean => {
          const upstream = one.shall[name]?.upstream ?? "s0";
          if (upstream === "s0") return false;
          const unsettled = (server: string) => now[server]?.follows !== one.shall[server]?.upstream;
          return !serves(upstream, now) || unsettled(upstream) || unsettled(name) || waits(upstream, now);
        };
        carryOut(one, planRollout(one.is, one.shall), (now) => {
          const ours = downIn(now).filter((name) => !downBefore.includes(name));
          expect(ours.length).toBeLessThanOrEqual(1);
          const others = downIn(now).filter((name) => !ours.includes(name) && !waits(name, now));
          if (ours.length > 0) expect(others).toEqual([]);
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
          for (const name of Object.keys(now).filter((name) => name !== "s0" && serves(name, now))) {
            for (const floor of floors) {
              expect(Number(now[name]?.settings[floor])).toBeGreaterThanOrEqual(Number(primary.settings[floor]));
            }
          }
        });
      }),
      { numRuns: 500 },
    );
  });

  it("starts no stopped hot standby below what its control file asks for", () => {
    fc.assert(
      fc.property(site, (one) => {
        carryOut(one, planRollout(one.is, one.shall), (now, { server, action }) => {
          if (action !== "start" || server === "s0" || !serves(server, now)) return;
          for (const [floor, value] of Object.entries(one.is[server]?.recorded ?? {})) {
            expect(Number(now[server]?.settings[floor])).toBeGreaterThanOrEqual(value);
          }
        });
      }),
      { numRuns: 300 },
    );
  });

  it("never leaves a running standby with an upstream that runs and does not serve", () => {
    fc.assert(
      fc.property(site, (one) => {
        carryOut(one, planRollout(one.is, one.shall), (now) => {
          for (const [name, { follows, running: runs }] of Object.entries(now)) {
            if (!runs || follows === undefined || now[follows]?.running !== true) continue;
            // It was without its upstream before.
            if (one.is[name]?.follows === follows && one.is[follows]?.running === false) continue;
            expect(serves(follows, now), `${name} under ${follows}`).toBe(true);
          }
        });
      }),
      { numRuns: 500 },
    );
  });

  it("gives no server its turn before the upstream that it is to stream from serves", () => {
    fc.assert(
      fc.property(site, (one) => {
        carryOut(one, planRollout(one.is, one.shall), (now, { server, action }) => {
          const upstream = one.shall[server]?.upstream;
          if (upstream === undefined || action === "install" || now[server]?.running !== true) return;
          expect(serves(upstream, now), `${server} under ${upstream}`).toBe(true);
          expect(chainOf(server, now).at(-1)).toBe("s0");
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
