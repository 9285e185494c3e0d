import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { atLeast, type Major } from "../../postgres/versions.js";
import { triedAt } from "../support/everyRun.js";
import { quick, RolloutSite } from "../support/rolloutSite.js";
import { complaintsIn } from "../support/rolloutWatch.js";

const servers = {
  server2: { dataDirectory: "/data/db" },
  server3: { dataDirectory: "/data/db" },
  des10: { role: "mirror", dataDirectory: "/data/db", upstream: "server3" },
};
const low = { max_connections: "40", max_prepared_transactions: "5", max_wal_senders: "5" };
const high = { max_connections: "50", max_prepared_transactions: "10", max_wal_senders: "8" };

let site: RolloutSite;

function declare(floors: Readonly<Record<string, string>>): void {
  site.declare({ settings: { ...quick, ...floors }, servers });
}

/** Ends with everything as declared, by what the preview said, in that order. */
async function rollOut(): Promise<readonly string[]> {
  const plan = await site.preview();
  const steps: string[] = [];
  site.beforeStep = async (step) => {
    steps.push(step);
  };
  await site.up();
  const plain = (lines: readonly string[]) => lines.map((line) => line.replace(/^\d+\. | \(.*/g, ""));
  // One that is seeded again is started beside.
  expect(plain(steps).filter((step) => plain(plan).includes(step) || !step.endsWith("start"))).toEqual(plain(plan));
  expect(await site.preview()).toEqual([]);
  for (const [upstream, name] of [
    ["server2", "server3"],
    ["server3", "des10"],
  ] as const) {
    const rows = await site.query(upstream, "select application_name as name, state from pg_stat_replication");
    expect(rows).toEqual([{ name, state: "streaming" }]);
  }
  return steps;
}

/** A step and its reasons, these in the order of the alphabet. */
function sorted(step: string): readonly string[] {
  const [act = "", reasons = ""] = step.slice(0, -1).split(" (");
  const [first = "", ...others] = reasons.split(", ");
  return first === "stopped" ? [act, first, ...others.sort()] : [act, ...[first, ...others].sort()];
}

async function inForce(name: string) {
  const shown = Object.keys(low).map((floor) => `current_setting('${floor}') as ${floor}`);
  return (await site.query(name, `select ${shown.join(", ")}`))[0];
}

const versions: readonly (readonly [Major, number])[] = [
  ["11", 83],
  ["18", 85],
];

describe.each(triedAt(versions, "11"))("at %s", (major, block) => {
  beforeAll(async () => {
    site = await RolloutSite.make(major, block, { settings: { ...quick, ...high }, servers });
    await site.up();
  }, 180_000);

  afterEach(async () => {
    expect(complaintsIn(site.site.servers)).toEqual([]);
  });

  afterAll(async () => {
    await site?.close();
  });

  const cases = [
    ["a new standby", ["des10"], true],
    ["a standby seeded again", ["des10"], false],
    ["two new ones, one under the other,", ["server3", "des10"], true],
    ["two seeded again, one under the other,", ["server3", "des10"], false],
  ] as const;

  it.each(cases)(
    "%s comes in the same up in which floors fall, and rise",
    async (_what, names, entirely) => {
      for (const [from, to] of [
        [high, low],
        [low, high],
      ] as const) {
        declare(from);
        site.beforeStep = async () => undefined;
        await site.up();
        for (const name of names.toReversed()) await site.lose(name, entirely);
        declare(to);
        await rollOut();
        for (const name of Object.keys(servers)) expect(await inForce(name), name).toEqual(to);
      }
    },
    90_000,
  );

  it("is started with what its base backup asks for, until the primary has its lower values", async () => {
    declare(high);
    await site.up();
    await site.lose("des10", true);
    declare({ ...high, max_connections: "40" });
    const plan = await site.preview();
    expect(plan).toEqual([
      "1. des10: start (seeded, max_connections stays 50 until server2 has its new value)",
      "2. server2: restart (max_connections 50 → 40)",
      "3. des10: restart (max_connections 50 → 40)",
      "4. server3: restart (max_connections 50 → 40)",
    ]);
    expect(await rollOut()).toEqual(plan.map((step) => step.replace("seeded", "stopped")));
  }, 60_000);

  it("also where the primary has these long since, and the base backup has not", async () => {
    declare(high);
    await site.up();
    await site.stop("des10", "immediate");
    const { des10: _des10, ...others } = servers;
    site.declare({ settings: { ...quick, ...low }, servers: others });
    await site.up();
    declare(low);
    // As a seeding that was cut off leaves it: what is declared lies beside a control file that asks for more.
    const { dataDirectory, files } = site.server("des10");
    writeFileSync(join(dataDirectory, "postgresql.conf"), files["postgresql.conf"] ?? "");
    const held = Object.entries(high).filter(([name]) => name !== "max_wal_senders" || atLeast(major, "12"));
    const stays = held.map(([name, value]) => `${name} stays ${value} until server2 has its new value`).sort();
    const lower = held.map(([name, value]) => `${name} ${value} → ${low[name as keyof typeof low]}`).sort();
    expect((await rollOut()).map(sorted)).toEqual([
      ["1. des10: start", "stopped", ...stays],
      ["2. des10: restart", ...lower],
    ]);
  }, 60_000);
});
