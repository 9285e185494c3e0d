import { lstatSync, readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { expect } from "vitest";
import type { Server } from "../../config/site.js";
import type { Major } from "../../postgres/versions.js";
import { namesOf } from "../../servers/sql/versions.js";
import { hashOfTree } from "./cluster.js";
import { leadingOut, OtherDisks } from "./otherDisks.js";
import { keptOf, partWays, rowsIn } from "./parted.js";
import { lookByReadme } from "./readme.js";
import { quick, RolloutSite } from "./rolloutSite.js";

type Servers = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

const two: Servers = { server2: { dataDirectory: "/data/db" }, server3: { dataDirectory: "/data/db" } };
const byWhom = "select by, count(*) from kept group by by order by by";

/**
 * Two servers that archive, with WAL on another disk, and a table `kept` in a tablespace on a third: as administrators have
 * them who look after their disks.
 */
export class KeptSite {
  readonly wal: string;
  servers: Servers;
  #path = process.env.PATH;

  private constructor(
    readonly site: RolloutSite,
    readonly disks: OtherDisks,
    readonly walDisk: string,
    readonly settings: Readonly<Record<string, string>>,
    servers: Servers,
  ) {
    this.servers = servers;
    this.wal = namesOf(site.major).walDirectory;
  }

  static async make(major: Major, block: number, binaries?: string, servers = two): Promise<KeptSite> {
    const disks = await OtherDisks.make();
    const walDisk = await disks.disk("wal");
    const far = await disks.disk("far");
    const settings = {
      ...quick,
      wal_keep_segments: "8",
      logging_collector: "on",
      archive_mode: "on",
      archive_command: `cp %p ${await disks.disk("archive")}/%f`,
    };
    const site = await RolloutSite.make(major, block, { settings, servers }, binaries);
    const made = new KeptSite(site, disks, walDisk, settings, servers);
    // On one machine a standby that is there already could not have the tablespace.
    await site.lose("server3");
    await site.query("server2", `create tablespace far location '${far}'`);
    await site.query("server2", "create table kept (by text) tablespace far", "insert into kept values ('both')");
    await site.up();
    for (const name of ["server3", "server2"]) await made.moved(name, (server) => made.linkWal(server));
    return made;
  }

  server(name: string): Server {
    return this.site.server(name);
  }

  rows(name: string): Promise<Record<string, number>> {
    return rowsIn((sql) => this.site.query(name, sql));
  }

  linkWal(server: Server): Promise<string> {
    return this.disks.link(server, this.wal, this.walDisk);
  }

  /** With a server at rest. */
  async moved(name: string, move: (server: Server) => Promise<unknown>): Promise<void> {
    await this.site.stop(name);
    await move(this.server(name));
    await this.site.up();
  }

  /** As on a machine on which a program was never installed. */
  async without(program: string): Promise<void> {
    const folder = join(this.site.folder, `without-${program}`);
    const script = 'mkdir "$1" && ln -s /usr/bin/* /usr/sbin/* "$1" 2>/dev/null; rm "$1/$2"';
    await execa("sh", ["-c", script, "sh", folder, program]);
    process.env.PATH = folder;
  }

  /** With all programs. */
  restore(): void {
    process.env.PATH = this.#path;
  }

  declare(primary: string): void {
    this.site.declare({ settings: this.settings, servers: this.servers, primary });
  }

  /** Parts two servers, and brings the old primary back. @returns the folder that keeps what it alone had */
  async rejoins(old: string, next: string, way: RegExp): Promise<string> {
    const before = keptOf(this.server(old));
    await partWays(this.site, old, next);
    this.declare(next);
    expect((await this.site.preview()).join("\n")).toMatch(way);
    await this.site.up();
    expect(await this.rows(old)).toEqual(await this.rows(next));
    expect(await this.site.preview()).toEqual([]);
    this.expectWalApart(old);
    return keptOf(this.server(old)).find((one) => !before.includes(one)) ?? "none";
  }

  /** WAL is where it was. */
  expectWalApart(name: string): void {
    const { dataDirectory } = this.server(name);
    const folder = join(this.walDisk, `${name}-${this.wal}`);
    expect(readlinkSync(join(dataDirectory, this.wal))).toBe(folder);
    expect(readdirSync(folder).filter((file) => /^[0-9A-F]{24}$/.test(file)).length).toBeGreaterThan(0);
  }

  /**
   * What is kept is whole, and who looks into it by its README, writes and would archive there, changes neither it nor
   * anything on the servers' disks.
   */
  async expectWhole(name: string, kept: string, expected: readonly string[]): Promise<void> {
    expect(await leadingOut(kept)).toEqual([]);
    expect(lstatSync(join(kept, this.wal)).isDirectory()).toBe(true);
    const disks = readdirSync(this.disks.folder).map((disk) => join(this.disks.folder, disk));
    // The live servers write their logs, which may be beside their WAL, whenever they like.
    const wals = readdirSync(this.walDisk).filter((name) => name.endsWith(this.wal));
    const folders = [
      kept,
      ...disks.filter((disk) => disk !== this.walDisk),
      ...wals.map((name) => join(this.walDisk, name)),
    ];
    expect(folders.length).toBeGreaterThan(3);
    const hashes = () => Promise.all(folders.map(hashOfTree));
    const { currentLsn } = namesOf(this.site.major);
    const end = () => this.site.query(this.site.site.primary ?? "", `select ${currentLsn}::text as lsn`);
    const writes = [
      "insert into kept values ('curious')",
      "checkpoint",
      "select pg_switch_wal()",
      "delete from kept where by = 'curious'",
    ];
    for (let tries = 0; ; tries += 1) {
      const [at, before] = [await end(), await hashes()];
      expect(await lookByReadme(this.server(name), kept, ...writes, byWhom)).toEqual(expected);
      const after = await hashes();
      // Nothing but the servers themselves wrote, if they wrote at all.
      if (JSON.stringify(await end()) !== JSON.stringify(at) && tries < 5) continue;
      expect(after).toEqual(before);
      return;
    }
  }

  async close(): Promise<void> {
    this.restore();
    // What is mounted among the data is gone before these are removed.
    for (const name of Object.keys(this.servers)) await this.site.stop(name, "immediate").catch(() => undefined);
    await this.disks.close();
    await this.site.close();
  }
}

/** Whether something is mounted there. */
export async function isMounted(path: string): Promise<boolean> {
  return (await execa("mountpoint", ["-q", path], { reject: false })).exitCode === 0;
}

/** A data directory in which nothing is but a link, for WAL that is to be on another disk. @returns where that leads */
export async function prepared({ dataDirectory }: Server, wal: string, folder: string): Promise<void> {
  const script =
    'mkdir -p "$1" "$3" && rm -rf "$3"/* && ln -s "$3" "$1/$2" && chmod 700 "$1" "$3" && chown -h --reference "$(dirname "$1")" "$1" "$1/$2" "$3"';
  await execa("sh", ["-c", script, "sh", dataDirectory, wal, folder]);
}
