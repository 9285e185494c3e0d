import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { build } from "esbuild";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { upgradePath, versionDirectory } from "../../config/controlDirectory.js";
import { hostOf } from "../../hosts/index.js";
import { must } from "../../installed/must.js";
import type { Phase, UpgradeFacts, Way } from "../../postgres/upgrade/model.js";
import { inspectDataDirectory } from "../../servers/data/dataDirectory.js";
import { processState, startServer } from "../../servers/process/process.js";
import { stopServer } from "../../servers/process/stop.js";
import { seed } from "../../servers/seed/seed.js";
import { commit } from "../../servers/upgrade/commit.js";
import { readJournal } from "../../servers/upgrade/journal.js";
import { rollback } from "../../servers/upgrade/rollback.js";
import { upgrade } from "../../servers/upgrade/upgrade.js";
import { allPrograms } from "../../toolchain/clients.mjs";
import { checkout } from "../../toolchain/paths.mjs";
import { programs } from "../../toolchain/programs.mjs";
import { fill, worded } from "../support/upgradeFill.js";
import { type Shape, UpgradeSite } from "../support/upgradeSite.js";

const [of15, of17, of18] = [await allPrograms("15"), await allPrograms("17"), await allPrograms("18")];
const both = { old: of17 ?? "", new: of18 ?? "" };
const megabyte = 1024 * 1024;

let site: UpgradeSite | undefined;
afterEach(async () => {
  await site?.close();
  site = undefined;
});

async function make(first: number, shape: Partial<Shape> = {}): Promise<UpgradeSite> {
  site = await UpgradeSite.make(first, { from: "17", to: "18", programs: both, ...shape });
  return site;
}

const shapes: readonly (readonly [string, Way, Partial<Shape>])[] = [
  ["by copy, with checksums", "copy", {}],
  [
    "by copy, without checksums, with WAL segments of 64 MB",
    "copy",
    {
      initdb: ["--no-locale", "--encoding=UTF8", "--wal-segsize=64"],
      cluster: { checksums: false, walSegmentSize: 64 * megabyte },
      settings: { wal_keep_size: "128MB", max_wal_size: "1GB", min_wal_size: "128MB" },
    },
  ],
  [
    "by link, with a locale of the server's own",
    "link",
    {
      initdb: [
        "--locale=C",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        "--encoding=UTF8",
        "--data-checksums",
      ],
      cluster: { locale: { provider: "builtin", collate: "C", ctype: "C", locale: "C.UTF-8" } },
    },
  ],
  ["by dump", "dump", {}],
];

