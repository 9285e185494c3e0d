import { describe, expect, it } from "vitest";
import type { ActualServer, LostServers } from "../../../postgres/rollout/model.js";
import { planRollout } from "../../../postgres/rollout/plan.js";
import type { Received, StreamEnd } from "../../../postgres/wal/received.js";
import { describePlan } from "../../../servers/words/plan.js";
import { desired, running } from "../../support/rolloutPlans.js";

const shall = {
  server3: desired("primary"),
  des10: desired("mirror", {}, { upstream: "server3" }),
};
const lost = { server2: { acceptDataLoss: false } };
const accepted = { server2: { acceptDataLoss: true } };
const at = "2026-11-21T14:02:11.000Z";

function received(lsn: string, stream: StreamEnd = { kind: "broken" }, more: Partial<Received> = {}): Received {
  return { timeline: 1, lsn, at, ago: 35_000, stream, ...more };
}

/** server2 took writes until it was lost, and both follow it still. */
function actual(more: Readonly<Record<string, Partial<ActualServer>>> = {}) {
  const standby = { inRecovery: true, follows: "server2", received: received("0/5000060") };
  return {
    server3: { ...running(shall.server3, {}, standby), ...more.server3 },
    des10: { ...running(shall.des10, {}, standby), ...more.des10 },
  };
}

const plan = (more?: Readonly<Record<string, Partial<ActualServer>>>, gone: LostServers = lost) =>
  describePlan(planRollout(actual(more), shall, gone));
const promote =
  "1. server3: promote (failover: server2 is lost); it received up to 0/5000060 at 14:02:11 UTC, 35 s ago, and";
const ended = "its stream ended with the primary; what server2 wrote after that is lost";

