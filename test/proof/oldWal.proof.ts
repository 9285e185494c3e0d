import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { atLeast } from "../../postgres/versions.js";
import { maybeSamePast } from "../../postgres/wal/forks.js";
import { formatOf, positionIn } from "../../postgres/wal/formats.js";
import { recordsIn } from "../../postgres/wal/records.js";
import { bytesOfLsn } from "../../servers/sql/sql.js";
import { partedAt } from "../../servers/wal/divergence.js";
import { endOfReceived } from "../../servers/wal/endOfWal.js";
import { historyOf } from "../../servers/wal/forks.js";
import { endOfWal, hasWal } from "../../servers/wal/shutdownCheckpoint.js";
import { type Branch, branchOf, divergence, forkOf } from "../../servers/wal/timelines.js";
import { lsnText, segmentAt, startOf } from "../../servers/wal/walSegments.js";
import { OldCluster, type RawServer } from "../support/oldPair.js";
import { atOldServers } from "../support/oldServers.js";
import { ran } from "../support/ran.js";

const size = 16 * 1024 * 1024;
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
  /** Where ControlFileData has minRecoveryPoint. */
  const minimumAt = atLeast(major, "9.5") ? 136 : atLeast(major, "9.3") ? 128 : atLeast(major, "9.2") ? 112 : 104;

  beforeAll(async () => {
    cluster = await OldCluster.make(programs, 246);
    primary = await cluster.initialize("server0", [3, 0xfd]);
    await primary.start();
    await primary.query("create table t (n serial primary key, v text); create index t_v on t (md5(v))");
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
    if (kind === 4 || kind === 5) return `delete from t where n % 3 = ${next(3)}; vacuum t`;
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
      if (round % 2 === 0) await cutOff(standby);
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
    ran(programs, "received");
  }, 600_000);

  /** As if the stream of a stopped standby had ended a little earlier, anywhere: behind what a vacuum did to an index, if there is such a place. */
  async function cutOff(standby: RawServer): Promise<void> {
    const { position: end = 0n, timeline = 1 } = (await endOfReceived(cluster.host, standby.data, major)) ?? {};
    const path = join(standby.data, "pg_xlog", segmentAt(end - 1n, timeline, size));
    const from = Number((end - 1n) % BigInt(size));
    const first = Math.max(0, Math.floor(from / 8192) - 20) * 8192;
    const start = end - 1n - BigInt(from - first);
    const bytes = (await cluster.host.readBytes(path, first, from + 1 - first)) ?? Buffer.alloc(0);
    const records = [
      ...recordsIn(Buffer.concat([bytes, Buffer.alloc(8192)]), start, { segment: size, page: 8192 }, major),
    ];
    const minimum = positionIn(await standby.control(), minimumAt, formatOf(major));
    const vacuumed = records
      .filter(({ manager, transaction }) => manager === 11 && transaction === 0)
      .map((one) => one.end);
    const anywhere = start + BigInt(next(Number(end - start)));
    const at = vacuumed.length > 0 && next(2) === 0 ? (vacuumed[next(vacuumed.length)] as bigint) : anywhere;
    if (at <= minimum || at <= start) return;
    await cluster.must(["truncate", "-s", `${Number(at % BigInt(size))}`, path]);
    await cluster.must(["truncate", "-s", `${size}`, path]);
  }

  it("is cut off where the checkpoint of a shutdown ends, which a standby has or has not", async () => {
    const standby = await cluster.standbyOf(primary, "switched");
    await standby.start();
    for (let tries = 0; tries < 30; tries++) await primary.query(sql());
    await standby.until(async () => (await place(standby)) >= (await bytesOfQuery(primary)));
    await primary.stop();
    const end = await endOfWal(cluster.host, primary.data, major);
    const at = (server: RawServer) => ({ host: cluster.host, dataDirectory: server.data });
    if (end === undefined) throw new Error("it was shut down");
    await standby.until(() => hasWal(at(primary), at(standby), major, end));
    const { position, timeline } = (await endOfReceived(cluster.host, standby.data, major)) ?? {};
    const last = end.at(-1);
    expect(startOf(last?.segment ?? "", size) + BigInt(last?.bytes ?? 0)).toBeGreaterThan((position ?? 0n) - 8n);
    expect(startOf(last?.segment ?? "", size) + BigInt(last?.bytes ?? 0)).toBeLessThanOrEqual(position ?? 0n);
    await standby.kill();
    const path = join(standby.data, "pg_xlog", last?.segment ?? "");
    const flip = `printf '\\377' | dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null`;
    const kept = `${path}.kept`;
    await cluster.must(["cp", "-p", path, kept]);
    await cluster.must(["sh", "-c", flip, "sh", path, `${(last?.bytes ?? 1) - 1}`]);
    expect(await hasWal(at(primary), at(standby), major, end)).toBe(false);
    await cluster.must(["mv", kept, path]);
    expect(await hasWal(at(primary), at(standby), major, end)).toBe(true);
    await standby.start();
    await standby.promote();
    const [own, theirs] = await Promise.all([branch(primary), branch(standby)]);
    expect(theirs.parents?.at(-1)).toEqual({ timeline, until: position });
    // The old primary ended where the new one left: nothing of its own.
    expect([divergence(own, theirs), await parted(primary, standby)]).toEqual([undefined, undefined]);
    primary = standby;
  }, 120_000);

  it("tells who went on beyond a promotion, as long as the primary has that of it; else it says that nobody knows", async () => {
    const heir = await cluster.standbyOf(primary, "heir");
    const behind = await cluster.standbyOf(primary, "behind");
    await heir.start();
    await behind.start();
    await primary.query(sql());
    await behind.until(async () => (await place(behind)) >= (await bytesOfQuery(primary)));
    await behind.kill();
    await primary.query("select pg_switch_xlog()");
    for (let tries = 0; tries < 20; tries++) await primary.query(row());
    await heir.until(async () => (await place(heir)) >= (await bytesOfQuery(primary)));
    await heir.kill();
    await primary.query(row());
    await primary.kill();
    await heir.start();
    await heir.promote();
    const fork = (await branch(heir)).parents?.at(-1);
    expect(fork?.latest).toBeUndefined();
    expect(forkOf(await branch(primary), await branch(heir))).toEqual(fork);
    expect(forkOf(await branch(behind), await branch(heir))).toEqual(fork);
    expect(divergence(await branch(primary), await branch(heir))).toBeUndefined();
    expect(await parted(primary, heir)).toEqual({ ...fork, beyond: "certainly" });
    expect(divergence(await branch(behind), await branch(heir))).toBeUndefined();
    expect(await parted(behind, heir)).toBeUndefined();
    // It keeps on writing, until the segment with which it began is used again.
    for (let tries = 0; tries < 20 && (await first(heir)) !== undefined; tries++) {
      await heir.query(
        "create table w as select generate_series(1, 400000); drop table w; select pg_switch_xlog(); checkpoint",
      );
    }
    if (atLeast(major, "9.3")) {
      expect((await branch(heir)).parents?.at(-1)).toEqual(fork);
      expect(await parted(primary, heir)).toEqual({ ...fork, beyond: "certainly" });
    } else {
      expect(await first(heir)).toBeUndefined();
      const bounded = (await branch(heir)).parents?.at(-1);
      expect(bounded?.latest).toBe((bounded?.until ?? 0n) + BigInt(size));
      expect(bounded?.until).toBeLessThan(fork?.until ?? 0n);
      expect(bounded?.latest).toBeGreaterThanOrEqual(fork?.until ?? 0n);
      expect(await parted(primary, heir)).toEqual({ ...bounded, beyond: "maybe" });
    }
    expect(divergence(await branch(behind), await branch(heir))).toBeUndefined();
    expect(await parted(behind, heir)).toBeUndefined();
    primary = heir;

    /** The segment with which a server's timeline began, where it has that. */
    async function first(server: RawServer): Promise<string | undefined> {
      const { timeline } = await branch(server);
      const name = segmentAt((fork?.until ?? 1n) - 1n, timeline, size);
      return (await cluster.host.list(join(server.data, "pg_xlog")))?.find((one) => one === name);
    }
  }, 240_000);

  const branch = async (server: RawServer): Promise<Branch> => {
    const found = await branchOf(cluster.host, server.data, major, await server.control());
    if (found === undefined) throw new Error(`${server.name} has no branch`);
    return found;
  };
  const parted = async (server: RawServer, site: RawServer) =>
    partedAt(
      { host: cluster.host, dataDirectory: server.data, version: major },
      await branch(server),
      await branch(site),
    );
  const place = async (standby: RawServer) =>
    bytesOfLsn((await standby.query("select pg_last_xlog_receive_location()")) || "0/0");
  const bytesOfQuery = async (server: RawServer) => bytesOfLsn(await server.query("select pg_current_xlog_location()"));
  const row = () =>
    `insert into t (v) select string_agg(md5(random()::text), '') from generate_series(1, ${1 + next(100)})`;

  /** Whether a record at a place follows upon an end: headers of pages, and rests of pages that have no room, may be between. */
  const beforeRecord = (record: bigint, end: bigint) => record >= end && record - end < 32n + 40n;
});
