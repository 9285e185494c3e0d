import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LocalSite } from "../support/localSite.js";
import { Writer } from "../support/writer.js";

const nothingToDo = /Resources:\n {4}\d+ unchanged\n/;

/** One line of a stack file, as an administrator changes it. */
describe("primary: names the standby", { timeout: 120_000 }, () => {
  let site: LocalSite;
  let writer: Writer;

  beforeAll(async () => {
    site = await LocalSite.make({ major: "16", block: 155, servers: ["server2", "server3"] });
    await site.up();
    const places = ["server2", "server3"].map((name) => ({ address: site.address(name), port: 5442 }));
    writer = await Writer.start(places, { user: "postgres", password: site.passwords.postgres ?? "" });
  }, 120_000);

  afterAll(async () => {
    await writer?.stop();
    await site?.remove();
  });

  const streams = async (server: string) =>
    (await site.query(server, "select application_name as name, state from pg_stat_replication")).map(
      ({ name, state }) => `${name} ${state}`,
    );

  it("is said in the preview before it happens", async () => {
    site.declare({ primary: "server3" });
    const said = await site.preview();
    expect(said).toContain("1. server2: shut down; server3: promote, once it has all that server2 wrote (switchover)");
    expect(said).toMatch(
      /2\. server3: reload \(primary_conninfo.*\n3\. server2: start \(stopped, primary_conninfo, standby.signal is missing\)/,
    );
    expect(await streams("server2")).toEqual(["server3 streaming"]);
  });

  it("is done by an up: nothing acknowledged is lost, and the next preview is clean", async () => {
    const before = writer.acknowledged.length;
    await site.up();
    await writer.until(10);
    expect(writer.acknowledged.length).toBeGreaterThan(before);
    expect(await streams("server3")).toEqual(["server2 streaming"]);
    expect(await site.preview()).toMatch(nothingToDo);
  });

  it("goes back the same way", async () => {
    site.declare({ primary: "server2" });
    await site.up();
    await writer.until(10);
    expect(await streams("server2")).toEqual(["server3 streaming"]);
    expect(await site.preview()).toMatch(nothingToDo);
    await writer.stop();
    const [row] = await site.query(
      "server2",
      "select count(*)::text as rows, count(distinct number)::text as numbers from written",
    );
    expect(row?.rows).toBe(row?.numbers);
    expect(Number(row?.rows)).toBeGreaterThanOrEqual(writer.acknowledged.length);
  });
});
