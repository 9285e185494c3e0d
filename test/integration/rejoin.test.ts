import { existsSync, readFileSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { execa } from "execa";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { hostOf } from "../../hosts/index.js";
import { startServer } from "../../servers/process/process.js";
import { hashOfTree } from "../support/cluster.js";
import { triedAt } from "../support/everyRun.js";
import { askKept, crash, debian15, keptOf, partWays, rowsIn } from "../support/parted.js";
import { ranAt } from "../support/ran.js";
import { quick, type RolloutDeclaration, RolloutSite } from "../support/rolloutSite.js";

const two = { server2: { dataDirectory: "/data/db" }, server3: { dataDirectory: "/data/db" } };
const three = { ...two, des10: { role: "mirror", dataDirectory: "/data/db" } };
/** With archiving, a promotion leaves its last segment of the old timeline under another name: pg_rewind then leaves the server's own. */
const settings = { ...quick, wal_keep_segments: "8", archive_mode: "on", archive_command: "true" };

/** With Debian's programs, which have pg_rewind. Each test leaves another primary, and the rows of all before. */
describe.skipIf(!existsSync(join(debian15, "pg_rewind")))("the old primary is back", { timeout: 120_000 }, () => {
  let site: RolloutSite;
  let servers: RolloutDeclaration["servers"] = three;

  beforeAll(async () => {
    site = await RolloutSite.make("15", 166, { settings, servers }, debian15);
    await site.query("server2", "create table kept (by text)", "insert into kept values ('both')");
    await site.up();
  }, 120_000);

  afterAll(() => site?.close(), 60_000);

  const declare = (primary: string) => site.declare({ settings, servers, primary });
  const rows = (name: string) => rowsIn((sql) => site.query(name, sql));

  async function expectRejoined(primary: string): Promise<void> {
    const followers = Object.keys(servers).filter((name) => name !== primary);
    const streaming = await site.query(
      primary,
      "select application_name as name from pg_stat_replication where state = 'streaming' order by 1",
    );
    expect(streaming.map(({ name }) => name)).toEqual(followers.sort());
    for (const name of followers) expect(await rows(name), name).toEqual(await rows(primary));
    expect(await site.preview()).toEqual([]);
  }

  it("and takes writes beside the new one: it is stopped, and rejoins by pg_rewind, its rows kept", async () => {
    await partWays(site, "server2", "server3");
    declare("server3");
    const plan = await site.preview();
    const { dataDirectory } = site.server("server2");
    expect(plan[0]).toMatch(
      /^1\. server2: stop: it takes writes NOW, beside server3, on timeline 1, which server3 left at 0\/[0-9A-F]+ for 2; what it wrote since is kept aside, not merged$/,
    );
    expect(plan.join("\n")).toContain(
      `server2: rejoin by pg_rewind (its timeline 1 went on after server3 had left it for 2; its data are kept in ${dataDirectory}.diverged-TIME)`,
    );
    expect(site.said.join("\n")).toMatch(/^warning: the rollout:\n1\. server2: stop/m);
    expect(await rows("server2")).toEqual({ both: 1, "server2 alone": 100 });

    await site.up();
    expect(await rows("server3")).toEqual({ both: 1, server3: 100 });
    await expectRejoined("server3");
    const [kept = "none"] = keptOf(site.server("server2"));
    expect(site.said.join("\n")).toBe("");
    expect(await rowsIn((sql) => askKept(site.server("server2"), kept, sql))).toEqual({
      both: 1,
      "server2 alone": 100,
    });
    expect((await execa("stat", ["-c", "%a %U", kept])).stdout).toBe(`700 ${site.server("server2").host.user}`);
    const report = readFileSync(join(kept, "README.pgsite"), "utf8");
    expect(report).toMatch(
      /^server3 left timeline 1 for 2 at 0\/[0-9A-F]+\. What server2 wrote after that is in no other/m,
    );
    expect(report).toMatch(
      /^Transactions committed after 0\/[0-9A-F]+: \d+, the first at 20\d\d-\S+ \S+ \w+, the last/m,
    );
    expect(report).toMatch(/^Relations whose rows they touched \(database\/relfilenode\): \d+\/\d+/m);
  });

  it("after a crash, and only its WAL since then is kept, where the stack says so", async () => {
    servers = { ...three, server3: { ...two.server3, keepDiverged: "wal" } };
    declare("server3");
    await site.up();
    await partWays(site, "server3", "server2");
    await crash(site.server("server3"));
    declare("server2");
    expect((await site.preview()).join("\n")).toMatch(
      /server3: rejoin by pg_rewind \(it crashed on timeline 2, perhaps after server2 had left it for 3; its WAL since then is kept in /,
    );
    await site.up();
    expect(await rows("server2")).toEqual({ both: 1, server3: 100, server2: 100 });
    await expectRejoined("server2");
    const [kept = "none"] = keptOf(site.server("server3"));
    expect(existsSync(join(kept, "base"))).toBe(false);
    const waldump = [join(debian15, "pg_waldump"), "-p", join(kept, "pg_wal"), "-t", "2", "-r", "Transaction"];
    const from = /at (0\/[0-9A-F]+)\. What/.exec(readFileSync(join(kept, "README.pgsite"), "utf8"))?.[1] ?? "";
    const { stdout } = await execa(waldump[0] ?? "", [...waldump.slice(1), "-s", from], { reject: false });
    expect(stdout.split("\n").filter((line) => /COMMIT/.test(line)).length).toBeGreaterThanOrEqual(3);
  });

  it("by the next best way where the WAL that pg_rewind needs is gone, which the plan says or the act finds", async () => {
    servers = three;
    declare("server2");
    await site.up();
    await partWays(site, "server2", "server3");
    await site.stop("server2");
    // The segment of the last checkpoint that both have.
    const { dataDirectory } = site.server("server2");
    await execa("sh", ["-c", 'cd "$1/pg_wal" && rm 00000003????????????????', "sh", dataDirectory]);
    declare("server3");
    expect((await site.preview()).join("\n")).toMatch(
      /server2: rejoin by delta copy \(.*; no pg_rewind: the WAL since the fork is gone: 00000003[0-9A-F]{16} on server2\)/,
    );
    await site.up();
    await expectRejoined("server3");
    expect(keptOf(site.server("server2"))).toHaveLength(2);
  });

  /** Writes on the timeline of its primary, beside that. */
  async function standAlone(name: string): Promise<void> {
    await site.stop(name);
    rmSync(join(site.server(name).dataDirectory, "standby.signal"));
    await startServer(hostOf(site.server(name).host), site.server(name));
    await site.query(name, "insert into kept select 'astray' from generate_series(1, 10)");
    await site.query("server3", "insert into kept values ('beside it')");
  }

  it.each([
    {
      name: "writes",
      end: async () => {},
      says: /^1\. des10: stop: it takes writes NOW, beside server3, on the same timeline \d+, and since 0\/[0-9A-F]+ what they write is not the same/,
    },
    {
      name: "was shut down",
      end: () => site.stop("des10"),
      says: /^1\. des10: rejoin by .*it took writes, until it was shut down, on timeline \d+ beside server3, which is on the same, since 0\/[0-9A-F]+/,
    },
    {
      name: "crashed",
      end: () => crash(site.server("des10")),
      says: /^1\. des10: rejoin by .*on timeline \d+ beside server3, which is on the same, since 0\/[0-9A-F]+/,
    },
  ])("though it never was promoted: a mirror without its standby.signal $name", async ({ end, says }) => {
    const before = keptOf(site.server("des10"));
    await standAlone("des10");
    await end();
    expect((await site.preview())[0]).toMatch(says);
    await site.up();
    await expectRejoined("server3");
    expect((await rows("des10")).astray).toBeUndefined();
    const [kept = "none", more] = keptOf(site.server("des10")).filter((one) => !before.includes(one));
    expect(more).toBeUndefined();
    expect((await rowsIn((sql) => askKept(site.server("des10"), kept, sql))).astray).toBe(10);
  });
});

describe("what does not rejoin", { timeout: 120_000 }, () => {
  let site: RolloutSite;
  beforeAll(async () => {
    site = await RolloutSite.make("13", 166, { settings, servers: two });
    await site.query("server2", "create table kept (by text)", "insert into kept values ('both')");
    await site.up();
  }, 120_000);
  afterAll(() => site?.close(), 60_000);
  const declare = (primary: string) => site.declare({ settings, servers: two, primary });

  it("is the declared primary, where that is the one that was left: it is said which to declare", async () => {
    await partWays(site, "server2", "server3");
    const says =
      /the timeline of server3 is 2, and that of the primary, 1, does not come from it \(if server3 has the site's data, declare it as the primary; else save what it alone has/;
    expect((await site.preview()).join("\n")).toMatch(says);
    await expect(site.up()).rejects.toThrow(says);
    expect(await rowsIn((sql) => site.query("server3", sql))).toEqual({ both: 1, server3: 100 });
    expect(await rowsIn((sql) => site.query("server2", sql))).toEqual({ both: 1, "server2 alone": 100 });
  });

  it.runIf(process.getuid?.() === 0)("is one whose disk has no room for what is kept: nothing is changed", async () => {
    await site.stop("server2");
    const { dataDirectory } = site.server("server2");
    const parent = dirname(dataDirectory);
    const { stdout } = await execa("du", ["-sm", parent]);
    const size = Number(stdout.split("\t")[0]) + 20;
    const away = `${parent}.away`;
    await execa("mv", [parent, away]);
    await execa("mkdir", [parent]);
    await execa("mount", ["-t", "tmpfs", "-o", `size=${size}m,mode=755`, "small", parent]);
    try {
      await execa("chown", ["--reference", away, parent]);
      await execa("cp", ["-a", `${away}/.`, parent]);
      declare("server3");
      const before = await hashOfTree(dataDirectory);
      const says =
        /server2 cannot rejoin server3: \S+ on server2 has [\d.]+ MB free, and what is kept of it and copied takes [\d.]+ MB: make room, or declare servers\.server2\.keepDiverged: wal, .*Nothing was changed/;
      expect((await site.preview()).join("\n")).toMatch(says);
      await expect(site.up()).rejects.toThrow(says);
      expect(await hashOfTree(dataDirectory)).toBe(before);
      expect(keptOf(site.server("server2"))).toEqual([]);
    } finally {
      await execa("umount", [parent]);
      await execa("rmdir", [parent]);
      await execa("mv", [away, parent]);
    }
    expect(basename(parent)).toBe("data");
    await site.up();
    expect(await rowsIn((sql) => site.query("server2", sql))).toEqual({ both: 1, server3: 100 });
  });
});

/** npm's programs have no pg_rewind. */
describe.each(triedAt(["10", "11", "13", "18"] as const, "10"))("where pg_rewind is missing, at %s", (major) => {
  const path = process.env.PATH;
  let site: RolloutSite;

  beforeAll(async () => {
    site = await RolloutSite.make(major, 166, { settings, servers: two });
    await site.query("server2", "create table kept (by text)", "insert into kept values ('both')");
    await site.up();
  }, 120_000);

  afterEach(() => {
    process.env.PATH = path;
  });
  afterAll(() => site?.close(), 60_000);

  const rows = (name: string) => rowsIn((sql) => site.query(name, sql));

  async function rejoins(old: string, next: string, way: RegExp): Promise<void> {
    await partWays(site, old, next);
    const alone = await rows(old);
    site.declare({ settings, servers: two, primary: next });
    expect((await site.preview()).join("\n")).toMatch(way);
    await site.up();
    const all = await rows(next);
    expect(all[next]).toBe(100);
    expect(all[`${old} alone`]).toBeUndefined();
    expect(await rows(old)).toEqual(all);
    expect(await site.preview()).toEqual([]);
    const [kept = "none"] = keptOf(site.server(old));
    expect(await rowsIn((sql) => askKept(site.server(old), kept, sql))).toEqual(alone);
  }

  it("a delta copy brings it back", async () => {
    await rejoins(
      "server2",
      "server3",
      /server2: rejoin by delta copy \(its timeline 1 went on .*; no pg_rewind: server2 has no \S+\/pg_rewind\)/,
    );
    await ranAt(major, "rejoin");
  }, 60_000);

  it("a whole base backup does, where there is no rsync either", async () => {
    const folder = join(site.folder, "without-rsync");
    await execa("sh", [
      "-c",
      'mkdir "$1" && ln -s /usr/bin/* /usr/sbin/* "$1" 2>/dev/null; rm "$1/rsync"',
      "sh",
      folder,
    ]);
    process.env.PATH = folder;
    await rejoins(
      "server3",
      "server2",
      /server3: rejoin by base backup \(.*; no pg_rewind: .*; no delta copy: server3 has no rsync\)/,
    );
  }, 60_000);
});
