import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { atLeast, type Major } from "../../postgres/versions.js";
import { quick, type RolloutDeclaration, RolloutSite } from "../support/rolloutSite.js";
import { complaintsIn, Watch } from "../support/rolloutWatch.js";

/** The settings that must not be lower on a hot standby than on its primary: as they are, and raised. */
const floors = {
  max_connections: ["40", "50"],
  max_prepared_transactions: ["5", "10"],
  max_locks_per_transaction: ["64", "80"],
  max_worker_processes: ["8", "10"],
  max_wal_senders: ["5", "8"],
} as const;
type Floor = keyof typeof floors;
const names = Object.keys(floors) as Floor[];

type Settings = Readonly<Record<string, string>>;
const low: Settings = Object.fromEntries(names.map((name) => [name, floors[name][0]]));
const high: Settings = Object.fromEntries(names.map((name) => [name, floors[name][1]]));

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

/** In the order of the plan; server3 is warm and has no floor. */
const raising = ["des10", "server3", "server2"];
const lowering = ["server3", "server2", "des10"];

let site: RolloutSite;

function declare(settings: Settings, servers: Servers = flat): void {
  site.declare({ settings: { ...quick, ...low, ...settings }, servers });
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
      const [row] = await site.query(
        upstream,
        `select state, replay_lsn >= '${written}' as replayed from pg_stat_replication where application_name = '${name}'`,
      );
      expect(row, `${name} after ${steps.at(-1)}`).toEqual({ state: "streaming", replayed: "t" });
    }
  };
  site.beforeStep = async (step) => {
    await check();
    steps.push(step);
    const [row] = await site.query(
      "server2",
      "select txid_current()",
      "select pg_current_wal_flush_lsn()::text as lsn",
    );
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

async function inForce(name: string): Promise<Readonly<Record<string, string | null>>> {
  const columns = names.map((floor) => `current_setting('${floor}') as ${floor}`);
  return (await site.query(name, `select ${columns.join(", ")}`))[0] ?? {};
}

function planned(servers: readonly string[], reason: string): readonly string[] {
  return servers.map((server, index) => `${index + 1}. ${server}: restart (${reason})`);
}

/** In the words of a plan. */
function changes(from: Settings, to: Settings): string {
  const each = names.toSorted().map((name) => `${name} ${from[name]} → ${to[name]}`);
  return each.join(", ");
}

const versions: readonly (readonly [Major, number])[] = [
  ["11", 95],
  ["13", 96],
  ["18", 97],
];

describe.each(versions)("a rollout at %s", (major, block) => {
  beforeAll(async () => {
    site = await RolloutSite.make(major, block, { settings: { ...quick, ...low }, servers: flat });
  }, 180_000);

  afterEach(() => {
    expect(complaintsIn(site.site.servers)).toEqual([]);
  });

  afterAll(async () => {
    await site?.close();
  });

  it.each(names)(
    "raises %s on the standbys first, and lowers it on the primary first",
    async (name) => {
      const [before, after] = floors[name];
      declare({ [name]: after });
      expect(await rollOut()).toEqual({
        plan: planned(raising, `${name} ${before} → ${after}`),
        restarted: raising,
      });
      for (const server of ["server2", "des10"]) expect(await inForce(server)).toEqual({ ...low, [name]: after });
      declare({});
      const hasFloor = name !== "max_wal_senders" || atLeast(major, "12");
      const order = hasFloor ? lowering : raising;
      expect(await rollOut()).toEqual({ plan: planned(order, `${name} ${after} → ${before}`), restarted: order });
      for (const server of ["server2", "des10"]) expect(await inForce(server)).toEqual(low);
    },
    60_000,
  );

  it("restarts nothing where a reload is enough", async () => {
    declare({ work_mem: "5MB" });
    const { plan, restarted } = await rollOut();
    expect(plan).toEqual([
      "1. server2: reload (work_mem 4MB → 5MB)",
      "2. des10: reload (work_mem 4MB → 5MB)",
      "3. server3: reload (work_mem 4MB → 5MB)",
    ]);
    expect(restarted).toEqual([]);
    expect(await site.query("des10", "show work_mem")).toEqual([{ work_mem: "5MB" }]);
  });

  it("raises one and lowers another: a hot standby twice, first with the one held", async () => {
    const [connections, transactions] = [floors.max_connections, floors.max_prepared_transactions];
    declare({ max_connections: connections[1] });
    await rollOut();
    declare({ max_prepared_transactions: transactions[1] });
    expect(await rollOut()).toEqual({
      plan: [
        "1. des10: restart (max_prepared_transactions 5 → 10, max_connections stays 50 until server2 has its new value)",
        "2. server3: restart (max_connections 50 → 40, max_prepared_transactions 5 → 10)",
        "3. server2: restart (max_connections 50 → 40, max_prepared_transactions 5 → 10)",
        "4. des10: restart (max_connections 50 → 40)",
      ],
      restarted: ["des10", "server3", "server2", "des10"],
    });
  }, 60_000);

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
    60_000,
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
    60_000,
  );
});
