import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Server } from "../../config/site.js";
import { triedWhen } from "../support/everyRun.js";
import { phasesOf } from "../support/rolloutPhases.js";
import { RolloutStacks } from "../support/rolloutStack.js";
import { postmasterOf, Watch } from "../support/rolloutWatch.js";

const text = (connections: number) => `config:
  pgsite:site: cutoff
  pgsite:postgresql: "15"
  pgsite:hosts: {server2: 192.0.2.2, server3: 192.0.2.3, des10: 192.0.2.10}
  pgsite:primary: server2
  pgsite:servers:
    server2: {dataDirectory: /data}
    server3: {dataDirectory: /data, settings: {hot_standby: false}}
    des10: {dataDirectory: /data, role: mirror}
  pgsite:settings:
    max_connections: ${connections}
    shared_buffers: 8MB
    fsync: false
    wal_retrieve_retry_interval: 100ms
`;

let stacks: RolloutStacks;
let server2: Server;
let server3: Server;
let des10: Server;

beforeAll(async () => {
  stacks = await RolloutStacks.up({ name: "rollout-cut-off", postgresql: "15", block: 98 }, { ctio: text(40) });
  [des10, server2, server3] = stacks.servers("ctio") as [Server, Server, Server];
}, 180_000);

afterAll(async () => {
  await stacks?.rehearsal.down();
}, 60_000);

/** What is declared is in force everywhere, everything runs and streams, nothing is left over, and nothing to do. */
async function endedWell(connections: number, pausedByHand = false): Promise<void> {
  for (const server of [server2, des10]) {
    expect(await stacks.query(server, "show max_connections")).toEqual([{ max_connections: `${connections}` }]);
  }
  expect(readFileSync(join(server3.dataDirectory, "postgresql.conf"), "utf8")).toContain(
    `max_connections = '${connections}'`,
  );
  await stacks.endedWell("ctio", pausedByHand);
}

function plan(order: readonly string[], change: string): string {
  return order.map((name, index) => `${index + 1}. ${name}: restart (max_connections ${change})`).join("\n");
}

describe("a rollout under the real engine", { timeout: 120_000 }, () => {
  it.each([
    [50, ["des10", "server3", "server2"], "40 → 50"],
    [40, ["server3", "server2", "des10"], "50 → 40"],
  ])("restarts for %i connections as the preview said, one at a time", async (connections, order, change) => {
    await stacks.declare({ ctio: text(connections) });
    const { said } = await stacks.preview("ctio");
    const lines = said.split("\n").map((line) => line.trim());
    expect(lines.join("\n")).toContain(plan(order, change));
    const watch = new Watch([server2, server3, des10]);
    try {
      await stacks.rehearsal.up("ctio");
    } finally {
      expect(watch.stop()).toEqual({ restarted: order, together: [] });
    }
    await endedWell(connections);
  });
});

/** Raising begins with the mirror; of lowering, what happens to the primary is looked at. */
const cuts = phasesOf({ controlDirectory: "", dataDirectory: "" } as Server, [], "", undefined).map(
  ({ name }, index) => ({ name, index, raise: index % 2 === 0 }),
);

describe("a rollout whose pulumi is killed", { timeout: 120_000 }, () => {
  it.each(triedWhen(cuts, "the server is stopped", "the server starts"))(
    "when $name (raising: $raise) goes on with the next up",
    async ({ index, raise }) => {
      const connections = raise ? 50 : 40;
      await stacks.declare({ ctio: text(connections) });
      const [first, others] = raise ? [des10, [server2, server3]] : [server2, [des10]];
      const phase = phasesOf(first, others, `${connections}`, postmasterOf(first).pid)[index];
      await stacks.killedUp("ctio", phase?.reached ?? (() => true));
      await stacks.rehearsal.up("ctio");
      await endedWell(connections);
    },
  );

  it("while it proves that a standby has replayed: the next up restarts none that has not", async () => {
    await stacks.declare({ ctio: text(50) });
    await stacks.rehearsal.up("ctio");
    await stacks.declare({ ctio: text(40) });
    await stacks.query(des10, "select pg_wal_replay_pause()");
    const pid = postmasterOf(server2).pid;
    const restarted = () => postmasterOf(server2).up && postmasterOf(server2).pid !== pid;
    let since = 0;
    await stacks.killedUp("ctio", () => {
      if (restarted() && since === 0) since = Date.now();
      return since > 0 && Date.now() - since > 1500;
    });
    const before = postmasterOf(des10).pid;
    const resume = new Promise<void>((resolve, reject) => {
      setTimeout(() => {
        expect(postmasterOf(des10).pid).toBe(before);
        stacks.query(des10, "select pg_wal_replay_resume()").then(() => resolve(), reject);
      }, 6000);
    });
    await Promise.all([stacks.rehearsal.up("ctio"), resume]);
    await endedWell(40, true);
  });

  it("after the primary was raised: the declaration can go back", async () => {
    await stacks.declare({ ctio: text(50) });
    const pid = postmasterOf(server2).pid;
    await stacks.killedUp("ctio", () => {
      const now = postmasterOf(server2);
      return now.pid !== undefined && now.pid !== pid;
    });
    await stacks.declare({ ctio: text(40) });
    await stacks.rehearsal.up("ctio");
    await endedWell(40, true);
  });
});
