import { chmodSync, cpSync, existsSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterEach, expect, it } from "vitest";
import { incompleteMarker } from "../../config/controlDirectory.js";
import type { Server } from "../../config/site.js";
import { hostOf } from "../../hosts/index.js";
import { followsOver, promotedBy } from "../../postgres/rollout/promotion.js";
import { startServer } from "../../servers/process/process.js";
import { until } from "../../servers/process/until.js";
import { keptOf } from "../../servers/rejoin/aside.js";
import { killServer } from "../support/kill.js";
import { atOldServers } from "../support/oldServers.js";
import { password, quickAt, type RolloutDeclaration, RolloutSite } from "../support/rolloutSite.js";
import { RolloutStacks } from "../support/rolloutStack.js";
import { ran } from "../support/versionsTable.js";
import { Writer } from "../support/writer.js";

/*
 * Who takes writes changes at versions that no registry carries: until 9.2 everybody else is seeded again for it.
 * PGSITE_OLD_SERVERS=FOLDER npm run proof -- oldRoles
 */

const names = ["server2", "server3", "des10"] as const;
type Name = (typeof names)[number];

/** All of it is on 127.0.247.x: a rehearsal takes addresses that are free. */
const block = 247;

interface Said {
  readonly lost?: readonly Name[];
  readonly seedAgain?: readonly Name[];
}

const sites: RolloutSite[] = [];
const writers: Writer[] = [];
afterEach(async () => {
  for (const writer of writers.splice(0)) await writer.stop();
  for (const site of sites.splice(0)) await site.close();
}, 120_000);

