import { existsSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { seed } from "../../servers/seed/seed.js";
import { isMounted, KeptSite, prepared } from "../support/keptSite.js";
import { debian15 } from "../support/parted.js";
import { password } from "../support/rolloutSite.js";

const runs = existsSync(join(debian15, "pg_rewind")) && process.getuid?.() === 0;

/** Each test leaves another primary, or the rows of all before; at more versions and by more ways in `test/proof/kept.proof.ts`. */
describe.runIf(runs)("a server with WAL and a tablespace on other disks", { timeout: 180_000 }, () => {
  let kept: KeptSite;

  beforeAll(async () => {
    kept = await KeptSite.make("15", 116, debian15);
  }, 180_000);

  afterEach(() => kept?.restore());
  afterAll(() => kept?.close(), 60_000);

  it("is kept whole before pg_rewind changes it, and its README starts what is kept beside the live ones", async () => {
    const folder = await kept.rejoins("server2", "server3", /server2: rejoin by pg_rewind/);
    await kept.expectWhole("server2", folder, ["both|1", "server2 alone|100"]);
  });

  it("gets its first data with WAL where somebody prepared the place for it", async () => {
    const { site, walDisk } = kept;
    await site.lose("server2");
    await prepared(site.server("server2"), "pg_wal", join(walDisk, "server2-pg_wal"));
    const passwords = { postgres: password, replicator: "repl" };
    const outcome = await seed({ site: site.site, server: "server2", passwords, copy: "pg_basebackup" });
    expect(outcome).toMatchObject({ kind: "base-backup", method: "pg_basebackup" });
    kept.expectWalApart("server2");
    await site.up();
    expect(await kept.rows("server2")).toEqual(await kept.rows("server3"));
    expect(await site.preview()).toEqual([]);
  });

  it("has logs and configuration elsewhere too, and a disk among its data: it is kept whole, and all stays where it was when it is copied anew", async () => {
    await kept.moved("server3", async (server) => {
      for (const name of ["log", "postgresql.conf"]) await kept.disks.link(server, name, kept.walDisk);
      await kept.disks.mountBelow(server, "base");
    });
    await kept.without("rsync");
    const way = /server3: rejoin by base backup \(.*no pg_rewind: log is a link on server3; no delta copy/;
    const folder = await kept.rejoins("server3", "server2", way);
    await kept.expectWhole("server3", folder, ["both|1", "server3|100", "server3 alone|100"]);
    const { dataDirectory } = kept.server("server3");
    expect(readlinkSync(join(dataDirectory, "log"))).toBe(join(kept.walDisk, "server3-log"));
    expect(await isMounted(join(dataDirectory, "base"))).toBe(true);
  });
});
