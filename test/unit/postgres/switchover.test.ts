import { describe, expect, it } from "vitest";
import type { ActualServer } from "../../../postgres/rollout/model.js";
import { desired, running, words } from "../../support/rolloutPlans.js";

const shall = {
  server2: desired("standby", {}, { upstream: "server3" }),
  server3: desired("primary"),
  des10: desired("mirror", {}, { upstream: "server3" }),
};
const first = "1. server2: shut down; server3: promote, once it has all that server2 wrote (switchover)";

/** As the servers are before: server2 writes, and the others follow it. */
function actual(more: Readonly<Record<string, Partial<ActualServer>>> = {}) {
  return {
    server2: { ...running(shall.server2, {}, { inRecovery: false }), ...more.server2 },
    server3: { ...running(shall.server3, {}, { inRecovery: true, follows: "server2" }), ...more.server3 },
    des10: { ...running(shall.des10, {}, { inRecovery: true, follows: "server2" }), ...more.des10 },
  };
}

describe("a primary that is declared to be another", () => {
  it("hands over first, and starts again as a standby", () => {
    expect(words(actual(), shall)).toEqual([first, "2. server2: start (stopped)"]);
  });

  it("goes on where it was shut down already", () => {
    expect(words(actual({ server2: { running: false, shutDown: true } }), shall)[0]).toBe(first);
  });

  it("is a standby once the new one has taken over, and starts as one", () => {
    const after = actual({ server2: { running: false, shutDown: true }, server3: { inRecovery: false } });
    expect(words(after, shall)).toEqual(["1. server2: start (stopped)"]);
  });

  it.each([
    [
      "server3 is stopped",
      { server3: { running: false } },
      "server3 is stopped; declare server2 as the primary, and bring server3 up first",
    ],
    [
      "server3 follows another",
      { server3: { follows: "des10" } },
      "server3 follows des10: only a server that streams from server2 has all of it",
    ],
    [
      "server2 crashed",
      { server2: { running: false } },
      "server2 is stopped and was not shut down, so that nobody knows what server3 lacks: start it (pgsite start server2), and run again; or, where it is gone, declare servers.server2.lost: true, and server3 takes over",
    ],
    [
      "des10 is below the floors of server3",
      { des10: { settings: { max_connections: "50" } } },
      "max_connections of des10 is 50, below the 100 of server3, with which it would not go on: raise it first, in an up of its own",
    ],
  ])("does not while %s", (_name, more, reason) => {
    expect(words(actual(more), shall)).toContain(`refused: the switchover from server2 to server3: ${reason}`);
  });

  it("does not where two servers take writes", () => {
    const [refusal] = words(actual({ des10: { inRecovery: false } }), shall);
    expect(refusal).toMatch(/^refused: des10 is not in recovery and is declared mirror; server2 is not in recovery/);
  });
});
