import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  changes,
  type Floors,
  floorsAt,
  lowering,
  mixedOrder,
  mixedPlan,
  planned,
  raising,
} from "../support/floors.js";
import { RolloutStacks } from "../support/rolloutStack.js";
import { complaintsIn, Watch } from "../support/rolloutWatch.js";

const { low, high, some, others, inForceSql } = floorsAt("15");

const text = (settings: Floors, more = "") => `config:
  pgsite:site: floors
  pgsite:postgresql: "15"
  pgsite:hosts: {server2: 192.0.2.2, server3: 192.0.2.3, des10: 192.0.2.10}
  pgsite:primary: server2
  pgsite:servers:
    server2: {dataDirectory: /data}
    server3: {dataDirectory: /data, settings: {hot_standby: false}}
    des10: {dataDirectory: /data, role: mirror}
  pgsite:settings:
    shared_buffers: 8MB
    fsync: false
    wal_retrieve_retry_interval: 100ms
    max_replication_slots: 5
${Object.entries(settings)
  .map(([name, value]) => `    ${name}: ${value}\n`)
  .join("")}${more}`;

let stacks: RolloutStacks;

beforeAll(async () => {
  stacks = await RolloutStacks.up({ name: "rollout-floors", postgresql: "15", block: 89 }, { ctio: text(low) });
}, 180_000);

afterAll(async () => {
  await stacks?.rehearsal.down();
}, 60_000);

const server = (name: string) => {
  const found = stacks.servers("ctio").find((one) => one.name === name);
  if (found === undefined) throw new Error(`there is no ${name}`);
  return found;
};

const ofHot = async (sql: string) =>
  Promise.all(["server2", "des10"].map(async (name) => (await stacks.query(server(name), sql))[0]));

/** What the preview said step by step, and which servers were then restarted by the `up`, never two down at once. */
async function rollOut(
  declared: string,
): Promise<{ readonly plan: readonly string[]; readonly restarted: readonly string[] }> {
  await stacks.declare({ ctio: declared });
  const { code, said } = await stacks.preview("ctio");
  expect(code, said).toBe(0);
  const plan = said.split("\n").flatMap((line) => /^ *(\d+\. \S+: .*)$/.exec(line)?.[1] ?? []);
  const watch = new Watch(stacks.servers("ctio"));
  try {
    await stacks.rehearsal.up("ctio");
  } finally {
    watch.stop();
  }
  expect([...watch.together]).toEqual([]);
  expect(watch.samples).toBeGreaterThan(100);
  expect(complaintsIn(stacks.servers("ctio"))).toEqual([]);
  return { plan, restarted: watch.restarted };
}

describe("the settings that a hot standby may not have below its primary, under the real engine", {
  timeout: 120_000,
}, () => {
  it.each([
    ["all raised", high, planned(raising, changes(low, high)), raising],
    ["all lowered", low, planned(lowering, changes(high, low)), lowering],
    ["some raised", some, planned(raising, changes(low, some)), raising],
    ["some lowered and others raised", others, mixedPlan("15", some, others), mixedOrder],
  ])("are %s in the order that the preview said", async (_what, to, plan, restarted) => {
    expect(await rollOut(text(to))).toEqual({ plan, restarted });
    expect(await ofHot(inForceSql)).toEqual([to, to]);
  });

  it("stay in force where a reload is enough for what was declared, and no server restarts", async () => {
    const started = "select pg_postmaster_start_time()::text as at";
    const before = await ofHot(started);
    expect(await rollOut(text(others, "    work_mem: 5MB\n"))).toEqual({
      plan: ["server2", "des10", "server3"].map((name, index) => `${index + 1}. ${name}: reload (work_mem 4MB → 5MB)`),
      restarted: [],
    });
    expect(await ofHot(started)).toEqual(before);
    expect(await ofHot("show work_mem")).toEqual([{ work_mem: "5MB" }, { work_mem: "5MB" }]);
    const { code, said } = await stacks.preview("ctio", "--expect-no-changes");
    expect(code, said).toBe(0);
  });
});
