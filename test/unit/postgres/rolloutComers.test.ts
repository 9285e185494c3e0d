import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { lettingBothIn, waysOfReplicas } from "../../../postgres/files/hba/index.js";
import type { ActualServer, DesiredServer, RolloutPlan, Step } from "../../../postgres/rollout/model.js";
import { planRollout } from "../../../postgres/rollout/plan.js";
import type { Major } from "../../../postgres/versions.js";
import { desired, running, words } from "../../support/rolloutPlans.js";

interface Declared {
  /** The role as which standbys come. */
  readonly role: string;
  readonly port: string;
  readonly connections: string;
  /** Changes with a reload. */
  readonly workMem: string;
}

const come = (role: string) => ({ replicas: [`as ${role}`], rules: role });
const conninfo = ({ role, port }: Declared, upstream: string) => `host=${upstream} port=${port} user=${role}`;
const settingsOf = (declared: Declared, upstream?: string) => ({
  port: declared.port,
  max_connections: declared.connections,
  work_mem: declared.workMem,
  hot_standby: "on",
  ...(upstream === undefined ? {} : { primary_conninfo: conninfo(declared, upstream) }),
});
const filesOf = (declared: Declared, upstream?: string) => ({
  "postgresql.conf": JSON.stringify(settingsOf(declared, upstream)),
  "pg_hba.conf": declared.role,
});

/** A primary, and standbys of which each follows one before it. */
function site(version: Major, is: Declared, shall: Declared, upstreams: readonly number[]) {
  const names = ["s0", ...upstreams.map((_one, index) => `s${index + 1}`)];
  const of = (index: number) => (index === 0 ? undefined : `s${(upstreams[index - 1] ?? 0) % index}`);
  const wanted = names.map((name, index): readonly [string, DesiredServer] => {
    const upstream = of(index);
    const more = { version, ...come(shall.role), files: filesOf(shall, upstream) };
    const role = index === 0 ? "primary" : "standby";
    return [name, desired(role, settingsOf(shall, upstream), upstream === undefined ? more : { ...more, upstream })];
  });
  const found = wanted.map(([name, server], index): readonly [string, ActualServer] => {
    const upstream = of(index);
    const follows = upstream === undefined || is.port !== shall.port ? {} : { follows: upstream };
    const more = { ...come(is.role), files: filesOf(is, upstream), ...follows };
    return [name, running(server, settingsOf(is, upstream), more)];
  });
  return { shall: Object.fromEntries(wanted), is: Object.fromEntries(found) };
}

type Site = ReturnType<typeof site>;

const declared = fc.record({
  role: fc.constantFrom("replicator", "another"),
  port: fc.constantFrom("5432", "5433"),
  connections: fc.constantFrom("20", "30", "40"),
  workMem: fc.constantFrom("4MB", "8MB"),
});
const sites = fc
  .record({
    version: fc.constantFrom<Major>("9.6", "11", "12", "13", "15", "18"),
    is: declared,
    shall: declared,
    upstreams: fc.array(fc.nat({ max: 3 }), { minLength: 1, maxLength: 3 }),
  })
  .map(({ version, is, shall, upstreams }) => site(version, is, shall, upstreams));

const union = (one: readonly string[] = [], other: readonly string[] = []) => [...new Set([...one, ...other])];

function carryOut({ is, shall }: Site, { steps }: RolloutPlan, observe: (now: Site["is"], step: Step) => void) {
  const now: Record<string, ActualServer> = { ...is };
  for (const step of steps) {
    const before = now[step.server] as ActualServer;
    const wanted = shall[step.server] as DesiredServer;
    const replicas = step.both === undefined ? wanted.replicas : union(wanted.replicas, before.replicas);
    const access = step.both === undefined ? {} : { "pg_hba.conf": "both" };
    const held = Object.keys(step.hold).length === 0 ? {} : { "postgresql.conf": "held" };
    const rules = { ...(replicas === undefined ? {} : { replicas }), rules: step.both ?? (wanted.rules as string) };
    const follows = step.both === "alone" || wanted.upstream === undefined ? {} : { follows: wanted.upstream };
    const inForce =
      step.action === "reload" ? { port: before.settings.port, max_connections: before.settings.max_connections } : {};
    now[step.server] =
      step.both === "alone"
        ? { ...before, ...rules, files: { ...before.files, ...access } }
        : {
            ...before,
            ...rules,
            ...follows,
            files: { ...wanted.files, ...access, ...held },
            settings: { ...wanted.settings, ...inForce, ...step.hold } as Record<string, string>,
          };
    observe(now, step);
  }
  return now;
}

const part = (one: ActualServer | undefined, name: string) =>
  new RegExp(`${name}=(\\S+)`).exec(one?.settings.primary_conninfo ?? "")?.[1] ?? "";

