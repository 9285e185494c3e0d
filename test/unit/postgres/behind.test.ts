import { describe, expect, it } from "vitest";
import type { Behind, Rejoin } from "../../../postgres/rollout/diverged.js";
import type { ActualServer } from "../../../postgres/rollout/model.js";
import { planRollout } from "../../../postgres/rollout/plan.js";
import { promotedBy } from "../../../postgres/rollout/promotion.js";
import { type Major, majors } from "../../../postgres/versions.js";
import type { Received } from "../../../postgres/wal/received.js";
import { describePlan } from "../../../servers/words/plan.js";
import { desired, running } from "../../support/rolloutPlans.js";

const follows = { trigger_file: "/srv/failover" };

function declared(version: Major, primary = "server3") {
  const of = (name: string, role: "standby" | "mirror") =>
    name === primary ? desired("primary", {}, { version }) : desired(role, {}, { version, upstream: primary });
  return { server2: of("server2", "standby"), server3: of("server3", "standby"), des10: of("des10", "mirror") };
}

/** server2 takes writes, and the others follow it. */
function asBefore(version: Major, more: Readonly<Record<string, Partial<ActualServer>>> = {}) {
  const shall = declared(version, "server2");
  const standby = { inRecovery: true, follows: "server2" };
  return {
    server2: { ...running(shall.server2), ...more.server2 },
    server3: { ...running(shall.server3, {}, { ...standby, settings: follows }), ...more.server3 },
    des10: { ...running(shall.des10, {}, standby), ...more.des10 },
  };
}

const all = ["server2", "server3", "des10"];
const hands = "1. server2: shut down; server3: promote, once it has all that server2 wrote (switchover)";
const why =
  "before 9.3 no standby follows that over the line; it has nothing that server3 has not, so nothing of it is kept";
const again = `seed again by base backup (server3 goes on on a timeline of its own, and ${why})`;
const word = "nobody has allowed";

const behind: Behind = { primary: "server3", timelines: { own: 1, primary: 2 }, way: "delta copy", instead: [] };
const received: Received = {
  timeline: 1,
  lsn: "0/5000060",
  at: "2026-11-21T14:02:11.000Z",
  ago: 35_000,
  stream: { kind: "broken" },
};

describe("a switchover of a version that does not follow over the line", () => {
  it.each(["9.0", "9.1", "9.2"] as const)(
    "at %s seeds all others again, one after the other, where that is allowed",
    (version) => {
      expect(describePlan(planRollout(asBefore(version), declared(version), {}, all))).toEqual([
        hands,
        `2. des10: ${again}`,
        `3. server2: ${again}`,
      ]);
    },
  );

  it("names the servers of which nobody allowed it, and does nothing", () => {
    const plan = planRollout(asBefore("9.2"), declared("9.2"), {}, ["des10"]);
    expect(plan.steps).toEqual([]);
    expect(describePlan(plan)).toEqual([
      "refused: the switchover from server2 to server3: before 9.3 no standby follows another timeline over the line, so that all others are seeded again after it, one after the other, and nobody has allowed that: declare servers.server2.seedAgain: true, and run pulumi up. Nothing was changed",
    ]);
  });

  it("first seeds who takes less time", () => {
    const server2 = { behind };
    const [, second, third] = describePlan(planRollout(asBefore("9.2", { server2 }), declared("9.2"), {}, all));
    expect([second, third].join()).toMatch(
      /^2\. server2: seed again by delta copy .*,3\. des10: seed again by base backup /,
    );
  });

  it("is refused where there is no room for what is copied", () => {
    const refusal = { host: "host10", directory: "/srv", free: 5_000_000, needed: 70_000_000 };
    const des10 = { behind: { primary: "server3", way: "base backup", instead: [], refusal } } as const;
    expect(describePlan(planRollout(asBefore("9.1", { des10 }), declared("9.1"), {}, all))).toEqual([
      "refused: des10 cannot be seeded again from server3: /srv on host10 has 5 MB free, and what is copied takes 70 MB: make room. Nothing was changed",
    ]);
  });

  it.each(majors.filter((one) => !["9.0", "9.1", "9.2"].includes(one)))("at %s seeds nobody", (version) => {
    const steps = describePlan(planRollout(asBefore(version), declared(version), {}, all));
    expect(steps[0]).toBe(hands);
    expect(steps.join()).not.toContain("seed again");
  });
});

