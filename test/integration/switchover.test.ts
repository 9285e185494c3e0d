import { afterAll, describe, expect, it } from "vitest";
import type { Major } from "../../postgres/versions.js";
import { triesAll } from "../support/everyRun.js";
import { ranAt } from "../support/ran.js";
import { quick, type RolloutDeclaration, RolloutSite } from "../support/rolloutSite.js";
import { Writer } from "../support/writer.js";

const majors: readonly Major[] = ["10", "11", "13", "15", "18"];
/** There and back, in every run: ten switchovers at one version, two at the others. */
const timesAt = (major: Major) => (triesAll() ? 10 : major === "11" ? 5 : 1);

/** The two that take turns are warm standbys, as at CTIO: they answer no SQL. */
const warm = { dataDirectory: "/data/db", settings: { hot_standby: false } };
const servers: RolloutDeclaration["servers"] = {
  server2: warm,
  server3: warm,
  des10: { role: "mirror", dataDirectory: "/data/db" },
};
const declared = (primary: string): RolloutDeclaration => ({
  settings: { ...quick, max_connections: "30" },
  servers,
  primary,
});
const other = (primary: string) => (primary === "server2" ? "server3" : "server2");

const sites: RolloutSite[] = [];
afterAll(async () => {
  for (const site of sites) await site.close();
}, 120_000);

describe.concurrent("a planned switchover", { timeout: 300_000 }, () => {
  for (const [index, major] of majors.entries()) {
    const times = timesAt(major);
    it(`there and back ${times === 1 ? "once" : `${times} times`} under a writer at ${major}: every acknowledged row is there once, no server is rebuilt`, async ({
      task,
    }) => {
      const site = await RolloutSite.make(major, 150 + index, declared("server2"));
      sites.push(site);
      const writer = await Writer.start(site.site.servers, { user: "postgres", password: "adm1n" });
      let primary = "server2";
      for (let count = 0; count < times * 2; count++) {
        const next = other(primary);
        site.declare(declared(next));
        if (count < 2) {
          const [first, ...rest] = await site.preview();
          expect(first).toBe(
            `1. ${primary}: shut down; ${next}: promote, once it has all that ${primary} wrote (switchover)`,
          );
          expect(rest.join("\n")).toMatch(new RegExp(`${primary}: start`));
          expect(rest.join("\n")).toMatch(/des10: (reload|restart) \(primary_conninfo/);
        }
        await site.up();
        expect(await site.preview()).toEqual([]);
        const rows = await site.query(
          next,
          "select application_name as name from pg_stat_replication where state = 'streaming' order by 1",
        );
        expect(rows).toEqual([{ name: "des10" }, { name: primary }]);
        await writer.until(5);
        primary = next;
      }
      await writer.stop();
      const found = await site.query(primary, "select number from written order by 1");
      const numbers = found.map(({ number }) => Number(number));
      expect(new Set(numbers).size).toBe(numbers.length);
      const there = new Set(numbers);
      expect(writer.acknowledged.filter((number) => !there.has(number))).toEqual([]);
      await ranAt(major, "switchover", task.meta);
      console.log(`${major}: ${writer.acknowledged.length} rows, longest gap ${writer.longestGap} ms`);
    });
  }
});
