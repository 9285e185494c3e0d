import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { recordAt } from "../../postgres/wal/records.js";
import { bytesOfLsn } from "../../servers/sql/sql.js";
import { segmentAt } from "../../servers/wal/walSegments.js";
import { Cluster } from "../support/cluster.js";

const page = 8192;
const size = 16 * 1024 * 1024;

/** By where a record begins that a primary has not, a standby is known to have gone its own way. */
describe("a record that a server wrote at the very end of a page", () => {
  let cluster: Cluster;

  beforeAll(async () => {
    cluster = await Cluster.describe({ major: "15", first: 159, servers: [{ name: "server2", role: "primary" }] });
    await cluster.seed("server2");
    await cluster.start("server2");
  }, 60_000);

  afterAll(() => cluster?.close(), 60_000);

  const position = async () => {
    const [row] = await cluster.query("server2", "select pg_current_wal_insert_lsn()::text as at");
    return bytesOfLsn(row?.at ?? "0/0");
  };
  const write = async (bytes: number) => {
    await cluster.query("server2", `select pg_logical_emit_message(false, 't', repeat('x', ${bytes}))`);
    return position();
  };

  it("is read although its header goes on in the next page", async () => {
    let before = await position();
    let at = before;
    // Around what is written; a page's header, or a record of the server's own in between, only adds to it.
    let overhead = Infinity;
    for (let tries = 0; tries < 5; tries++) {
      before = at;
      at = await write(100);
      overhead = Math.min(overhead, Number(at - before) - 100);
    }
    // Whatever else the server writes meanwhile. A length of more than a byte takes another header, so none is written.
    for (let tries = 0; at % BigInt(page) !== BigInt(page - 8) && tries < 400; tries++) {
      const rest = page - 8 - Number(at % BigInt(page)) - overhead;
      before = at;
      at = await write(rest >= 1 && rest <= 255 ? rest : 100);
    }
    expect(Number(at % BigInt(page))).toBe(page - 8);
    await write(300);
    await cluster.query("server2", "checkpoint");
    const { dataDirectory } = cluster.server("server2");
    const from = at - (at % BigInt(page));
    const path = join(dataDirectory, "pg_wal", segmentAt(from, 1, size));
    const pages = await cluster.host("server2").readBytes(path, Number(from % BigInt(size)), 2 * page);
    expect(recordAt(pages as Buffer, from, at, { segment: size, page }, "15")?.previous).toBe(before);
  });
});
