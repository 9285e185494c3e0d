import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { hostOf } from "../../hosts/index.js";
import { atLeast, type Major } from "../../postgres/versions.js";
import { processState } from "../../servers/process/process.js";
import { sendersIn } from "../../servers/process/recoveryTitles.js";
import { titlesBelow } from "../../servers/process/titles.js";
import { until } from "../../servers/process/until.js";
import { bytesOfLsn } from "../../servers/sql/sql.js";
import { namesOf } from "../../servers/sql/versions.js";
import { triedAt } from "../support/everyRun.js";
import {
  changes,
  type Floors,
  floorsAt,
  isFloor,
  lowering,
  mixedOrder,
  mixedPlan,
  planned,
  raising,
} from "../support/floors.js";
import { ranAt } from "../support/ran.js";
import { quickAt, type RolloutDeclaration, RolloutSite } from "../support/rolloutSite.js";
import { complaintsIn, Watch } from "../support/rolloutWatch.js";

const flat = {
  server2: { dataDirectory: "/data/db" },
  server3: { dataDirectory: "/data/db", settings: { hot_standby: false } },
  des10: { role: "mirror", dataDirectory: "/data/db" },
};
const cascade = {
  ...flat,
  server3: { dataDirectory: "/data/db" },
  des10: { ...flat.des10, upstream: "server3" },
};

type Servers = RolloutDeclaration["servers"];

let site: RolloutSite;

function declare(settings: Floors & Readonly<Record<string, string>>, servers: Servers = flat): void {
  const { major } = site;
  site.declare({ settings: { ...quickAt(major), ...floorsAt(major).low, ...settings }, servers });
}

/**
 * Rolls out what is declared. Before each step and after the last, every standby must stream and have replayed what was
 * written before the step that has just ended.
 */
async function rollOut(): Promise<{ readonly plan: readonly string[]; readonly restarted: readonly string[] }> {
  const plan = await site.preview();
  const steps: string[] = [];
  let written = "0/0";
  const check = async () => {
    for (const { name, upstream } of site.site.servers) {
      if (upstream === undefined) continue;
      expect(await follows(name, upstream, written), `${name} after ${steps.at(-1)}`).toBe(true);
    }
  };
  const names = namesOf(site.major);
  const flushed = atLeast(site.major, "10") ? "pg_current_wal_flush_lsn()" : names.currentLsn;
  site.beforeStep = async (step) => {
    // What else is said tells how a standby gets on, which tries again after 5 s before 9.5.
    if (!/^\d+\. /.test(step)) return;
    await check();
    steps.push(step);
    const [row] = await site.query("server2", "select txid_current()", `select ${flushed}::text as lsn`);
    written = row?.lsn ?? "";
  };
  const watch = new Watch(site.site.servers);
  try {
    await site.up();
  } finally {
    watch.stop();
  }
  await check();
  expect([...watch.together]).toEqual([]);
  expect(steps).toEqual(plan);
  expect(await site.preview()).toEqual([]);
  return { plan, restarted: watch.restarted };
}

/** Whether a standby streams, and has replayed up to there. */
async function follows(name: string, upstream: string, written: string): Promise<boolean> {
  const { replication } = namesOf(site.major);
  if (replication === null) return sentToAll(upstream, written);
  const sql = `select state, ${replication.replay}::text as replayed from pg_stat_replication where application_name = '${name}'`;
  const [row] = await site.query(upstream, sql);
  return row?.state === "streaming" && bytesOfLsn(row.replayed ?? "0/0") >= bytesOfLsn(written);
}

/** All that is known at 9.0 of who streams. Its walsenders look for something to send five times a second. */
async function sentToAll(upstream: string, written: string): Promise<boolean> {
  const { host, dataDirectory } = site.server(upstream);
  const followers = site.site.servers.filter((one) => one.upstream === upstream);
  const reached = async () => {
    const state = await processState(hostOf(host), dataDirectory);
    if (state.kind !== "running") return false;
    const senders = sendersIn(await titlesBelow(hostOf(host), dataDirectory, state.pid));
    const there = senders.filter(({ sent }) => bytesOfLsn(sent) >= bytesOfLsn(written));
    return there.length === followers.length;
  };
  return until(reached, { deadline: 2000 });
}

async function inForce(name: string): Promise<Readonly<Record<string, string | null>>> {
  return (await site.query(name, floorsAt(site.major).inForceSql))[0] ?? {};
}

