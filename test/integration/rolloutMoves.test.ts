import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Major } from "../../postgres/versions.js";
import { triedAt } from "../support/everyRun.js";
import { quick, type RolloutDeclaration, RolloutSite } from "../support/rolloutSite.js";
import { complaintsIn, Watch } from "../support/rolloutWatch.js";

type Servers = RolloutDeclaration["servers"];

/** server3 is warm: nobody can stream from it. */
const flat: Servers = {
  server2: { dataDirectory: "/data/db" },
  server3: { dataDirectory: "/data/db", settings: { hot_standby: false } },
  des10: { role: "mirror", dataDirectory: "/data/db" },
};
const cascade: Servers = {
  ...flat,
  server3: { dataDirectory: "/data/db" },
  des10: { role: "mirror", dataDirectory: "/data/db", upstream: "server3" },
};
const few = { max_connections: "40", max_prepared_transactions: "5" };
const many = { max_connections: "50", max_prepared_transactions: "10" };

let site: RolloutSite;

function declare(servers: Servers, floors: Readonly<Record<string, string>> = few): void {
  site.declare({ settings: { ...quick, ...floors }, servers });
}

async function upstreamsOf(name: string): Promise<readonly string[]> {
  const found: string[] = [];
  for (const upstream of ["server2", "server3"]) {
    const rows = await site
      .query(upstream, `select 1 from pg_stat_replication where application_name = '${name}' and state = 'streaming'`)
      .catch(() => []);
    if (rows.length > 0) found.push(upstream);
  }
  return found;
}

/** As the preview says; between two steps every standby streams from one server, in the end from the declared one. */
async function rollOut(): Promise<readonly string[]> {
  const plan = await site.preview();
  const steps: string[] = [];
  site.beforeStep = async (step) => {
    steps.push(step);
    for (const name of ["server3", "des10"]) expect(await upstreamsOf(name), `${name} at ${step}`).toHaveLength(1);
  };
  const watch = new Watch(site.site.servers);
  try {
    await site.up();
  } finally {
    watch.stop();
  }
  expect([...watch.together]).toEqual([]);
  expect(steps).toEqual(plan);
  for (const { name, upstream } of site.site.servers) {
    if (upstream !== undefined) expect(await upstreamsOf(name)).toEqual([upstream]);
  }
  expect(await site.preview()).toEqual([]);
  return plan.map((step) => step.replace(/primary_conninfo [^,)]*/, "primary_conninfo"));
}

const versions: readonly (readonly [Major, number, "restart" | "reload"])[] = [
  ["11", 86, "restart"],
  ["18", 88, "reload"],
];

describe.each(triedAt(versions, "11"))(
  "at %s, a server that changes its upstream in the same up",
  (major, block, move) => {
    beforeAll(async () => {
      site = await RolloutSite.make(major, block, { settings: { ...quick, ...few }, servers: flat });
    }, 180_000);

    afterEach(() => {
      expect(complaintsIn(site.site.servers)).toEqual([]);
    });

    afterAll(async () => {
      await site?.close();
    });

    it("as that becomes hot moves under it after that, and away before it becomes warm", async () => {
      declare(cascade);
      expect(await rollOut()).toEqual([
        "1. server3: restart (hot_standby off → on)",
        `2. des10: ${move} (primary_conninfo)`,
      ]);
      declare(flat);
      expect(await rollOut()).toEqual([
        `1. des10: ${move} (primary_conninfo)`,
        "2. server3: restart (hot_standby on → off)",
      ]);
    }, 60_000);

    it("and as floors rise, and fall", async () => {
      declare(cascade, many);
      const rise = "max_connections 40 → 50, max_prepared_transactions 5 → 10";
      expect(await rollOut()).toEqual([
        `1. server3: restart (hot_standby off → on, ${rise})`,
        `2. des10: restart (${rise}, primary_conninfo)`,
        `3. server2: restart (${rise})`,
      ]);
      declare(flat);
      const fall = "max_connections 50 → 40, max_prepared_transactions 10 → 5";
      expect(await rollOut()).toEqual([
        `1. server2: restart (${fall})`,
        `2. des10: restart (${fall}, primary_conninfo)`,
        `3. server3: restart (hot_standby on → off, ${fall})`,
      ]);
    }, 60_000);

    it("and as one floor rises and another falls: what holds is held on both", async () => {
      declare(flat, { ...few, max_connections: "50" });
      site.beforeStep = async () => undefined;
      await site.up();
      declare(cascade, { ...few, max_prepared_transactions: "10" });
      const both = "max_connections 50 → 40, max_prepared_transactions 5 → 10";
      const held = "max_connections stays 50 until server2 has its new value";
      expect(await rollOut()).toEqual([
        `1. server3: restart (hot_standby off → on, max_prepared_transactions 5 → 10, ${held})`,
        `2. des10: restart (max_prepared_transactions 5 → 10, primary_conninfo, ${held})`,
        `3. server2: restart (${both})`,
        "4. des10: restart (max_connections 50 → 40)",
        "5. server3: restart (max_connections 50 → 40)",
      ]);
      declare(flat, { ...few, max_connections: "50" });
      const back = "max_connections 40 → 50, max_prepared_transactions 10 → 5";
      const heldBack = "max_prepared_transactions stays 10 until server2 has its new value";
      expect(await rollOut()).toEqual([
        `1. des10: restart (max_connections 40 → 50, primary_conninfo, ${heldBack})`,
        `2. server3: restart (hot_standby on → off, ${back})`,
        `3. server2: restart (${back})`,
        "4. des10: restart (max_prepared_transactions 10 → 5)",
      ]);
      declare(flat);
      await site.up();
    }, 90_000);

    it("while its new upstream is stopped, and while it is stopped itself", async () => {
      await site.stop("server3");
      declare(cascade);
      site.beforeStep = async () => undefined;
      expect((await site.preview()).map((step) => step.replace(/ \(.*/, ""))).toEqual([
        "1. server3: start",
        `2. des10: ${move}`,
      ]);
      await site.up();
      expect(await upstreamsOf("des10")).toEqual(["server3"]);
      declare(flat);
      await site.up();
      await site.stop("des10");
      declare(cascade);
      expect((await site.preview()).map((step) => step.replace(/ \(.*/, ""))).toEqual([
        "1. server3: restart",
        "2. des10: start",
      ]);
      await site.up();
      expect(await upstreamsOf("des10")).toEqual(["server3"]);
      expect(await site.preview()).toEqual([]);
    }, 60_000);
  },
);