describe.skipIf(of17 === undefined || of18 === undefined)("an upgrade from 17 to 18", () => {
  it.each(shapes)("%s brings all that there is", async (_name, way, shape) => {
    const it = await make(1, shape);
    await fill(it);
    const before = await it.contents();
    const journal = await upgrade(it.context(), it.args(), it.plan(way), await it.facts());
    expect(journal.phase).toBe("done");
    expect(await it.version()).toBe("18");
    expect(await it.contents()).toEqual(before);
    expect(it.said.filter((line) => line.startsWith("warning"))).toEqual([]);
    const [control] = await it.query(
      "select (select setting from pg_settings where name = 'data_checksums') as sums, (select setting from pg_settings where name = 'wal_segment_size') as segment",
    );
    expect(control?.sums).toBe(shape.cluster?.checksums === false ? "off" : "on");
    expect(Number(control?.segment)).toBe(shape.cluster?.walSegmentSize ?? 16 * megabyte);
    if (way === "link") {
      await expect(rollback(it.context(), it.args(), "primary", { confirm: async () => true })).rejects.toThrow(
        "share",
      );
    } else if (way === "copy") {
      await rollback(it.context(), it.args(), "primary", { confirm: async () => true });
      expect(await it.contents()).toEqual(before);
      return;
    }
    const freed = await commit(it.context(), it.args(), { confirm: async () => true });
    expect(freed?.flatMap(({ folders }) => folders)).toContain(versionDirectory(it.old.dataDirectory, "17"));
    expect(await it.host.list(join(it.cluster.folder, "space"))).toEqual([expect.stringMatching(/^PG_18_/)]);
    expect(await it.host.stat(upgradePath(it.old, "journal"))).toBeUndefined();
    expect(await it.contents()).toEqual(before);
  });

  it("fails where pg_upgrade does, with its words, and the old server runs", async () => {
    const it = await make(3);
    await fill(it);
    const facts = await it.facts();
    // As where somebody has told the wrong encoding.
    const wrong = { ...facts, cluster: { ...facts.cluster, checksums: false } };
    await expect(upgrade(it.context(), it.args(), it.plan("copy"), wrong)).rejects.toThrow(/checksums.*17 runs again/s);
    expect(await it.version()).toBe("17");
    expect(await it.host.list(it.old.controlDirectory)).not.toContain("upgrade");
    // And the same by link, where the old data could not be started any more had it gone further.
    await expect(upgrade(it.context(), it.args(), it.plan("link"), wrong)).rejects.toThrow(/17 runs again/);
    expect(await it.version()).toBe("17");
  });

  it("takes a standby along, and back", async () => {
    const it = await make(5, { standby: true });
    await fill(it);
    const before = await it.contents();
    await upgrade(it.context(), it.args(), it.plan("copy"), await it.facts());
    const standby = it.cluster.server("standby");
    expect(await inspectDataDirectory(hostOf(standby.host), standby)).toMatchObject({ kind: "absent" });
    const declared = it.args().servers;
    await it.host.remove(join(it.cluster.folder, "unused"));
    const anew = { ...it.cluster.site, version: "18", servers: Object.values(declared) } as typeof it.cluster.site;
    await seed({ site: anew, passwords: it.cluster.passwords, server: "standby" });
    await startServer(hostOf(standby.host), it.declared("standby"));
    expect(await it.version("standby")).toBe("18");
    // Somebody else has its port meanwhile, so that it cannot start.
    const host = hostOf(standby.host);
    await stopServer(host, it.declared("standby"), {});
    const taken = createServer().listen(standby.port, standby.address);
    await once(taken, "listening");
    const outcome = await rollback(it.context(), it.args(), "primary", { confirm: async () => true });
    expect(outcome).toMatchObject({ standbys: [], behind: ["standby"] });
    expect(it.said.filter((line) => line.startsWith("warning: standby is not rolled back"))).toHaveLength(1);
    expect(await it.version()).toBe("17");
    await expect(upgrade(it.context(), it.args(), it.plan("copy"), await it.facts())).rejects.toThrow("rolled back");
    await expect(commit(it.context(), it.args(), { confirm: async () => true })).rejects.toThrow("rolled back");
    taken.close();
    const asked: unknown[] = [];
    const again = await rollback(it.context(), it.args(), "primary", { confirm: async () => asked.push(1) > 0 });
    expect(again).toMatchObject({ standbys: ["standby"], behind: [] });
    expect(asked).toEqual([]);
    for (const server of [it.old, standby]) {
      expect(await readJournal(host, server)).toBeUndefined();
      expect((await inspectDataDirectory(host, server)).kind).toBe("ours");
    }
    expect(await it.contents()).toEqual(before);
    expect(await it.version("standby")).toBe("17");
    await it.run("create table later ()");
    await expect
      .poll(async () => (await it.query("select to_regclass('later') as it", "postgres", "standby"))[0]?.it, {
        timeout: 20_000,
      })
      .toBe("later");
  });
});

describe.each([["10"], ["13"]] as const)("an upgrade from %s to 18 by dump and restore", (from) => {
  it.skipIf(of18 === undefined)("brings all that there is", async () => {
    const it = await make(7, { from, programs: { old: await programs(from), new: of18 as string } });
    await fill(it);
    const before = worded(await it.contents());
    await upgrade(it.context(), it.args(), it.plan("dump"), await it.facts());
    expect(await it.version()).toBe("18");
    expect(worded(await it.contents())).toEqual(before);
  });
});

/**
 * Minor versions from November 2026 on mark columns, which programs of 18 from before that refuse: as these are, it goes, or it is
 * refused before anything stops.
 */
describe.skipIf(of15 === undefined || of18 === undefined)("an upgrade from 15 to 18", () => {
  it.each([["copy"], ["dump"]] as const)(
    "by %s goes where the new programs know what the old ones write",
    async (way) => {
      const it = await make(15, {
        from: "15",
        programs: { old: of15 as string, new: of18 as string },
      });
      await fill(it);
      const { facts, plan } = await it.look({ method: way });
      const { refusals } = plan;
      const marked = facts.cluster.databases
        .filter(({ marksColumns }) => marksColumns === true)
        .map(({ name }) => name);
      console.log(`marked: ${marked.join(", ")}; known: ${facts.knowsMarks}`);
      expect(facts.knowsMarks).toBeDefined();
      if (facts.knowsMarks === false && marked.length > 0) {
        expect(marked).toEqual(["app"]);
        expect(refusals).toMatchObject([{ code: "programs older", databases: ["app"] }]);
        // And it is so: who goes on all the same has the old server again.
        await expect(upgrade(it.context(), it.args(), it.plan(way), await it.facts())).rejects.toThrow(
          /pg_attver.*15 runs again/s,
        );
        expect(await it.version()).toBe("15");
        return;
      }
      expect(refusals).toEqual([]);
      const before = worded(await it.contents());
      await upgrade(it.context(), it.args(), it.plan(way), await it.facts());
      expect(await it.version()).toBe("18");
      expect(worded(await it.contents())).toEqual(before);
    },
  );
});

