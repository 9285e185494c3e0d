import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { atLeast } from "../../postgres/versions.js";
import { maybeSamePast } from "../../postgres/wal/forks.js";
import { bytesOfLsn } from "../../servers/sql/sql.js";
import { endOfReceived } from "../../servers/wal/endOfWal.js";
import { historyOf } from "../../servers/wal/forks.js";
import { branchOf } from "../../servers/wal/timelines.js";
import { lsnText } from "../../servers/wal/walSegments.js";
import { OldCluster, type RawServer } from "../support/oldPair.js";
import { atOldServers } from "../support/oldServers.js";

const rounds = Number(process.env.ROUNDS ?? 8);

/** Numbers that look random, the same in every run. */
function numbers(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

atOldServers("the WAL", (programs) => {
  const { major } = programs;
  const next = numbers(Number(process.env.SEED ?? 1));
  let cluster: OldCluster;
  let primary: RawServer;

  beforeAll(async () => {
    cluster = await OldCluster.make(programs, 246);
    primary = await cluster.initialize("server0", [3, 0xfd]);
    await primary.start();
    await primary.query(
      "create table t (n serial primary key, v text); create index on t (md5(v))".replace("index on", "index t_v on"),
    );
  }, 120_000);
  afterAll(() => cluster?.close(), 60_000);

  /** Writes of all sizes: rows, TOAST, commits of many subtransactions, whole pages, switched segments. */
  const sql = () => {
    const kind = next(40);
    if (kind === 0)
      return `do $$ begin for i in 1..${next(3000)} loop begin insert into t (v) values (i); exception when others then null; end; end loop; end $$`;
    if (kind === 1) return "select pg_switch_xlog()";
    if (kind === 2) return `create table u${next(1_000_000)} as select * from t limit ${next(2000)}`;
    if (kind === 3) return "checkpoint";
    if (kind === 4) return "delete from t where n % 3 = 0; vacuum t";
    const length = kind < 15 ? next(6000) : kind < 20 ? next(3) : next(200);
    return `insert into t (v) select string_agg(md5(random()::text), '') from generate_series(1, ${1 + length})`;
  };

  it("ends where a promotion leaves the timeline, whenever its primary or itself is killed", async () => {
    const past: { timeline: number; until: bigint }[] = [];
    for (let round = 1; round <= rounds; round++) {
      const standby = await cluster.standbyOf(primary, `server${round}`);
      await standby.start();
      const writers = [primary.writes(sql), primary.writes(sql)];
      await sleep(500 + next(4000));
      if (round % 2 === 0) await standby.kill();
      await primary.kill();
      await Promise.all(writers.map((writer) => writer.end()));
      if (round % 2 === 1) {
        // What was received is on the disk, and stays as it is.
        let before: bigint | undefined;
        await standby.until(async () => {
          const now = (await endOfReceived(cluster.host, standby.data, major))?.position;
          const same = now === before;
          before = now;
          await sleep(200);
          return same;
        });
      }
      const ours = await endOfReceived(cluster.host, standby.data, major);
      if (ours === undefined) throw new Error(`round ${round}: no end`);
      expect(ours.timeline).toBe(round);
      if (round % 2 === 0) await standby.start();
      await standby.promote();
      const said = await standby.controlData();
      const left = atLeast(major, "9.3") ? undefined : said.get("Latest checkpoint location");
      const [last] = [...standby.log().matchAll(/redo done at ([0-9A-F]+\/[0-9A-F]+)/g)].slice(-1);
      const at = `round ${round}: ${lsnText(ours.position)}, checkpoint ${said.get("Latest checkpoint location")}, last record ${last?.[1]}`;
      const history = await historyOf(cluster.host, standby.data, major, round + 1);
      past.push({ timeline: round, until: ours.position });
      // With what it began its timeline is there; with what earlier ones began is in none of its WAL.
      expect(history.at(-1), at).toEqual(past.at(-1));
      expect(maybeSamePast(history, past), at).toBe(true);
      expect(bytesOfLsn(last?.[1] ?? "")).toBeLessThan(ours.position);
      if (left !== undefined) expect(beforeRecord(bytesOfLsn(left), ours.position), at).toBe(true);
      const branch = await branchOf(cluster.host, standby.data, major, await standby.control());
      expect(branch).toMatchObject({ timeline: round + 1, parents: history });
      primary = standby;
    }
  }, 600_000);

  /** Whether a record at a place follows upon an end: headers of pages, and rests of pages that have no room, may be between. */
  const beforeRecord = (record: bigint, end: bigint) => record >= end && record - end < 32n + 40n;
});
