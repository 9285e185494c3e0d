import { afterEach, describe, expect, it } from "vitest";
import { versionDirectory } from "../../config/controlDirectory.js";
import { noWishes } from "../../config/upgrade.js";
import { planUpgrade } from "../../postgres/upgrade/plan.js";
import { commit } from "../../servers/upgrade/commit.js";
import { lookAtHost } from "../../servers/upgrade/hostFacts.js";
import { rollback } from "../../servers/upgrade/rollback.js";
import { upgrade } from "../../servers/upgrade/upgrade.js";
import { upgradeText } from "../../servers/words/upgrade.js";
import { allPrograms } from "../../toolchain/clients.mjs";
import { type FileSystem, LoopDisk, noLoopDisk } from "../support/loopDisk.js";
import { fill } from "../support/upgradeFill.js";
import { type Shape, UpgradeSite } from "../support/upgradeSite.js";

const [of17, of18] = [await allPrograms("17"), await allPrograms("18")];
const yes = { confirm: async () => true };
const megabyte = 1024 * 1024;

let site: UpgradeSite | undefined;
let disk: LoopDisk | undefined;
afterEach(async () => {
  await site?.close();
  await disk?.close();
  site = disk = undefined;
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
    await it.host.remove(versionDirectory(it.old.dataDirectory, "18"));
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
