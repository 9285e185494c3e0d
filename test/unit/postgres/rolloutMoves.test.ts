import { describe, expect, it } from "vitest";
import type { ActualServer, DesiredServer } from "../../../postgres/rollout/model.js";
import { desired, running, words } from "../../support/rolloutPlans.js";

const off = { hot_standby: "off" };
const to = (upstream: string) => ({ primary_conninfo: upstream });

/** server3 is warm or hot; des10 follows it or the primary. */
function site(hot: boolean, upstream: string, floors: Record<string, string> = {}): Record<string, DesiredServer> {
  return {
    server2: desired("primary", floors),
    server3: desired("standby", { ...floors, ...(hot ? {} : off) }, { hotStandby: hot }),
    des10: desired("mirror", { ...floors, ...to(upstream) }, { upstream }),
  };
}

function asIs(declared: Record<string, DesiredServer>): Record<string, ActualServer> {
  return Object.fromEntries(
    Object.entries(declared).map(([name, server]) => {
      const { upstream } = server;
      return [name, running(server, undefined, upstream === undefined ? {} : { follows: upstream })];
    }),
  );
}

const flat = site(false, "server2");
const cascade = site(true, "server3");

describe("a server that changes its upstream", () => {
  it("moves under one that becomes hot after that has its turn, by reload or restart", () => {
    expect(words(asIs(flat), cascade)).toEqual([
      "1. server3: restart (hot_standby off → on)",
      "2. des10: reload (primary_conninfo server2 → server3)",
    ]);
    const at12 = Object.fromEntries(
      Object.entries(cascade).map(([name, server]) => [name, { ...server, version: "12" } as const]),
    );
    expect(words(asIs(flat), at12)).toEqual([
      "1. server3: restart (hot_standby off → on)",
      "2. des10: restart (primary_conninfo server2 → server3)",
    ]);
  });

  it("moves away before its upstream becomes warm, also where it must wait for the primary's lower floor", () => {
    const high = site(true, "server3", { max_connections: "400" });
    const low = site(false, "server2", { max_connections: "300" });
    expect(words(asIs(high), low)).toEqual([
      "1. server2: restart (max_connections 400 → 300)",
      "2. des10: restart (max_connections 400 → 300, primary_conninfo server3 → server2)",
      "3. server3: restart (hot_standby on → off, max_connections 400 → 300)",
    ]);
  });

  it("takes its upstream with it before a primary that rises, with what falls held on both", () => {
    const before = site(false, "server2", { max_connections: "400", max_prepared_transactions: "5" });
    const after = site(true, "server3", { max_connections: "300", max_prepared_transactions: "9" });
    const both = "max_connections 400 → 300, max_prepared_transactions 5 → 9";
    const held = "max_connections stays 400 until server2 has its new value";
    expect(words(asIs(before), after)).toEqual([
      `1. server3: restart (hot_standby off → on, max_prepared_transactions 5 → 9, ${held})`,
      `2. des10: restart (max_prepared_transactions 5 → 9, primary_conninfo server2 → server3, ${held})`,
      `3. server2: restart (${both})`,
      "4. des10: restart (max_connections 400 → 300)",
      "5. server3: restart (max_connections 400 → 300)",
    ]);
  });

  it("waits until its upstream, which is stopped, is started", () => {
    const is = asIs(flat);
    expect(words({ ...is, server3: { ...(is.server3 as ActualServer), running: false } }, cascade)).toEqual([
      "1. server3: start (stopped, hot_standby off → on)",
      "2. des10: reload (primary_conninfo server2 → server3)",
    ]);
  });
});

describe("a standby whose data ask for more than is declared", () => {
  const high = site(true, "server3", { max_connections: "400" });
  const low = site(true, "server3", { max_connections: "300" });

  it("that this up seeds is started with what the primary has now, and restarted after it", () => {
    const { server2, server3 } = asIs(high) as Record<"server2" | "server3", ActualServer>;
    const des10 = { ...running(low.des10 as DesiredServer), data: false, running: false };
    expect(words({ server2, server3, des10 }, low)).toEqual([
      "1. des10: start (seeded, max_connections stays 400 until server2 has its new value)",
      "2. server2: restart (max_connections 400 → 300)",
      "3. des10: restart (max_connections 400 → 300)",
      "4. server3: restart (max_connections 400 → 300)",
    ]);
    const { server2: lower, server3: lower3 } = asIs(low) as Record<"server2" | "server3", ActualServer>;
    expect(words({ server2: lower, server3: lower3, des10 }, high).join()).not.toContain("des10");
  });

  it("that is stopped is started with what its control file asks for, also where the primary has the new value", () => {
    const is = asIs(low);
    const des10 = { ...(is.des10 as ActualServer), running: false, recorded: { max_connections: 400 } };
    expect(words({ ...is, des10 }, low)).toEqual([
      "1. des10: start (stopped, max_connections stays 400 until server2 has its new value)",
      "2. des10: restart (max_connections 400 → 300)",
    ]);
    const warm = { ...low, des10: { ...(low.des10 as DesiredServer), hotStandby: false } };
    expect(words({ ...is, des10 }, warm)).toEqual(["1. des10: start (stopped)"]);
  });
});
