import { readdirSync, readlinkSync, rmSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Server } from "../../config/site.js";
import { hostOf } from "../../hosts/index.js";
import type { Major } from "../../postgres/versions.js";
import { minimumReached } from "../../postgres/wal/controlFile.js";
import { createArchive } from "../../servers/archive/create.js";
import { restoreArchive } from "../../servers/archive/restore.js";
import { readControlFile } from "../../servers/data/controlFile.js";
import { seed } from "../../servers/seed/seed.js";
import { isMounted, KeptSite, prepared } from "../support/keptSite.js";
import { debian15, keptOf } from "../support/parted.js";
import { password, quick, RolloutSite } from "../support/rolloutSite.js";

/**
 * Links of all kinds, and disks among the data, through all that brings data, changes them or keeps them. Disks are real (in
 * memory), so it takes root. pg_rewind and pg_basebackup are Debian's, so at 15 alone.
 */
const passwords = { postgres: password, replicator: "repl" };
const rows: readonly { readonly major: Major; readonly block: number; readonly binaries?: string }[] = [
  { major: "11", block: 117 },
  { major: "15", block: 118, binaries: debian15 },
  { major: "18", block: 119 },
];

describe.each(rows)("at $major", ({ major, block, binaries }) => {
  let kept: KeptSite;
  let primary = "server2";
  const other = () => (primary === "server2" ? "server3" : "server2");

  /** The servers change roles. @returns who was the primary, and where what it alone had is kept */
  async function rejoins(way: RegExp): Promise<{ readonly old: string; readonly folder: string }> {
    const old = primary;
    primary = other();
    const alone = await kept.rows(old);
    const folder = await kept.rejoins(old, primary, way);
    const expected = { ...alone, [`${old} alone`]: 100 };
    const inOrder = Object.keys(expected).sort() as (keyof typeof expected)[];
    await kept.expectWhole(
      old,
      folder,
      inOrder.map((by) => `${by}|${expected[by]}`),
    );
    return { old, folder };
  }

  beforeAll(async () => {
    kept = await KeptSite.make(major, block, binaries);
  }, 300_000);

  afterEach(() => kept?.restore());
  afterAll(() => kept?.close(), 60_000);

  it("WAL and a tablespace on other disks: by the best way", async () => {
    await rejoins(major === "15" ? /rejoin by pg_rewind/ : /rejoin by delta copy/);
  });

  it("logs and configuration elsewhere, and a disk among the data: by a delta copy, and all stays where it was", async () => {
    await kept.moved(primary, async (server) => {
      for (const name of ["log", "postgresql.conf"]) await kept.disks.link(server, name, kept.walDisk);
      await kept.disks.mountBelow(server, "base");
    });
    const { old } = await rejoins(/rejoin by delta copy/);
    const { dataDirectory } = kept.server(old);
    expect(readlinkSync(join(dataDirectory, "log"))).toBe(join(kept.walDisk, `${old}-log`));
    expect(await isMounted(join(dataDirectory, "base"))).toBe(true);
  });

  it("a disk among the data: by a base backup, and it is there still", async () => {
    await kept.moved(primary, (server) => kept.disks.mountBelow(server, "pg_multixact"));
    await kept.without("rsync");
    // Where pg_rewind is, what it needs is gone.
    if (major === "15") await kept.moved(primary, (server) => kept.disks.link(server, "log", kept.walDisk));
    const { old } = await rejoins(/rejoin by base backup/);
    expect(await isMounted(join(kept.server(old).dataDirectory, "pg_multixact"))).toBe(true);
  });

  it("its WAL alone is kept as files", async () => {
    const [old, next] = [primary, other()];
    kept.servers = { ...kept.servers, [old]: { ...kept.servers[old], keepDiverged: "wal" } };
    kept.declare(old);
    await kept.site.up();
    const folder = await kept.rejoins(old, next, /rejoin by/);
    primary = next;
    expect(statSync(join(folder, kept.wal)).isDirectory()).toBe(true);
    expect(readdirSync(join(folder, kept.wal)).filter((name) => /^[0-9A-F]{24}$/.test(name))).not.toEqual([]);
    const { stdout } = await execa("find", [folder, "-type", "l"]);
    expect(stdout).toBe("");
  });

  it("a link that leads nowhere is refused beforehand, and so is what has no room by its disk", async () => {
    const old = primary;
    const { dataDirectory } = kept.server(old);
    const { partWays } = await import("../support/parted.js");
    kept.servers = { server2: { dataDirectory: "/data/db" }, server3: { dataDirectory: "/data/db" } };
    const before = keptOf(kept.server(old));
    await partWays(kept.site, old, other());
    symlinkSync("/nowhere/at/all", join(dataDirectory, "astray"));
    kept.declare(other());
    const says = /astray on \S+ is a link to \/nowhere\/at\/all, where nothing is, and all that \S+ has is kept: mount/;
    expect((await kept.site.preview()).join("\n")).toMatch(says);
    await expect(kept.site.up()).rejects.toThrow(says);
    expect(keptOf(kept.server(old))).toEqual(before);
    rmSync(join(dataDirectory, "astray"));
    primary = other();
    await kept.site.up();
    expect(await kept.rows(old)).toEqual(await kept.rows(primary));
  });

  it("first data come with WAL where its place was prepared, by each way", async () => {
    const name = other();
    const server = kept.server(name);
    // Disks that tests before have put among the data are those of a machine that is given up.
    const places = ["base", "pg_multixact"].map((path) => join(server.dataDirectory, path));
    await kept.site.stop(name);
    for (const place of places) if (await isMounted(place)) await execa("umount", ["-l", place]);
    for (const copy of ["cp", "rsync", "tar", ...(major === "15" ? (["pg_basebackup"] as const) : [])] as const) {
      await kept.site.lose(name);
      await prepared(server, kept.wal, join(kept.walDisk, `${name}-${kept.wal}`));
      const outcome = await seed({ site: kept.site.site, server: name, passwords, copy });
      expect(outcome).toMatchObject({ kind: "base-backup", method: copy });
      kept.expectWalApart(name);
      await kept.site.up();
      expect(await kept.rows(name), copy).toEqual(await kept.rows(primary));
      expect(await kept.site.preview(), copy).toEqual([]);
    }
  });

  it("an archive of a server with WAL elsewhere is unpacked with WAL elsewhere", async () => {
    const name = other();
    const server = kept.server(name);
    const folder = join(kept.disks.folder, "far", "seed-archive");
    const { site } = kept.site;
    const { sha256 } = await createArchive({ site, passwords, folder, split: 64 * 1024 * 1024 });
    await kept.site.lose(name);
    await prepared(server, kept.wal, join(kept.walDisk, `${name}-${kept.wal}`));
    await restoreArchive({ site, server, passwords, folder, trust: { sha256 } });
    kept.expectWalApart(name);
    await kept.site.up();
    expect(await kept.rows(name)).toEqual(await kept.rows(primary));
    expect(await kept.site.preview()).toEqual([]);
  });

  it("the control file says how far a standby is for certain, as the server itself does", async () => {
    const server: Server = kept.server(other());
    const host = hostOf(server.host);
    const said = async () => {
      const sql =
        "select min_recovery_end_lsn - '0/0'::pg_lsn as at, min_recovery_end_timeline as timeline from pg_control_recovery()";
      const [row] = await kept.site.query(server.name, sql);
      return { position: BigInt(row?.at ?? 0), timeline: Number(row?.timeline) };
    };
    const control = (await readControlFile(host, server.dataDirectory)) as Buffer;
    expect(minimumReached(major, control)).toEqual(await said());
  });
});