/** When each server that answers was started. */
async function startedAt(): Promise<readonly unknown[]> {
  const sql = "select pg_postmaster_start_time()::text as at";
  return Promise.all(["server2", "des10"].map((name) => site.query(name, sql)));
}

async function expectInForce(settings: Floors): Promise<void> {
  for (const server of ["server2", "des10"]) expect(await inForce(server)).toEqual(settings);
}

const versions = triedAt<Major>(["11", "13", "18"], "11");

describe.each(versions)("a rollout at %s", (major) => {
  const { names, low, high, some, others } = floorsAt(major);

  beforeAll(async () => {
    const block = 95 + versions.indexOf(major);
    site = await RolloutSite.make(major, block, { settings: { ...quickAt(major), ...low }, servers: flat });
  }, 180_000);

  afterEach(() => {
    expect(complaintsIn(site.site.servers)).toEqual([]);
  });

  afterAll(async () => {
    await site?.close();
  });

  it("raises all on the standbys first, and lowers them on the primary first", async () => {
    declare(high);
    expect(await rollOut()).toEqual({ plan: planned(raising, changes(low, high)), restarted: raising });
    await expectInForce(high);
    declare(low);
    expect(await rollOut()).toEqual({ plan: planned(lowering, changes(high, low)), restarted: lowering });
    await expectInForce(low);
    await ranAt(major, "floors");
  }, 240_000);

  it("raises some and lowers others: a hot standby twice, first with those held that are lowered", async () => {
    for (const [from, to] of [
      [some, others],
      [others, some],
    ] as const) {
      declare(from);
      await rollOut();
      await expectInForce(from);
      declare(to);
      expect(await rollOut()).toEqual({ plan: mixedPlan(major, from, to), restarted: mixedOrder });
      await expectInForce(to);
    }
    declare(low);
    expect(await rollOut()).toEqual({ plan: planned(lowering, changes(some, low)), restarted: lowering });
  }, 240_000);

  // A standby of 9.1 to 9.4 tries again after 5 s, however often: minutes, for what 9.0 and 9.5 show too.
  it.skipIf(atLeast(major, "9.1") && !atLeast(major, "9.5"))(
    "takes each for what it is, also alone",
    async () => {
      for (const name of names) {
        const to = { ...low, [name]: high[name] };
        declare(to);
        expect(await rollOut()).toEqual({ plan: planned(raising, changes(low, to)), restarted: raising });
        declare(low);
        const order = isFloor(major, name) ? lowering : raising;
        expect(await rollOut()).toEqual({ plan: planned(order, changes(to, low)), restarted: order });
        await expectInForce(low);
      }
    },
    400_000,
  );

  it("restarts nothing where a reload is enough", async () => {
    const started = await startedAt();
    declare({ work_mem: "5MB" });
    const { plan, restarted } = await rollOut();
    expect(await startedAt()).toEqual(started);
    const before = atLeast(major, "9.4") ? "4MB" : "1MB";
    expect(plan).toEqual(
      ["server2", "des10", "server3"].map((name, at) => `${at + 1}. ${name}: reload (work_mem ${before} → 5MB)`),
    );
    expect(restarted).toEqual([]);
    expect(await site.query("des10", "show work_mem")).toEqual([{ work_mem: "5MB" }]);
  });

  it.each([
    ["every server", raising],
    ["a hot standby", ["des10"]],
  ])(
    "lowers where %s is stopped, and asks no more of a control file than it holds",
    async (_what, stopped) => {
      declare(high);
      await rollOut();
      for (const name of stopped) await site.stop(name);
      declare({});
      site.beforeStep = async () => undefined;
      await site.up();
      expect(await inForce("des10")).toEqual(low);
      expect(await site.preview()).toEqual([]);
    },
    240_000,
  );

  it.runIf(major === "13")(
    "goes through a cascade from its leaves up, and lowers from its root",
    async () => {
      declare({}, { ...flat, server3: cascade.server3 });
      expect(await rollOut()).toEqual({
        plan: ["1. server3: restart (hot_standby off → on)"],
        restarted: ["server3"],
      });
      declare({}, cascade);
      site.beforeStep = async () => undefined;
      await site.up();
      declare(high, cascade);
      expect(await rollOut()).toEqual({
        plan: planned(["des10", "server3", "server2"], changes(low, high)),
        restarted: ["des10", "server3", "server2"],
      });
      declare({}, cascade);
      expect(await rollOut()).toEqual({
        plan: planned(["server2", "des10", "server3"], changes(high, low)),
        restarted: ["server2", "des10", "server3"],
      });
    },
    240_000,
  );
});