describe.skipIf(of17 === undefined || of18 === undefined)("what is cut off", () => {
  const acting = join(checkout, "dist", "upgradeActing.test.js");
  beforeAll(async () => {
    await build({
      entryPoints: [join(checkout, "test/support/upgradeActing.ts")],
      outfile: acting,
      bundle: true,
      platform: "node",
      format: "esm",
      packages: "external",
      logLevel: "error",
    });
  });

  /** Runs an upgrade in a process that is killed as soon as it says this. @returns what it said */
  async function killedAt(it: UpgradeSite, way: Way, facts: UpgradeFacts, pattern: RegExp, delay = 0): Promise<string> {
    const file = join(it.cluster.folder, "acting.json");
    writeFileSync(file, JSON.stringify({ args: it.args(), plan: it.plan(way), facts }), { mode: 0o600 });
    const child = spawn(process.execPath, [acting, file], { stdio: ["ignore", "pipe", "pipe"] });
    let said = "";
    const hear = (part: Buffer) => {
      said += part;
      if (pattern.test(said)) setTimeout(() => child.kill("SIGKILL"), delay);
    };
    child.stdout.on("data", hear);
    child.stderr.on("data", hear);
    await new Promise((resolve) => child.once("close", resolve));
    return said;
  }

  const cuts: readonly (readonly [string, Way, RegExp, number])[] = [
    ["while the new cluster is made", "copy", /making a cluster/, 300],
    ["while the old server stops", "copy", /stopping PostgreSQL/, 100],
    ["while pg_upgrade runs", "copy", /pg_upgrade by/, 1500],
    ["while pg_upgrade links", "link", /pg_upgrade by/, 2500],
    ["while both are compared", "copy", /comparing/, 200],
    ["while the one takes the other's place", "copy", /takes its place/, 0],
    ["while the new server starts", "copy", /starting PostgreSQL 18/, 100],
    ["while statistics are made", "copy", /making statistics/, 0],
    ["while it is dumped", "dump", /restored 0 B/, 500],
  ];

  it.each(cuts)("%s, by %s, is gone on with or begun again", async (_name, way, pattern, delay) => {
    const it = await make(9);
    await fill(it);
    const before = await it.contents();
    const facts = await it.facts();
    const said = await killedAt(it, way, facts, pattern, delay);
    expect(said).toMatch(pattern);
    expect(said).not.toMatch(/reached/);
    const phase: Phase | undefined = (await readJournal(it.host, it.old))?.phase;
    const journal = await upgrade(it.context(), it.args(), it.plan(way), facts);
    console.log(`cut off at ${phase}`);
    expect(journal.phase).toBe("done");
    expect(await it.version()).toBe("18");
    expect(await it.contents()).toEqual(before);
  });

  it("by a power cut: all processes are gone, and the next goes on", async () => {
    const it = await make(11);
    await fill(it);
    const before = await it.contents();
    const facts = await it.facts();
    await killedAt(it, "copy", facts, /pg_upgrade by/, 1500);
    // Whatever works in the folder of the site: servers, pg_upgrade.
    const kill = `for p in /proc/[0-9]*; do case $(readlink $p/cwd) in "$1"/*) kill -9 "\${p#/proc/}";; esac; done; true`;
    await must(it.host, ["sh", "-c", kill, "sh", it.cluster.folder]);
    expect((await processState(it.host, it.old.dataDirectory)).kind).not.toBe("running");
    await upgrade(it.context(), it.args(), it.plan("copy"), facts);
    expect(await it.contents()).toEqual(before);
  });

  it("where the new server does not start in its place, the old one runs again", async () => {
    const it = await make(13);
    await fill(it);
    const before = await it.contents();
    // By itself it starts, since it listens nowhere.
    it.newSettings = { listen_addresses: "192.0.2.77" };
    await expect(upgrade(it.context(), it.args(), it.plan("copy"), await it.facts())).rejects.toThrow(/17 runs again/);
    expect(await it.version()).toBe("17");
    expect(await it.contents()).toEqual(before);
    expect(await it.host.list(it.old.controlDirectory)).not.toContain("upgrade");
    expect((await inspectDataDirectory(it.host, it.old)).kind).toBe("ours");
  });
});