describe("configuration that is not among the data", () => {
  const places = { dataDirectory: "/data/db", configurationDirectory: "/etc/db" };
  let kept: KeptSite;

  beforeAll(async () => {
    kept = await KeptSite.make("15", 118, debian15, { server2: places, server3: places });
  }, 300_000);
  afterAll(() => kept?.close(), 60_000);

  it("is kept with the data, whose README leads to a server that does not run in the live one's", async () => {
    const folder = await kept.rejoins("server2", "server3", /server2: rejoin by pg_rewind/);
    expect(readdirSync(join(folder, "pgsite.configuration"))).toContain("postgresql.conf");
    await kept.expectWhole("server2", folder, ["both|1", "server2 alone|100"]);
  });
});

describe("a new cluster", () => {
  it.each(["11", "15", "18"] as const)("of %s has its WAL where its place was prepared", async (major) => {
    const servers = { server2: { dataDirectory: "/data/db" } };
    const site = await RolloutSite.make(major, 117, { settings: quick, servers });
    try {
      const server = site.server("server2");
      await site.lose("server2", true);
      const folder = join(site.folder, "wal-disk");
      await prepared(server, "pg_wal", folder);
      const outcome = await seed({ site: site.site, server: "server2", passwords });
      expect(outcome.kind).toBe("initdb");
      expect(readlinkSync(join(server.dataDirectory, "pg_wal"))).toBe(folder);
      expect(readdirSync(folder).filter((name) => /^[0-9A-F]{24}$/.test(name))).not.toEqual([]);
    } finally {
      await site.close();
    }
  });
});
