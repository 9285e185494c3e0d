import { existsSync, lstatSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Major } from "../../postgres/versions.js";
import { segmentAfter } from "../../servers/wal/walSegments.js";
import { ArchiveSite, hasSlots } from "../support/archiveSite.js";
import { triedAt } from "../support/everyRun.js";
import { availableMajors } from "../support/programs.js";
import { ranAt } from "../support/ran.js";

/** Before 12 recovery.conf makes a standby, from 12 on standby.signal; before 10 much of it has other names. */
const oldest: Major = availableMajors().includes("9.6") ? "9.6" : "10";
const majors = triedAt<Major>([oldest, "15"], "15");

const sum = "select count(*)::text as n, sum(n)::text as s from day";

describe.each(majors)("a mirror of %s in another stack", (major: Major) => {
  let site: ArchiveSite;

  beforeAll(async () => {
    site = await ArchiveSite.make({ major, block: 120 + majors.indexOf(major) });
    await site.site.up();
    await site.site.query("server2", ["create table day (n int, filler text)"]);
    await site.write(20);
  }, 120_000);

  afterAll(() => site?.remove(), 60_000);

  it.runIf(major === "15")(
    "is refused by its preview and its up until its data are there, and nothing is copied",
    async () => {
      const line =
        "des10: its data come by archive, and /DATA has none yet: pgsite archive restore --stack fnal des10 --from FOLDER --sha256 DIGEST, then run again";
      for (const args of [["preview"], ["up", "--yes", "--skip-preview"]]) {
        const { code, text } = await site.pulumi(args);
        expect(code).not.toBe(0);
        expect(text.replaceAll(site.dataDirectory, "/DATA").replace(/\s+/g, " ")).toContain(line);
      }
      expect(existsSync(site.dataDirectory)).toBe(false);
      const seeded = await site.pgsite(["seed", "des10", "--stack", "fnal"]);
      expect(seeded.code).toBe(1);
      expect(seeded.text).toContain("des10 gets its data by archive (baseBackup.method)");
    },
    60_000,
  );

  it("gets an archive of a server under writes, in parts, without what belongs to one server", async () => {
    const folder = site.site.host();
    const space = join(site.site.folder, "aside");
    await folder.makeDirectory(space);
    await site.site.query("server2", `create tablespace aside location '${space}'`);
    await site.site.query("server2", "create table far tablespace aside as select generate_series(1, 20000) as n");
    writeFileSync(join(site.site.dataDirectory("server2"), "server.key"), "a private key");

    const writes = site.write(20);
    const slot = hasSlots(major) ? ["--slot", "des10"] : [];
    if (!hasSlots(major)) {
      const args = ["archive", "create", "--stack", "site", "--output", site.folder("kept"), "--slot", "des10"];
      const { code, text } = await site.pgsite(args);
      expect(code).not.toBe(0);
      expect(text).toContain(`from 9.6 on, and server2 is ${major}: leave --slot out, and raise wal_keep_segments`);
    }
    const said = await site.create("made", ...slot, "--split", "1MB", "--server", "server2");
    await writes;
    expect(said).toContain(`an archive of server2 of the site orders, PostgreSQL ${major}, made 20`);
    expect(said).toMatch(
      hasSlots(major)
        ? /the slot des10 keeps server2's WAL until somebody has streamed by it; its disk has .* free/
        : /server2 keeps 1\.\d+ GB of WAL \(wal_keep_segments 64\): /,
    );
    expect(said).toMatch(/archived .* of .* \(100 %\)/);
    const names = readdirSync(site.folder("made"));
    const manifest = site.manifest("made");
    const parts = [...manifest.parts.base, ...manifest.parts.wal].map(({ name }) => name);
    expect(names.sort()).toEqual(["manifest.json", ...parts].sort());
    expect(manifest.parts.base.length).toBeGreaterThan(2);
    expect(manifest.tablespaces).toMatchObject([{ location: space }]);
    expect(manifest.slot).toBe(hasSlots(major) ? "des10" : undefined);
    expect(lstatSync(site.folder("made")).mode & 0o777).toBe(0o700);
    for (const name of names) expect(lstatSync(join(site.folder("made"), name)).mode & 0o777, name).toBe(0o600);

    const listed = await execa("sh", ["-c", "for s in base wal; do cat $s.tar.zst.* | zstd -dcq | tar -t; done"], {
      cwd: site.folder("made"),
    });
    const files = listed.stdout.split("\n");
    expect(files).toContain("PG_VERSION");
    expect(files).toContain("backup_label");
    expect(files).toContain("global/pg_control");
    expect(files.filter((path) => /pg_hba|postgresql\.|pg_log\/|^log\/|server\.key|postmaster/.test(path))).toEqual([]);
  }, 60_000);

  it("joins of it after a day of writes, before its stack was ever up, and the stack adopts it as it is", async () => {
    const { stop, segmentSize } = site.manifest("made");
    await execa("mv", [site.folder("made"), site.folder("carried")]);
    for (let hour = 0; hour < 3; hour += 1) await site.write(40);
    const first = segmentAfter(stop.segment, segmentSize, major);

    const verified = await site.must(["archive", "verify", site.folder("carried")]);
    expect(verified).toContain("whole: an archive of server2 of the site orders");
    const restored = await site.restore("carried");
    expect(restored.text).toContain(`server2 still has ${first}, the WAL that des10 needs first after the archive`);
    expect(restored.text).toMatch(/unpacked .* \(100 %\)/);
    expect(restored.text).toMatch(/des10 started and streams from server2 and has replayed up to/);
    expect(restored.code).toBe(0);
    expect(await site.query(sum)).toEqual(await site.site.query("server2", sum));
    expect(await site.query("select count(*)::text as n from far")).toEqual([{ n: "20000" }]);
    if (hasSlots(major)) {
      const slots = await site.site.query("server2", "select active::text from pg_replication_slots");
      expect(slots).toEqual([{ active: "true" }]);
    }

    const pid = readFileSync(join(site.dataDirectory, "postmaster.pid"), "utf8").split("\n")[0];
    const up = await site.pulumi(["up", "--yes", "--skip-preview"]);
    expect(up.text).toContain("des10 has its data already");
    expect(up.code).toBe(0);
    const preview = await site.pulumi(["preview", "--diff", "--expect-no-changes"]);
    expect(preview, preview.text).toMatchObject({ code: 0 });
    expect(readFileSync(join(site.dataDirectory, "postmaster.pid"), "utf8").split("\n")[0]).toBe(pid);
    const [walking] = await site.query("select pg_is_in_recovery()::text as recovers");
    expect(walking).toEqual({ recovers: "true" });

    const again = await site.restore("carried");
    expect(again.code).toBe(1);
    expect(again.text).toContain(
      `des10 runs in ${site.dataDirectory} on des10: an archive is for a server that has no`,
    );
    await ranAt(major, "archive");
  }, 120_000);
});
