import { existsSync, rmSync } from "node:fs";
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

  const after = [{ name: "console", command: "echo it was done" }, { name: "agents" }];
  const upgraded = () => site.declare({ postgresql: "18", binaries: newer, upgrade: { after } });

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

  const newerData = () => versionDirectory(site.dataDirectory("server2"), "18");

  async function status(): Promise<unknown> {
    const { stdout, exitCode, all } = await pgsite("upgrade", "status", "--json", "--stack", "site");
    expect(exitCode, all).toBe(0);
    return JSON.parse(stdout);
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
    // What was said, beside what it was.
    expect(said).toMatch(/way +\| copy +\| copy[\s\S]*as said/);
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
    expect(await site.query("server2", "select count(*)::int as n from kept")).toEqual([{ n: "100000" }]);
    expect(await status()).toEqual({ upgrades: [], past: [] });
    await expect(pgsite("upgrade", "rollback", "--stack", "site", "--yes")).resolves.toMatchObject({ exitCode: 1 });
  });

  it("is not upgraded again while what the new version wrote lies there", { timeout: 300_000 }, async () => {
    upgraded();
    expect(await site.failing("up")).toContain(`rm -rf ${newerData()}`);
    expect(await Promise.all(servers.map(version))).toEqual(["17", "17", "17"]);
    rmSync(newerData(), { recursive: true });
  });

  it("is upgraded again, and waits for its commit", { timeout: 300_000 }, async () => {
    upgraded();
    await site.up();
    const { upgrades } = (await status()) as { readonly upgrades: readonly Record<string, unknown>[] };
    expect(upgrades.map(({ server, role, phase }) => `${server} ${role} ${phase}`).sort()).toEqual([
      "des10 standby done",
      "server2 primary done",
      "server3 standby done",
    ]);
    expect(upgrades[0]).toMatchObject({ from: "17", to: "18", way: "copy", keepsRollback: true, after: [] });
    expect(JSON.stringify(upgrades)).not.toContain(site.passwords.postgres);
  });

  it("is committed when what follows the database is confirmed, step by step", { timeout: 300_000 }, async () => {
    const refused = await pgsite("upgrade", "commit", "--stack", "site", "--yes");
    expect(refused.exitCode).toBe(1);
    expect(refused.all).toMatch(/not confirmed yet: console, agents/);
    const early = await pgsite("upgrade", "after", "--stack", "site", "--confirm", "agents");
    expect(early).toMatchObject({ exitCode: 1, all: expect.stringMatching(/"console" comes before "agents"/) });
    const unknown = await pgsite("upgrade", "after", "--stack", "site", "--confirm", "agent");
    expect(unknown).toMatchObject({ exitCode: 1, all: expect.stringMatching(/there are console, agents/) });
    const ran = await pgsite("upgrade", "after", "--stack", "site", "--yes");
    // The second has no command: nobody is there to say that it is done.
    expect(ran.all).toMatch(/it was done/);
    expect((await status()) as object).toMatchObject({ upgrades: [{ after: ["console"] }, {}, {}] });
    const still = await pgsite("upgrade", "commit", "--stack", "site", "--yes");
    expect(still).toMatchObject({ exitCode: 1, all: expect.stringMatching(/not confirmed yet: agents/) });
    for (const name of servers) expect(existsSync(versionDirectory(site.dataDirectory(name), "17"))).toBe(true);
    const confirmed = await pgsite("upgrade", "after", "--stack", "site", "--confirm", "agents");
    expect(confirmed.exitCode, confirmed.all).toBe(0);
    const said = await pgsite("upgrade", "status", "--stack", "site");
    console.log(said.all);
    expect(said.all).toMatch(/agents: confirmed/);
  });

  it("is committed: the old data are gone, and the preview is clean", { timeout: 300_000 }, async () => {
    const { all, exitCode } = await pgsite("upgrade", "commit", "--stack", "site", "--yes");
    console.log(all);
    expect(exitCode, all).toBe(0);
    await endedWell("18");
    const was = { way: "copy", settings: { otherwise: [] } };
    expect(await status()).toMatchObject({ upgrades: [], past: [{ server: "server2", from: "17", to: "18", was }] });
    for (const name of servers) expect(existsSync(versionDirectory(site.dataDirectory(name), "17"))).toBe(false);
  });
});
