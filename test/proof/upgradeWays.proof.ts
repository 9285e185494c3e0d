import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { versionDirectory } from "../../config/controlDirectory.js";
import { noWishes } from "../../config/upgrade.js";
import { planUpgrade } from "../../postgres/upgrade/plan.js";
import { commit } from "../../servers/upgrade/commit.js";
import { lookAtHost } from "../../servers/upgrade/hostFacts.js";
import { versionFolders } from "../../servers/upgrade/prepare.js";
import { rollback } from "../../servers/upgrade/rollback.js";
import { upgrade } from "../../servers/upgrade/upgrade.js";
import { upgradeText } from "../../servers/words/upgrade.js";
import { allPrograms } from "../../toolchain/clients.mjs";
import { collate, filesOf, staleIn } from "../support/collations.js";
import { ProgramsFolder } from "../support/joinedPrograms.js";
import { type FileSystem, LoopDisk, noLoopDisk } from "../support/loopDisk.js";
import { bullseye, olderPrograms } from "../support/olderDebian.js";
import { fill, worded } from "../support/upgradeFill.js";
import { type Shape, UpgradeSite } from "../support/upgradeSite.js";

const [of17, of18] = [await allPrograms("17"), await allPrograms("18")];
const of15 = existsSync("/usr/lib/postgresql/15/bin/pg_upgrade") ? "/usr/lib/postgresql/15/bin" : undefined;
const yes = { confirm: async () => true };
const megabyte = 1024 * 1024;

let site: UpgradeSite | undefined;
let disk: LoopDisk | undefined;
let programs: ProgramsFolder | undefined;
afterEach(async () => {
  await site?.close();
  await disk?.close();
  programs?.close();
  site = disk = programs = undefined;
});

async function make(first: number, shape: Shape): Promise<UpgradeSite> {
  site = await UpgradeSite.make(first, { block: 248, sockets: true, ...shape });
  return site;
}

describe.skipIf(of17 === undefined || of18 === undefined)("17 to 18 where the file system shares blocks", () => {
  it.each<FileSystem>(["xfs", "btrfs"])("%s: cloned, and back", async (type) => {
    const lacking = noLoopDisk(type);
    if (lacking !== undefined) {
      console.warn(`skipped: ${lacking}`);
      return;
    }
    disk = await LoopDisk.make(type);
    const folder = await disk.newFolder("site");
    const it = await make(1, { from: "17", to: "18", programs: { old: of17 ?? "", new: of18 ?? "" }, folder });
    await fill(it);
    await it.run("create table big as select g, repeat(md5(g::text), 30) from generate_series(1, 100000) g", "app");
    await it.run("checkpoint");
    const before = await it.contents();
    const { facts, plan } = await it.look();
    expect(plan).toMatchObject({ way: "clone", because: "can clone", keepsRollback: true, refusals: [] });
    expect(facts.check).toEqual({ code: "clean" });
    expect(upgradeText(plan)).toContain("pg_upgrade, which clones the files (--clone)");
    const taken = await disk.taken();
    await upgrade(it.context(), it.args(), plan, facts);
    const more = (await disk.taken()) - taken;
    console.log(
      `${type}: ${facts.cluster.dataSize / megabyte} MB of data; ${more / megabyte} MB more are taken; said: ${plan.space.needed / megabyte}`,
    );
    expect(await it.version()).toBe("18");
    expect(await it.contents()).toEqual(before);
    expect(more).toBeLessThan(plan.space.needed);
    expect(plan.space.needed).toBeLessThan(facts.cluster.dataSize + 200 * megabyte);
    // What the new server writes is not the old one's.
    await it.run("update big set g = -g", "app");
    await rollback(it.context(), it.args(), "primary", yes);
    expect(await it.version()).toBe("17");
    expect(await it.contents()).toEqual(before);
    const left = [
      versionDirectory(it.old.dataDirectory, "18"),
      ...(await versionFolders(it.host, join(folder, "space"), "18")),
    ];
    expect(left).toHaveLength(2);
    for (const path of left) await it.host.remove(path);
    const again = await it.look();
    await upgrade(it.context(), it.args(), again.plan, again.facts);
    await commit(it.context(), it.args(), yes);
    expect(await it.contents()).toEqual(before);
    // The mount point itself cannot be renamed.
    const { signal } = new AbortController();
    const found = await lookAtHost(
      it.host,
      { dataDirectory: disk.place, controlDirectory: it.old.controlDirectory },
      [],
      signal,
    );
    expect(found).toMatchObject({ mountPoint: disk.place, reflink: true });
    const at = { ...facts, host: { ...facts.host, mountPoint: found.mountPoint ?? "" } };
    const { refusals } = planUpgrade(at, { to: "18", wishes: noWishes }, new Date());
    expect(refusals).toEqual([{ code: "mount point", path: disk.place }]);
  });
});

describe.skipIf(of15 === undefined)("13 to 15 with Debian's programs", () => {
  it("by pg_upgrade: all is there, and what another ICU sorts is indexed anew", async () => {
    programs = new ProgramsFolder();
    const older = await olderPrograms(bullseye, programs.path);
    if ("lacking" in older) {
      console.warn(`skipped: ${older.lacking}`);
      return;
    }
    const it = await make(3, { from: "13", to: "15", programs: { old: older.bin, new: of15 ?? "" } });
    await fill(it);
    await collate(it);
    const before = worded(await it.contents());
    const { facts, plan } = await it.look({ method: "copy" });
    expect(plan).toMatchObject({ way: "copy", refusals: [], statistics: "made again" });
    expect(facts.check).toEqual({ code: "clean" });
    console.log(upgradeText(plan));
    const files = await filesOf(it);
    await upgrade(it.context(), it.args(), plan, facts);
    console.log(it.said.filter((line) => line.includes("collation")).join("\n"));
    expect(await it.version()).toBe("15");
    expect(worded(await it.contents())).toEqual(before);
    expect(it.said.filter((line) => line.startsWith("warning"))).toEqual([]);
    expect(await staleIn(it)).toEqual([]);
    const now = await filesOf(it);
    const anew = Object.keys(files).filter((name) => now[name] !== files[name]);
    expect(anew.sort()).toEqual(["french", "names_any_case_excl", "names_german_key", "several"]);
    await rollback(it.context(), it.args(), "primary", yes);
    expect(await it.version()).toBe("13");
    expect(worded(await it.contents())).toEqual(before);
  });
});