describe("a primary that is declared lost", () => {
  it("is taken over from by the declared one: what with it is lost is said", () => {
    expect(plan()).toEqual([`${promote} ${ended}, of which des10 received nothing either`]);
  });

  it("leaves nobody who knows what it wrote last, where there is no other standby", () => {
    const { server3 } = actual();
    const said = describePlan(planRollout({ server3 }, { server3: shall.server3 }, lost));
    expect(said).toEqual([`${promote} ${ended}, and nobody but server2 knows what that is`]);
  });

  it("may have said nothing when it went: its stream is open still", () => {
    expect(plan({ server3: { received: received("0/5000060", { kind: "open" }) } })[0]).toContain(
      `${promote} its stream is open still, while nothing more comes; what server2 wrote after that is lost`,
    );
  });

  it("loses nothing where it was shut down and not started again", () => {
    const finished = received("0/5000060", { kind: "finished" });
    expect(plan({ server3: { received: finished } })).toEqual([
      `${promote} server2 was shut down and had sent it everything; what it wrote if it was started again after that is lost`,
    ]);
  });

  it("has others follow whoever takes over", () => {
    const settings = { primary_conninfo: "host=server2" };
    expect(plan({ des10: { settings, filed: settings } })[1]).toMatch(
      /^2\. des10: (reload|restart) \(primary_conninfo/,
    );
  });

  it("is no failover once another takes writes", () => {
    expect(plan({ server3: { inRecovery: false } })).toEqual([]);
  });

  it.each([
    ["the standby is stopped", { server3: { running: false } }, /server3 is stopped: bring it up first/],
    [
      "the lost server goes on sending",
      { server3: { received: received("0/5000060", { kind: "fed" }) } },
      /server3 goes on receiving WAL, so server2 lives: shut it down where it runs, or take lost away/,
    ],
    [
      "the lost server is idle, and answers",
      { server3: { received: received("0/5000060", { kind: "answered" }) } },
      /the stream of server3 is open, and a server answers where it comes from, so server2 lives: shut it down/,
    ],
    [
      "another is below its floors",
      { des10: { settings: { max_connections: "50" } } },
      /max_connections of des10 is 50, below the 100 of server3/,
    ],
    [
      "another cannot be reached",
      { des10: { unreachable: "des10 cannot be reached: no route" } },
      /des10 cannot be reached: no route: bring it back, or declare servers\.des10\.lost: true too/,
    ],
  ])("is not taken over from while %s, whatever loss is accepted", (_name, more, reason) => {
    for (const gone of [lost, accepted]) {
      const [first] = plan(more, gone);
      expect(first).toMatch(/^refused: the failover from server2 to server3: /);
      expect(first).toMatch(reason);
    }
  });

  const log = "FATAL: could not connect to the primary server: FATAL: password authentication failed";
  it.each([
    [
      "the standby was disconnected before",
      { server3: { received: received("0/5000060", { kind: "early", because: log }) } },
      `server3 received up to 0/5000060 at 14:02:11 UTC, 35 s ago, and its stream had ended before, while server2 lived on (its log says "${log}"); what is lost then must be accepted: servers.server2.acceptDataLoss: true`,
      `its stream had ended before, while server2 lived on (its log says "${log}"); what server2 wrote after that is lost`,
    ],
    [
      "nothing tells how its stream ended",
      { server3: { received: received("0/5000060", { kind: "unknown" }) } },
      "and nothing tells how its stream ended; what is lost then must be accepted: servers.server2.acceptDataLoss: true",
      "nothing tells how its stream ended; what server2 wrote after that is lost",
    ],
    [
      "another received more",
      { des10: { received: received("0/6000000") } },
      "server3 received up to 0/5000060 at 14:02:11 UTC, 35 s ago, and des10 received up to 0/6000000 at 14:02:11 UTC, 35 s ago: declare des10 as the primary; with server3, what is lost then must be accepted: servers.server2.acceptDataLoss: true, and des10 would rejoin it, with what it alone has kept aside",
      "is lost, up to what others received (des10 received up to 0/6000000 at 14:02:11 UTC, 35 s ago) at least; des10 then rejoins server3, and what is more there is kept aside",
    ],
    [
      "another is on a later timeline",
      { des10: { received: received("0/4000000", { kind: "broken" }, { timeline: 2 }) } },
      "and des10 received up to 0/4000000 at 14:02:11 UTC, 35 s ago, on timeline 2: declare des10 as the primary",
      "on timeline 2) at least",
    ],
  ])("is not while %s, unless that loss is accepted", (_name, more, refusal, goesOn) => {
    expect(plan(more).join("\n")).toContain(refusal);
    const [first] = plan(more, accepted);
    expect(first).toContain("1. server3: promote (failover: server2 is lost)");
    expect(first).toContain(goesOn);
  });

  it("leaves a server where it is that cannot follow", () => {
    const settings = { primary_conninfo: "host=server2" };
    const ahead = { settings, filed: settings, received: received("0/6000000") };
    expect(plan({ des10: ahead }, accepted)).toHaveLength(1);
  });

  it("is judged by the standby that followed it, where the other had its WAL from that one", () => {
    const open = { follows: "des10", received: received("0/5000060", { kind: "open" }) };
    expect(plan({ server3: open })[0]).toContain(`${promote} ${ended}`);
    const early = { received: received("0/5000060", { kind: "early" }) };
    expect(plan({ server3: open, des10: early })[0]).toContain("its stream had ended before, while server2 lived on");
  });

  it("is taken over from by nobody who never followed it", () => {
    for (const follows of [undefined, "elsewhere"]) {
      const { follows: _follows, ...stray } = actual().server3;
      const server3 = { ...stray, ...(follows === undefined ? {} : { follows }) };
      expect(describePlan(planRollout({ server3, des10: actual().des10 }, shall, lost))[0]).toMatch(
        /^refused: server3 is in recovery and is declared primary/,
      );
    }
  });
});

describe("a primary that is gone and not declared lost", () => {
  const both = { server2: desired("standby", {}, { upstream: "server3" }), ...shall };
  const planned = (server2: Partial<ActualServer>) =>
    describePlan(
      planRollout({ server2: { ...running(both.server2, {}, { inRecovery: false }), ...server2 }, ...actual() }, both),
    );
  const way =
    "or, where it is gone, declare servers.server2.lost: true, and server3 takes over: it received up to 0/5000060 at 14:02:11 UTC, 35 s ago, and its stream ended with the primary; what server2 wrote after that is lost";

  it("is waited for where it crashed, and the other way is named with what it loses", () => {
    const [refusal] = planned({ running: false });
    expect(refusal).toContain("start it (pgsite start server2), and run again; ");
    expect(refusal).toContain(way);
  });

  it("is waited for where it cannot be reached, and the other way is named with what it loses", () => {
    const [refusal] = planned({ unreachable: "server2 cannot be reached: ssh says no" });
    expect(refusal).toContain("server2 cannot be reached: ssh says no: bring it back, and run again; ");
    expect(refusal).toContain(way);
  });
});