describe("a rollout in which standbys come otherwise than before", () => {
  it("lets a hot standby whose primary has moved replay its lower floors before it takes them", () => {
    const before: Declared = { role: "replicator", port: "5432", connections: "40", workMem: "4MB" };
    const { is, shall } = site("15", before, { ...before, port: "5433", connections: "30" }, [0]);
    const steps = planRollout(is, shall).steps.map(({ server, action, hold }) => [server, action, hold]);
    expect(steps).toEqual([
      ["s0", "restart", {}],
      ["s1", "restart", { max_connections: "40" }],
      ["s1", "restart", {}],
    ]);
    // The same where an `up` has ended after the primary's turn.
    const now = {
      ...is,
      s0: running(shall.s0 as DesiredServer, shall.s0?.settings ?? {}, { files: shall.s0?.files ?? {} }),
    };
    expect(planRollout(now, shall).steps.map(({ hold }) => hold)).toEqual([{ max_connections: "40" }, {}]);
  });

  it("gives none its turn before its upstream lets it in and listens there, and turns none away before its turn", () => {
    fc.assert(
      fc.property(sites, (one) => {
        const plan = planRollout(one.is, one.shall);
        expect(plan.refusals).toEqual([]);
        carryOut(one, plan, (now, step) => {
          const { server } = step;
          if (step.action === "restart") {
            // Its guard asks all others, as the role that was declared before.
            for (const name of Object.keys(now).filter((one) => one !== server)) {
              expect(now[name]?.replicas, `${name} at the restart of ${server}`).toEqual(
                expect.arrayContaining([...(one.is[server]?.replicas ?? [])]),
              );
            }
          }
          for (const name of Object.keys(now).slice(1)) {
            const upstream = now[part(now[name], "host")];
            expect(upstream?.replicas, `${name} after ${server}`).toContain(`as ${part(now[name], "user")}`);
            if (name === server && step.action !== "install") {
              expect(upstream?.settings.port).toBe(part(now[name], "port"));
            }
          }
        });
      }),
      { numRuns: 500 },
    );
  });

  it("has no hot standby below its primary, also where that restarts at another port first", () => {
    fc.assert(
      fc.property(sites, (one) => {
        carryOut(one, planRollout(one.is, one.shall), (now) => {
          for (const server of Object.values(now)) {
            expect(Number(server.settings.max_connections)).toBeGreaterThanOrEqual(
              Number(now.s0?.settings.max_connections),
            );
          }
        });
      }),
      { numRuns: 500 },
    );
  });

  it("ends as declared, from wherever it was cut off", () => {
    fc.assert(
      fc.property(sites, fc.nat(), (one, cut) => {
        const plan = planRollout(one.is, one.shall);
        const steps = plan.steps.slice(0, plan.steps.length === 0 ? 0 : cut % plan.steps.length);
        for (const is of [one.is, carryOut(one, { ...plan, steps }, () => undefined)]) {
          const end = carryOut({ ...one, is }, planRollout(is, one.shall), () => undefined);
          expect(planRollout(end, one.shall)).toEqual({ steps: [], refusals: [] });
        }
      }),
      { numRuns: 500 },
    );
  });

  it("lets them in both ways before a restart, and as declared alone once all have had their turn", () => {
    const was = { role: "replicator", port: "5432", connections: "20", workMem: "4MB" };
    const raised = site("15", was, { ...was, role: "another", connections: "30" }, [0]);
    expect(words(raised.is, raised.shall)).toEqual([
      "1. s0: reload (pg_hba.conf lets s1 in both as it comes now and as declared)",
      "2. s1: restart (max_connections 20 → 30, primary_conninfo, pg_hba.conf, pg_hba.conf lets s0 in both as it comes now and as declared)",
      "3. s0: restart (max_connections 20 → 30, pg_hba.conf)",
      "4. s1: reload (pg_hba.conf lets in as declared alone)",
    ]);
    const lowered = site("15", { ...was, connections: "30" }, { ...was, role: "another" }, [0]);
    expect(words(lowered.is, lowered.shall)).toEqual([
      "1. s0: reload (pg_hba.conf lets s1 in both as it comes now and as declared)",
      "2. s0: restart (max_connections 30 → 20, pg_hba.conf, pg_hba.conf lets s1 in both as it comes now and as declared)",
      "3. s1: restart (max_connections 30 → 20, primary_conninfo, pg_hba.conf)",
      "4. s0: reload (pg_hba.conf lets in as declared alone)",
    ]);
  });

  it("restarts a primary at its new port first, its raised floor held", () => {
    const was = { role: "replicator", port: "5432", connections: "20", workMem: "4MB" };
    const { is, shall } = site("15", was, { ...was, port: "5433", connections: "30" }, [0]);
    expect(words(is, shall)).toEqual([
      "1. s0: restart (port 5432 → 5433, max_connections stays 20 until s1 has its new value)",
      "2. s1: restart (max_connections 20 → 30, port 5432 → 5433, primary_conninfo)",
      "3. s0: restart (max_connections 20 → 30)",
    ]);
  });
});

describe("the rules by which standbys come", () => {
  const file = (...lines: readonly string[]) => `${lines.join("\n")}\n`;
  const old = "host replication replicator 192.0.2.3/32 md5";
  const next = "host replication replicator 192.0.2.13/32 md5";

  it("are those for replication that let in, whatever their method; of a host rule with TLS and without", () => {
    const ways = waysOfReplicas(file("host all all 192.0.2.3/32 md5", "host replication a 192.0.2.3/32 reject", old));
    expect(ways).toHaveLength(2);
    expect(waysOfReplicas(file(old.replace("md5", "scram-sha-256")))).toEqual(ways);
    expect(ways).toEqual(expect.arrayContaining([...waysOfReplicas(file(old.replace("host", "hostssl")))]));
  });

  it("stand below the declared ones while both are to count, and only what lets somebody else in", () => {
    const declared = file("host all all 192.0.2.0/24 md5", next);
    const both = lettingBothIn(declared, file("host all all 0.0.0.0/0 trust", old, next));
    expect(both.startsWith(declared)).toBe(true);
    expect(both.split("\n").filter((line) => /^host/.test(line))).toEqual([
      "host all all 192.0.2.0/24 md5",
      next,
      "host  replication  replicator  192.0.2.3/32  md5",
    ]);
    expect(lettingBothIn(declared, both)).toBe(both);
    expect(lettingBothIn(declared, declared)).toBe(declared);
  });
});
