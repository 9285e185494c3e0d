import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { atLeast } from "../../postgres/versions.js";
import { bytesOfLsn } from "../../servers/sql/sql.js";
import { segmentAt } from "../../servers/wal/walSegments.js";
import { OldCluster, type RawServer } from "../support/oldPair.js";
import { atOldServers } from "../support/oldServers.js";
import { type ControlFixture, type OldWal, writeOldWal } from "../support/oldWalFixture.js";
import { judgedByUs, judgedByWords } from "../support/oldWalJudged.js";

const size = 16 * 1024 * 1024;
const page = 8192;

/** With PGSITE_RECORD_FIXTURES=yes what is found is recorded, for the tests of every run: test/fixtures/old/wal. */
atOldServers("the control file", (programs) => {
  const { major, version } = programs;
  let cluster: OldCluster;
  beforeAll(async () => {
    cluster = await OldCluster.make(programs, 246);
  });
  afterAll(() => cluster?.close(), 60_000);

  const control = async (server: RawServer): Promise<ControlFixture> => {
    const said = Object.fromEntries(await server.controlData());
    return { file: await server.control(), said };
  };

  it("is read as pg_controldata reads it, in every state", async () => {
    const last = atLeast(major, "9.3") ? 0xff : 0xfe;
    const primary = await cluster.initialize("primary", [3, last - 2]);
    await primary.set("max_connections = 37\nmax_prepared_transactions = 11\nmax_locks_per_transaction = 71");
    await primary.start();
    await primary.query("create table t (n serial primary key, v text)");
    // The beginning and the end of the copy switch to a new segment each.
    const standby = await cluster.standbyOf(primary, "standby");
    await standby.set("max_connections = 37\nmax_prepared_transactions = 11\nmax_locks_per_transaction = 71");
    await standby.start();
    const place = async () => bytesOfLsn(await primary.query("select pg_current_xlog_insert_location()"));
    // Up to the last pages of its 4 GB by many rows at a time, then over the end by rows of all lengths.
    const end = (3n << 32n) + BigInt((last + 1) * size);
    for (const [rows, left] of [
      [20_000, 3_000_000n],
      [1000, 200_000n],
    ] as const) {
      while (end - (await place()) > left)
        await primary.query(`insert into t (v) select 'x' from generate_series(1, ${rows})`);
    }
    for (let length = 1; (await place()) < (4n << 32n) + BigInt(3 * page); length = (length * 7) % 1801) {
      await primary.query(`insert into t (v) values (repeat('x', ${length}))`);
    }
    await standby.until(
      async () => bytesOfLsn(await standby.query("select pg_last_xlog_replay_location()")) >= (await place()),
    );
    await standby.query("select 1");
    const inRecovery = await control(standby);
    await standby.program("pg_ctl", ["-D", standby.data, "-w", "-m", "fast", "stop"]);
    const stoppedStandby = await control(standby);
    await primary.kill();
    const segment = segmentAt(4n << 32n, 1, size);
    const before = segmentAt((3n << 32n) + BigInt(last * size), 1, size);
    const read = async (name: string, from: number, length: number) =>
      (await cluster.host.readBytes(join(standby.data, "pg_xlog", name), from, length)) ?? Buffer.alloc(0);
    const pages = { before: await read(before, size - 2 * page, 2 * page), received: await read(segment, 0, 6 * page) };
    await standby.start();
    await standby.promote();
    const production = await control(standby);
    const history = (await cluster.host.readFile(join(standby.data, "pg_xlog", "00000002.history")))?.toString() ?? "";
    const left = atLeast(major, "9.3")
      ? (/\t([0-9A-F]+\/[0-9A-F]+)\t/.exec(history)?.[1] ?? "")
      : (production.said["Latest checkpoint location"] ?? "");
    await standby.stop();
    const stoppedPrimary = await control(standby);
    const begun = await read(`00000002${segment.slice(8)}`, 0, 6 * page);
    const found: OldWal = {
      version,
      major,
      segment,
      before,
      pages: { ...pages, begun },
      history,
      left,
      control: {
        production,
        recovery: inRecovery,
        "stopped standby": stoppedStandby,
        "stopped primary": stoppedPrimary,
      },
    };
    for (const { file, said } of Object.values(found.control))
      expect(judgedByUs(major, file)).toEqual(judgedByWords(major, said));
    if (process.env.PGSITE_RECORD_FIXTURES === "yes") writeOldWal(found);
  }, 240_000);
});
