import { afterAll, describe, expect, it } from "vitest";
import type { Major } from "../../postgres/versions.js";
import { bytesOfLsn } from "../../servers/sql/sql.js";
import { triedAt } from "../support/everyRun.js";
import { killServer } from "../support/kill.js";
import { ranAt } from "../support/ran.js";
import { quick, type RolloutDeclaration, RolloutSite } from "../support/rolloutSite.js";
import { Writer } from "../support/writer.js";

const majors = triedAt<Major>(["10", "11", "13", "15", "18"], "11", "18");

/** The standby is warm, as at CTIO: it answers no SQL. The mirror is hot. */
const servers = {
  server2: { dataDirectory: "/data/db", settings: { hot_standby: false } },
  server3: { dataDirectory: "/data/db", settings: { hot_standby: false } },
  des10: { role: "mirror", dataDirectory: "/data/db" },
} as const;

function declared(primary: string, ...lost: readonly (keyof typeof servers)[]): RolloutDeclaration {
  const gone = lost.map((name) => [name, { ...servers[name], lost: true }] as const);
  return {
    settings: { ...quick, max_connections: "30" },
    servers: { ...servers, ...Object.fromEntries(gone) },
    primary,
  };
}

const sites: RolloutSite[] = [];
const writers: Writer[] = [];
afterAll(async () => {
  for (const writer of writers) await writer.stop();
  for (const site of sites) await site.close();
}, 120_000);

describe.concurrent("kill -9 of the primary under a writer", { timeout: 180_000 }, () => {
  for (const [index, major] of majors.entries()) {
    it(`at ${major}: a warm standby takes over, and of that one a hot one; what is lost is what was not received`, async ({
      task,
    }) => {
      const site = await RolloutSite.make(major, 160 + index, declared("server2"));
      sites.push(site);
      const writer = await Writer.start(site.site.servers, { user: "postgres", password: "adm1n" });
      writers.push(writer);
      await writer.until(200);

      const mirror = await site.query(
        "server2",
        "select pid::text from pg_stat_replication where application_name = 'des10' and state = 'streaming'",
      );
      await killServer(
        site.server("server2"),
        mirror.map(({ pid }) => Number(pid)),
      );
      site.declare(declared("server3"));
      expect((await site.preview()).join("\n")).toMatch(
        /^refused: .* server2 is stopped and was not shut down, .*; or, where it is gone, declare servers\.server2\.lost: true, and server3 takes over: it received up to /,
      );
      await expect(site.up()).rejects.toThrow("declare servers.server2.lost: true");
      site.declare(declared("server3", "server2"));
      const lost = await failsOver(site, writer, { from: "server2", to: "server3", timeline: 2 });
      await follows(site, "des10", "server3");

      await writer.until(200);
      await caughtUp(site, "server3");
      await killServer(site.server("server3"));
      site.declare(declared("des10", "server2", "server3"));
      await failsOver(site, writer, { from: "server3", to: "des10", timeline: 3 }, lost);
      await writer.stop();
      await ranAt(major, "failover", task.meta);
    });

    async function failsOver(
      site: RolloutSite,
      writer: Writer,
      { from, to, timeline }: { readonly from: string; readonly to: string; readonly timeline: number },
      lostEarlier: readonly number[] = [],
    ): Promise<readonly number[]> {
      const before = writer.acknowledged.filter((number) => !lostEarlier.includes(number));
      const [first = ""] = await site.preview();
      const words = new RegExp(
        `^1\\. ${to}: promote \\(failover: ${from} is lost\\); it received up to ([0-9A-F]+/[0-9A-F]+) at [0-9:]+ UTC, [0-9]+ s ago, and its stream ended with the primary; what ${from} wrote after that is lost, `,
      );
      expect(first).toMatch(words);
      const [, told = ""] = words.exec(first) ?? [];
      await site.up();
      // To the byte: where it was said to have received up to is where its timeline begins.
      expect(site.said.join("\n")).toContain(
        `Done: ${to} takes writes on timeline ${timeline}, which begins at ${told}`,
      );
      await writer.until(20);
      expect(await site.preview()).toEqual([]);

      const found = await site.query(to, "select number from written");
      const there = new Set(found.map(({ number }) => Number(number)));
      expect(there.size).toBe(found.length);
      const fork = bytesOfLsn(told);
      const positionOf = (number: number) => bytesOfLsn(writer.positions.get(number) ?? "");
      const lost = before.filter((number) => !there.has(number));
      for (const [index, number] of before.entries()) {
        const next = before[index + 1];
        // A row's commit stands before the next row.
        if (next !== undefined && positionOf(next) <= fork) expect(there.has(number), `row ${number}`).toBe(true);
        if (positionOf(number) > fork) expect(there.has(number), `row ${number}`).toBe(false);
      }
      console.log(
        `${site.major}: ${from} → ${to} at ${told}: ${lost.length} of ${before.length} acknowledged rows were not received and are lost, longest gap ${writer.longestGap} ms`,
      );
      return lost;
    }
  }
});

async function follows(site: RolloutSite, standby: string, upstream: string): Promise<void> {
  const rows = await site.query(
    upstream,
    "select application_name as name from pg_stat_replication where state = 'streaming'",
  );
  expect(rows).toEqual([{ name: standby }]);
}

/** It streams, so it has what was written a moment ago. */
async function caughtUp(site: RolloutSite, primary: string): Promise<void> {
  const sql = "select bool_and(replay_lsn >= $)::text as all from pg_stat_replication";
  const [now] = await site.query(primary, "select pg_current_wal_lsn()::text as lsn");
  const asked = sql.replace("$", `'${now?.lsn}'`);
  for (const end = Date.now() + 20_000; (await site.query(primary, asked))[0]?.all !== "true"; ) {
    if (Date.now() > end) throw new Error(`not all have what ${primary} wrote`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
