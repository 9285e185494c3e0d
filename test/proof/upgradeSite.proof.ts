import { existsSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { versionDirectory } from "../../config/controlDirectory.js";
import { allPrograms } from "../../toolchain/clients.mjs";
import { checkout } from "../../toolchain/paths.mjs";
import { LocalSite } from "../support/localSite.js";
import { Writer } from "../support/writer.js";

const servers = ["server2", "server3", "des10"];
const block = 247;

const [older, newer] = await Promise.all([allPrograms("17"), allPrograms("18")]);

/** A site of three under the real engine: 17 → 18 by one line, under a writer; back; and there for good. */
describe.skipIf(older === undefined || newer === undefined)("a site of primary, standby and mirror", () => {
  let site: LocalSite;
  let writer: Writer;

  beforeAll(async () => {
    const description = { servers: { des10: { role: "mirror" } } };
    site = await LocalSite.make({ major: "17", block, servers, description });
    site.declare({ binaries: older });
    await site.up();
    const made = [
      "create table kept (id int primary key, word text)",
      "insert into kept select i, md5(i::text) from generate_series(1, 100000) i",
      "create sequence counted start 42",
      "select nextval('counted')",
      "select lo_from_bytea(4711, 'large'::bytea)",
    ];
    await site.query("server2", made);
  }, 300_000);

  afterAll(async () => {
    await writer?.stop();
    await site?.remove();
  }, 120_000);

  const upgraded = () => site.declare({ postgresql: "18", binaries: newer });

  function begin(): Promise<Writer> {
    const places = servers.map((name) => ({ address: site.address(name), port: 5442 }));
    return Writer.start(places, { user: "postgres", password: site.passwords.postgres as string });
  }

  async function version(server: string): Promise<string> {
    return String((await site.query(server, "select current_setting('server_version_num')::int / 10000 as v"))[0]?.v);
  }

  async function streams(): Promise<unknown> {
    const sql = "select application_name as name, state from pg_stat_replication order by 1";
    return (await site.query("server2", sql)).map(({ name, state }) => `${name} ${state}`);
  }

  /** Nothing that was acknowledged is missing, on any server. */
  async function endedWell(major: string): Promise<void> {
    expect(await Promise.all(servers.map(version))).toEqual([major, major, major]);
    expect(await streams()).toEqual(["des10 streaming", "server3 streaming"]);
    expect(await site.preview(["--expect-no-changes"])).toMatch(/unchanged/);
    expect(
      await site.query("server2", "select count(*)::int as n, md5(string_agg(word, '' order by id)) as sum from kept"),
    ).toEqual(
      await site.query("server3", "select count(*)::int as n, md5(string_agg(word, '' order by id)) as sum from kept"),
    );
    expect(await site.query("des10", "select encode(lo_get(4711), 'escape') as large")).toEqual([{ large: "large" }]);
  }

  async function missing(): Promise<readonly number[]> {
    const rows = await site.query("server2", "select number from written");
    const there = new Set(rows.map(({ number }) => Number(number)));
    return writer.acknowledged.filter((number) => !there.has(number));
  }

  async function pgsite(...args: readonly string[]) {
    const { program, env } = site.sandbox;
    const argv = [join(checkout, "dist", "pgsite.js"), ...args];
    return execa(process.execPath, argv, {
      cwd: program,
      env,
      extendEnv: false,
      reject: false,
      all: true,
      timeout: 180_000,
    });
  }

  it("is told by the preview what an up will do, and nothing is done", async () => {
    upgraded();
    const said = await site.preview();
    console.log(said);
    expect(said).toMatch(/17 → 18/);
    expect(await Promise.all(servers.map(version))).toEqual(["17", "17", "17"]);
  });

  it("is upgraded by one up under a writer: all stream at 18, nothing acknowledged is lost", {
    timeout: 300_000,
  }, async () => {
    writer = await begin();
    const said = await site.up();
    console.log(said);
    await writer.until(5);
    await endedWell("18");
    await writer.stop();
    expect(await missing()).toEqual([]);
    console.log(`longest time without a commit: ${writer.longestGap} ms`);
    for (const name of servers) expect(existsSync(versionDirectory(site.dataDirectory(name), "17"))).toBe(true);
  });

  it("goes back, and is told what was written since", { timeout: 300_000 }, async () => {
    await site.query("server2", "insert into kept values (200000, 'since')");
    const { all, exitCode } = await pgsite(
      "upgrade",
      "rollback",
      "--stack",
      "site",
      "--yes",
      "--save",
      join(site.folder, "saved"),
    );
    console.log(all);
    expect(exitCode, all).toBe(0);
    expect(all).toMatch(/kept/);
    site.declare({ binaries: older });
    await site.up();
    await endedWell("17");
    expect(await site.query("server2", "select count(*)::int as n from kept")).toEqual([{ n: 100000 }]);
  });

  it("is upgraded again and committed: the old data are gone, and the preview is clean", {
    timeout: 300_000,
  }, async () => {
    upgraded();
    await site.up();
    const { all, exitCode } = await pgsite("upgrade", "commit", "--stack", "site", "--yes");
    console.log(all);
    expect(exitCode, all).toBe(0);
    await endedWell("18");
    for (const name of servers) expect(existsSync(versionDirectory(site.dataDirectory(name), "17"))).toBe(false);
  });
});