atOldServers("who takes writes", (server) => {
  const { major } = server;
  const seeds = !followsOver(major);
  const everybody: Said = { seedAgain: names };

  function declared(primary: Name, { lost = [], seedAgain = [] }: Said = {}): RolloutDeclaration {
    const of = (name: Name) => ({
      ...{ dataDirectory: "/data/db", ...(name === "des10" ? { role: "mirror" } : {}) },
      settings: { hot_standby: true, ...(name === primary ? {} : { trigger_file: `/data/promote-${name}` }) },
      ...(lost.includes(name) ? { lost: true } : {}),
      ...(seedAgain.includes(name) ? { seedAgain: true } : {}),
    });
    return {
      settings: { ...quickAt(major), max_connections: "30" },
      servers: Object.fromEntries(names.map((name) => [name, of(name)])),
      primary,
    };
  }

  async function made(): Promise<{ readonly site: RolloutSite; readonly writer: Writer }> {
    const site = await RolloutSite.make(major, block, declared("server2"), server.bin);
    sites.push(site);
    const writer = await Writer.start(site.site.servers, { user: "postgres", password });
    writers.push(writer);
    await writer.until(200);
    return { site, writer };
  }

  it("is handed over, there and back, and nothing is lost", async () => {
    const { site, writer } = await made();
    for (const [from, to] of [
      ["server2", "server3"],
      ["server3", "server2"],
    ] as const) {
      if (seeds) {
        site.declare(declared(to, { seedAgain: ["des10"] }));
        expect((await site.preview()).join("\n")).toMatch(
          new RegExp(
            `^refused: the switchover from ${from} to ${to}: before 9.3 .* declare servers.${from}.seedAgain: true`,
          ),
        );
        await expect(site.up()).rejects.toThrow(`servers.${from}.seedAgain: true`);
        await writer.until(20);
      }
      site.declare(declared(to, everybody));
      const plan = await site.preview();
      console.log([`${server.version}: ${from} → ${to}`, ...plan].join("\n"));
      expect(plan[0]).toBe(`1. ${from}: shut down; ${to}: promote, once it has all that ${from} wrote (switchover)`);
      expect(plan.filter((line) => /: seed again by /.test(line))).toHaveLength(seeds ? 2 : 0);
      await site.up();
      await writer.until(100);
      expect(await site.preview()).toEqual([]);
      await complete(site, writer, to);
    }
    await writer.stop();
    // Who is merely behind has nothing of his own.
    for (const name of names) expect(await kept(site, name)).toEqual([]);
    ran(server, "switchover", seeds);
  });

  it("is taken over by a standby, and the lost one comes back", async () => {
    const { site, writer } = await made();
    await killServer(site.server("server2"));
    site.declare(declared("server3", { lost: ["server2"] }));
    const plan = await site.preview();
    console.log([`${server.version}: the night`, ...plan].join("\n"));
    expect(plan[0]).toMatch(
      /^1\. server3: promote \(failover: server2 is lost\); it received up to [0-9A-F]+\/[0-9A-F]+ at /,
    );
    expect(plan.some((line) => /des10: seed again by /.test(line))).toBe(seeds);
    await site.up();
    expect(site.said.join("\n")).toContain("Done: server3 takes writes on timeline 2");
    await writer.until(50);
    expect(await site.preview()).toEqual([]);
    ran(server, "failover", seeds);

    site.declare(declared("server3"));
    const back = await site.preview();
    console.log([`${server.version}: the morning`, ...back].join("\n"));
    expect(back[0]).toMatch(/^1\. server2: rejoin by .*its data are kept in /);
    await site.up();
    expect(await site.preview()).toEqual([]);
    await writer.until(50);
    await writer.stop();
    for (const name of ["server2", "des10"]) await caughtUp(site, "server3", name);
    expect(await kept(site, "server2")).toHaveLength(1);
    expect(await kept(site, "des10")).toEqual([]);
    ran(server, "rejoin", seeds);
  });

  it("is one alone again, where a standby was started without its recovery.conf", async () => {
    const { site, writer } = await made();
    const { dataDirectory, host } = site.server("des10");
    await site.stop("des10");
    renameSync(join(dataDirectory, "recovery.conf"), join(dataDirectory, "recovery.gone"));
    await startServer(hostOf(host), site.server("des10"));
    await site.query("des10", "create table astray (number int)", "insert into astray values (1)");
    await writer.until(50);
    const plan = await site.preview();
    console.log([`${server.version}: astray`, ...plan].join("\n"));
    expect(plan[0]).toMatch(
      /^1\. des10: stop: it takes writes NOW, beside server2, on the same timeline 1, and since [0-9A-F]+\/[0-9A-F]+ what they write is not the same/,
    );
    await site.up();
    expect(await site.preview()).toEqual([]);
    await writer.stop();
    await caughtUp(site, "server2", "des10");
    expect(await kept(site, "des10")).toHaveLength(1);
  });

  it.runIf(seeds)("is cut off in the middle of a copy, and the next up goes on", async () => {
    const text = (primary: Name) => `config:
  pgsite:site: cutoff
  pgsite:postgresql: "${major}"
  pgsite:hosts: {server2: 192.0.2.2, server3: 192.0.2.3, des10: 192.0.2.10}
  pgsite:authentication: md5
  pgsite:settings: {shared_buffers: 8MB, fsync: false}
  pgsite:primary: ${primary}
  pgsite:servers:
${names
  .map(
    (name) =>
      `    ${name}: {dataDirectory: /data, seedAgain: true, settings: {hot_standby: true, trigger_file: /data/promote-${name}}}\n`,
  )
  .join("")}`;
    // Where nobody but root may write, as the preflight wants it.
    const folder = mkdtempSync("/opt/pgsite-old-");
    let stacks: RolloutStacks | undefined;
    try {
      cpSync(dirname(server.bin), folder, { recursive: true, verbatimSymlinks: true });
      chmodSync(folder, 0o755);
      const options = { name: `cutoff-${major}`, postgresql: major, block, binaries: join(folder, "bin") };
      stacks = await RolloutStacks.up(options, { ctio: text("server2") });
      const all = stacks.servers("ctio");
      const [des10, , server3] = all as [Server, Server, Server];
      await stacks.query(all[1] as Server, "create table kept (n int)", "insert into kept values (1)");
      await stacks.declare({ ctio: text("server3") });
      const half = () => existsSync(join(des10.dataDirectory, incompleteMarker));
      await stacks.killedUp("ctio", half);
      // Promoted, and the copy is half: the next one has no word of a switchover.
      const { said } = await stacks.preview("ctio");
      expect(said).not.toContain("switchover");
      expect(said).toMatch(/server2: seed again by delta copy \(it is behind on timeline 1, which server3 left for 2/);
      await stacks.rehearsal.up("ctio");
      await stacks.query(server3, "insert into kept values (2)");
      for (const name of ["server2", "des10"]) {
        const standby = all.find((one) => one.name === name) as Server;
        const both = async () => (await stacks?.query(standby, "select n from kept"))?.length === 2;
        expect(await until(both, { deadline: 30_000 }), name).toBe(true);
      }
      const { code, said: clean } = await stacks.preview("ctio", "--expect-no-changes");
      expect(code, clean).toBe(0);
    } finally {
      await stacks?.rehearsal.down();
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it.runIf(promotedBy(major).by === "trigger file")("is refused where nothing can promote the standby", async () => {
    const without = (primary: Name): RolloutDeclaration => {
      const { servers, ...rest } = declared(primary, everybody);
      const plain = Object.entries(servers).map(([name, one]) => [name, { ...one, settings: { hot_standby: true } }]);
      return { ...rest, servers: Object.fromEntries(plain) };
    };
    const site = await RolloutSite.make(major, block, without("server2"), server.bin);
    sites.push(site);
    site.declare(without("server3"));
    expect((await site.preview()).join("\n")).toContain(
      "server3 runs without trigger_file: declare server2 as the primary and servers.server3.settings.trigger_file",
    );
    await expect(site.up()).rejects.toThrow("trigger_file");
  });
});

function kept(site: RolloutSite, name: Name): Promise<readonly string[]> {
  const { host, dataDirectory } = site.server(name);
  return keptOf(hostOf(host), { dataDirectory });
}

/** Every acknowledged row is on all servers. */
async function complete(site: RolloutSite, writer: Writer, primary: Name): Promise<void> {
  const numbers = [...writer.acknowledged];
  const rows = await site.query(primary, "select number from written");
  const there = new Set(rows.map(({ number }) => Number(number)));
  expect(numbers.filter((number) => !there.has(number))).toEqual([]);
  for (const name of names) if (name !== primary) await caughtUp(site, primary, name);
}

async function caughtUp(site: RolloutSite, primary: string, standby: string): Promise<void> {
  const count = async (name: string) => Number((await site.query(name, "select count(*) from written"))[0]?.count);
  const wanted = await count(primary);
  for (let tries = 0; tries < 100; tries++) {
    if ((await count(standby)) >= wanted) return;
    await new Promise((done) => setTimeout(done, 200));
  }
  throw new Error(`${standby} has not what ${primary} has`);
}