describe("a failover of such a version", () => {
  const lost = { server2: { acceptDataLoss: false } };
  const left = (more: Readonly<Record<string, Partial<ActualServer>>> = {}) => {
    const given = { server3: { received, ...more.server3 }, des10: { received, ...more.des10 } };
    const { server3, des10 } = asBefore("9.0", given);
    return { server3, des10 };
  };
  const { server3, des10 } = declared("9.0");
  const plan = (more?: Readonly<Record<string, Partial<ActualServer>>>) =>
    planRollout(left(more), { server3, des10 }, lost);

  it("has lost for its word", () => {
    expect(describePlan(plan())[1]).toBe(`2. des10: ${again}`);
  });

  it("leaves one that has more for the rejoin", () => {
    const more = { received: { ...received, lsn: "0/6000000" } };
    const accepted = { server2: { acceptDataLoss: true } };
    expect(planRollout(left({ des10: more }), { server3, des10 }, accepted).steps).toEqual([]);
  });

  it("does not wait for room on another host", () => {
    const refusal = { host: "host10", directory: "/srv", free: 5, needed: 70 };
    const full = { behind: { primary: "server3", way: "base backup", instead: [], refusal } } as const;
    expect(plan({ des10: full }).refusals).toEqual([]);
  });

  it("is refused beforehand where nothing can promote the standby", () => {
    const said = describePlan(plan({ server3: { settings: {} } }));
    expect(said).toEqual([
      "refused: the failover from server2 to server3: PostgreSQL 9.0 is promoted by a trigger file alone, and server3 runs without trigger_file: add trigger_file = 'PATH' to its recovery.conf, start it anew (pgsite stop server3, pgsite start server3), and run again",
    ]);
  });
});

describe("a server that is behind on a timeline that its primary left", () => {
  const is = (more: Partial<ActualServer>) => {
    const shall = declared("9.2");
    return {
      server3: running(shall.server3),
      server2: { ...running(shall.server2, {}, { follows: "server3" }), ...more },
      des10: running(shall.des10, {}, { follows: "server3" }),
    };
  };
  const said = (more: Partial<ActualServer>, allowed: readonly string[], lost = {}) =>
    describePlan(planRollout(is(more), declared("9.2"), lost, allowed));

  it("is seeded again, where that is allowed", () => {
    const step = `1. server2: seed again by delta copy (it is behind on timeline 1, which server3 left for 2, and ${why})`;
    expect(said({ behind }, ["server2"])).toEqual([step]);
    expect(said({ behind }, [], { server1: { acceptDataLoss: false } })).toEqual([step]);
    // Whatever else it needs comes with it.
    expect(said({ behind, settings: { work_mem: "1MB" } }, ["server2"])).toEqual([step]);
  });

  it("is left as it is where nobody has, and its word is named", () => {
    const [refusal] = said({ behind }, ["des10"]);
    expect(refusal).toMatch(/^refused: server2 would be seeded again by delta copy \(/);
    expect(refusal).toContain(
      `${word} it: declare servers.server2.seedAgain: true, and run pulumi up. Nothing was changed`,
    );
  });

  it("needs no word where it went its own way: what it has is kept", () => {
    const rejoin: Rejoin = {
      ...{ timeline: 1, primary: "server3", primaryTimeline: 2, at: "0/5000060", end: "on", recovers: true },
      ...{ way: "base backup", instead: [], keep: "data", kept: "/db.diverged-TIME" },
    };
    expect(said({ rejoin }, [])[0]).toMatch(/^1\. server2: rejoin by base backup .*its data are kept in/);
  });
});

describe("how a version is promoted", () => {
  it("is a trigger file at 9.0 alone, and waits for nothing", () => {
    expect(majors.filter((one) => promotedBy(one).by === "trigger file")).toEqual(["9.0"]);
    expect(promotedBy("9.6")).toMatchObject({ by: "pg_ctl", options: [] });
    expect(promotedBy("10")).toMatchObject({ by: "pg_ctl", options: ["-W"] });
  });
});

describe("two that take writes on one timeline", () => {
  const beside = (end: Rejoin["end"], at: object): Rejoin => ({
    ...{ timeline: 1, primary: "server3", primaryTimeline: 1, end, recovers: false, ...at },
    ...{ way: "delta copy", instead: [{ way: "pg_rewind", why: { code: "oneTimeline" } }] },
    ...{ keep: "data", kept: "/db.diverged-TIME" },
  });
  const said = (more: Partial<ActualServer>) => {
    const shall = declared("15");
    const server2 = { ...running(shall.server2, {}, { inRecovery: false }), ...more };
    const is = { server3: running(shall.server3), server2, des10: running(shall.des10, {}, { follows: "server3" }) };
    return describePlan(planRollout(is, shall));
  };

  it("leave the declared one alone: the other is stopped, kept and brought back", () => {
    expect(said({ rejoin: beside("writes", { at: "0/70000A8" }) })).toEqual([
      "1. server2: stop: it takes writes NOW, beside server3, on the same timeline 1, and since 0/70000A8 what they write is not the same; what it wrote since is kept aside, not merged",
      "2. server2: rejoin by delta copy (it took writes on timeline 1 beside server3, which is on the same, since 0/70000A8: it was started without what makes it a standby; its data are kept in /db.diverged-TIME; no pg_rewind: both are on one timeline, and it looks for where two parted)",
    ]);
  });

  it("say so where nobody can tell since where, and of one that does not run any more", () => {
    const stopped = { running: false, shutDown: true, rejoin: beside("on", {}) } as const;
    expect(said(stopped)[0]).toContain(
      "it took writes, until it was shut down, on timeline 1 beside server3, which is on the same, and nobody can tell since where:",
    );
  });
});
