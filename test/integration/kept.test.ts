import { existsSync, lstatSync, readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Server } from "../../config/site.js";
import { hashOfTree } from "../support/cluster.js";
import { leadingOut, OtherDisks } from "../support/otherDisks.js";
import { debian15, keptOf, partWays, rowsIn } from "../support/parted.js";
import { lookByReadme } from "../support/readme.js";
import { quick, RolloutSite } from "../support/rolloutSite.js";

const servers = { server2: { dataDirectory: "/data/db" }, server3: { dataDirectory: "/data/db" } };
const settings = { ...quick, wal_keep_segments: "8" };
const byWhom = "select by, count(*) from kept group by by order by by";
/** What a curious operator does to a copy: it writes, and would archive. */
const writes = [
  "insert into kept values ('curious')",
  "checkpoint",
  "select pg_switch_wal()",
  "delete from kept where by = 'curious'",
];

/** Each test leaves another primary, and the rows of all before. */
describe.skipIf(!existsSync(join(debian15, "pg_rewind")) || process.getuid?.() !== 0)(
  "what a server alone had",
  { timeout: 120_000 },
  () => {
    const path = process.env.PATH;
    let site: RolloutSite;
    let disks: OtherDisks;
    let walDisk: string;
    let declared: Readonly<Record<string, string>>;

    beforeAll(async () => {
      disks = await OtherDisks.make();
      walDisk = await disks.disk("wal");
      const far = await disks.disk("far");
      const archive = await disks.disk("archive");
      declared = { ...settings, logging_collector: "on", archive_mode: "on", archive_command: `cp %p ${archive}/%f` };
      site = await RolloutSite.make("15", 116, { settings: declared, servers }, debian15);
      // On one machine a standby that is there already could not have it.
      await site.lose("server3");
      await site.query("server2", `create tablespace far location '${far}'`);
      await site.query("server2", "create table kept (by text) tablespace far", "insert into kept values ('both')");
      await site.up();
      for (const name of ["server3", "server2"]) await moved(name, (server) => disks.link(server, "pg_wal", walDisk));
    }, 120_000);

    afterEach(() => {
      process.env.PATH = path;
    });
    afterAll(async () => {
      // What is mounted among the data is gone before these are removed.
      for (const name of Object.keys(servers)) await site?.stop(name, "immediate").catch(() => undefined);
      await disks?.close();
      await site?.close();
    }, 60_000);

    const rows = (name: string) => rowsIn((sql) => site.query(name, sql));

    async function moved(name: string, move: (server: Server) => Promise<unknown>): Promise<void> {
      await site.stop(name);
      await move(site.server(name));
      await site.up();
    }

    /** @returns the folder that keeps what `old` alone had */
    async function rejoins(old: string, next: string, way: RegExp): Promise<string> {
      const before = keptOf(site.server(old));
      await partWays(site, old, next);
      site.declare({ settings: declared, servers, primary: next });
      expect((await site.preview()).join("\n")).toMatch(way);
      await site.up();
      expect(await rows(old)).toEqual(await rows(next));
      expect(await site.preview()).toEqual([]);
      return keptOf(site.server(old)).find((one) => !before.includes(one)) ?? "none";
    }

    /** What is kept is whole, and who looks into it by its README changes neither it nor anything of a server's. */
    async function expectWhole(old: string, kept: string, expected: readonly string[]): Promise<void> {
      expect(await leadingOut(kept)).toEqual([]);
      expect(lstatSync(join(kept, "pg_wal")).isDirectory()).toBe(true);
      const hashes = async () =>
        Promise.all([kept, ...readdirSync(disks.folder).map((name) => join(disks.folder, name))].map(hashOfTree));
      const wal = () => site.query(site.site.primary ?? "", "select pg_current_wal_lsn()::text as lsn");
      for (let tries = 0; ; tries += 1) {
        const [at, before] = [await wal(), await hashes()];
        const found = await lookByReadme(site.server(old), kept, ...writes, byWhom);
        expect(found).toEqual(expected);
        // Nothing but the servers themselves wrote, if they wrote at all.
        const after = await hashes();
        if (JSON.stringify(await wal()) !== JSON.stringify(at) && tries < 5) continue;
        expect(after).toEqual(before);
        return;
      }
    }

    it("is whole where WAL is on another disk, and the server that pg_rewind changed has its own there still", async () => {
      const kept = await rejoins("server2", "server3", /server2: rejoin by pg_rewind/);
      await expectWhole("server2", kept, ["both|1", "server2 alone|100"]);
      const { dataDirectory } = site.server("server2");
      expect(readlinkSync(join(dataDirectory, "pg_wal"))).toBe(join(walDisk, "server2-pg_wal"));
    });

    it("is whole where logs and configuration are elsewhere and something is mounted among the data; WAL stays on its disk where all is copied anew", async () => {
      const folder = join(site.folder, "without-rsync");
      await execa("sh", [
        "-c",
        'mkdir "$1" && ln -s /usr/bin/* /usr/sbin/* "$1" 2>/dev/null; rm "$1/rsync"',
        "sh",
        folder,
      ]);
      process.env.PATH = folder;
      await moved("server3", async (server) => {
        await disks.link(server, "log", walDisk);
        await disks.link(server, "postgresql.conf", walDisk);
        await disks.mountBelow(server, "base");
      });
      const why = /server3: rejoin by base backup \(.*no pg_rewind: log is a link on server3; no delta copy/;
      const kept = await rejoins("server3", "server2", why);
      await expectWhole("server3", kept, ["both|1", "server3|100", "server3 alone|100"]);
      const { dataDirectory } = site.server("server3");
      expect(readlinkSync(join(dataDirectory, "pg_wal"))).toBe(join(walDisk, "server3-pg_wal"));
      expect(readlinkSync(join(dataDirectory, "log"))).toBe(join(walDisk, "server3-log"));
      expect((await execa("mountpoint", [join(dataDirectory, "base")], { reject: false })).exitCode).toBe(0);
    });
  },
);
