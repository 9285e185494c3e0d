import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RemoteSite, whyNoSite } from "../support/remoteSite.js";

const why = whyNoSite();
let site: RemoteSite;

beforeAll(async () => {
  if (why !== undefined) return;
  site = await RemoteSite.make();
  site.declare("fnal", [["baseBackup"], { method: "archive" }]);
  await site.up("ctio");
  await site.query(
    "server2",
    "create table day as select n, repeat(md5(n::text), 31) from generate_series(1, 20000) n",
  );
}, 240_000);

afterAll(() => site?.remove(), 60_000);

async function pgsite(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await site.pgsite(args);
  if (code !== 0) throw new Error(`pgsite ${args.join(" ")} ended with status ${code}:\n${stdout}${stderr}`);
  return stdout;
}

const restore = ["archive", "restore", "--stack", "fnal", "des10", "--trust-carrier"];

/** des10's disk is this large. */
async function mountSmall(): Promise<void> {
  await site.host("des10").must(["sh", "-c", "mount -t tmpfs -o size=20m,mode=777 small /data/database"]);
}

describe.skipIf(why !== undefined)(
  `the mirror at Fermilab, by archive, on hosts over SSH${why ? ` (${why})` : ""}`,
  () => {
    it("gets an archive on the primary's own host, and one on the machine that runs pgsite", async () => {
      const create = ["archive", "create", "--stack", "ctio", "--output", "/raid2/archive", "--split", "1MB"];
      const { stderr } = await site.pgsite(create);
      const remedy = "install -d -o postgres -m 0700 /raid2/archive";
      expect(stderr).toContain(`: make it there as root: ${remedy}; nothing was touched`);
      await site.host("server2").must(remedy.split(" "));
      const there = await pgsite(...create);
      expect(there).toContain("in /raid2/archive on server2; verify it where it arrives");
      expect(there).toContain("server2 keeps 1.07 GB of WAL (wal_keep_size 1024MB)");
      const modes = await site
        .host("server2")
        .must(["sh", "-c", "stat -c '%a %U' /raid2/archive /raid2/archive/* | sort -u"]);
      expect(modes).toBe("600 postgres\n700 postgres\n");
      const verified = await pgsite("archive", "verify", "/raid2/archive", "--stack", "ctio", "--on", "server2");
      expect(verified).toContain("whole: an archive of server2 of the site sispi, PostgreSQL 15");
      const here = join(site.sandbox.program, "archive");
      expect(await pgsite("archive", "create", "--stack", "ctio", "--output", here, "--on", "local")).toContain(
        `in ${here} on this machine`,
      );
      await site.untilNothingIsLeft();
    }, 120_000);

    it("that fills its disk ends with one line, and leaves nothing of it", async () => {
      const server2 = site.host("server2");
      await server2.must(["sh", "-c", "mkdir /srv/small && mount -t tmpfs -o size=1m,mode=777 small /srv/small"]);
      const create = ["archive", "create", "--stack", "ctio", "--output", "/srv/small/archive", "--compress", "none"];
      const { code, stderr } = await site.pgsite(create);
      expect(code).toBe(1);
      const line = "pgsite: /srv/small/archive on server2: its disk became full; make room, or choose another folder";
      expect(stderr.split("\n").filter((text) => text.startsWith("pgsite: "))).toEqual([`${line}, and run again`]);
      expect(await server2.must(["ls", "-A", "/srv/small/archive"])).toBe("");
      await server2.must(["umount", "/srv/small"]);
      expect(await site.heldOn("server2")).toBe("0");
    }, 60_000);

    it("is refused where its disk is too small for it, before anything is unpacked", async () => {
      await mountSmall();
      try {
        const { code, stderr } = await site.pgsite([...restore, "--from", "/raid2/archive", "--on", "server2"]);
        expect(code).toBe(1);
        expect(stderr.trim()).toMatch(
          /^pgsite: \/data\/database\/sispi_db on des10 has [\d.]+ MB free, and the archive takes [\d.]+ MB unpacked: make room, or move dataDirectory to a larger disk; nothing was touched$/,
        );
        expect(await site.host("des10").must(["ls", "/data/database"])).not.toMatch(/^sispi_db$/m);
      } finally {
        await site.host("des10").must(["umount", "/data/database"]);
      }
    }, 60_000);

    it("joins of the archive that was carried by the machine that runs pgsite, and its stack adopts it", async () => {
      await site.query("server2", "insert into day select n, 'later' from generate_series(1, 20000) n");
      const folder = join(site.sandbox.program, "archive");
      const manifest = createHash("sha256")
        .update(readFileSync(join(folder, "manifest.json")))
        .digest("hex");
      // As it is read over the phone.
      const read = manifest.toUpperCase().replace(/(.{8})(?=.)/g, "$1 ");
      const vouched = ["archive", "restore", "--stack", "fnal", "des10", "--sha256", read];
      const said = await pgsite(...vouched, "--from", folder, "--on", "local");
      expect(said).toMatch(/server2 still has [0-9A-F]{24}, the WAL that des10 needs first after the archive/);
      expect(said).toMatch(/des10 started and streams from server2 and has replayed up to/);
      expect(await site.query("des10", "select count(*) from day")).toBe("40000");
      expect(await site.up("fnal")).toContain("des10 has its data already");
      await site.preview("fnal", "--expect-no-changes");
      const streaming = await site.streaming("server2");
      expect(streaming).toContainEqual(`des10 ${site.host("des10").address} streaming`);
      await site.untilNothingIsLeft();
    }, 180_000);
  },
);
