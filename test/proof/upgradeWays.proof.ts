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
    // Copied, it would be all of the data and more.
    expect(more).toBeLessThan(0.75 * facts.cluster.dataSize);
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

/** Neither way brings a setting of a role, a database or a function that the new version has no more, and --check says nothing of it. */
async function refusesEndedSettings(it: UpgradeSite, [one, other]: readonly [string, string]): Promise<void> {
  await it.run(`alter database app set ${one}`);
  await it.run(`alter role app in database app set ${other}`);
  await it.run(`create function logs.setting() returns int language sql set ${one} as 'select 1'`, "app");
  const nameOf = (line: string) => line.replace(/ =.*/, "");
  const { facts, plan } = await it.look({ method: "copy" });
  console.log(
    upgradeText(plan)
      .match(/refused: .*/g)
      ?.join("\n"),
  );
  expect(facts.check).toEqual({ code: "clean" });
  const settings = [`database app (${nameOf(one)})`, `role app in database app (${nameOf(other)})`];
  const functions = [`logs.setting() (${nameOf(one)})`];
  expect(plan.refusals).toMatchObject([
    { code: "unsupported", kind: "functions with settings that ended", database: "app", objects: functions },
    { code: "unsupported", kind: "settings that ended", objects: settings },
  ]);
  expect((await it.look({ method: "dump" })).plan.refusals.map(({ code }) => code)).toEqual([
    "unsupported",
    "unsupported",
  ]);
  // And it is so: who goes on all the same has the old server again.
  const from = await it.version();
  await expect(upgrade(it.context(), it.args(), it.plan("copy"), facts)).rejects.toThrow(
    `PostgreSQL ${from} runs again`,
  );
  await it.run(`alter database app reset ${nameOf(one)}`);
  await it.run(`alter role app in database app reset ${nameOf(other)}`);
  await expect(upgrade(it.context(), it.args(), it.plan("copy"), facts)).rejects.toThrow(
    `PostgreSQL ${from} runs again`,
  );
  await it.run("drop function logs.setting()", "app");
}

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
    await refusesEndedSettings(it, ["vacuum_cleanup_index_scale_factor = 0.2", "operator_precedence_warning = on"]);
    const before = worded(await it.contents());
    const { facts, plan } = await it.look({ method: "copy" });
    expect(plan).toMatchObject({ way: "copy", refusals: [], statistics: "made again" });
    expect(facts.check).toEqual({ code: "clean" });
    console.log(upgradeText(plan));
    // The old server's own library is as it always was: the new programs are asked.
    const stale = plan.collations.map(({ name }) => name);
    expect(stale.sort()).toEqual(["logs.blind", "logs.phonebook", "logs.unused", "pg_catalog.fr-x-icu"]);
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

const gone = {
  old_snapshot_threshold: "1h",
  promote_trigger_file: "/nowhere/trigger",
  vacuum_defer_cleanup_age: "10",
  force_parallel_mode: "on",
};

describe.skipIf(of15 === undefined || of18 === undefined)("15 to 18 by pg_upgrade", () => {
  it("settings that vanish between them are said, and come back with a rollback", async () => {
    programs = new ProgramsFolder();
    const old = await programs.join("15", of15 ?? "", ["pg_controldata", "pg_resetwal"]);
    const both = { old, new: of18 ?? "" };
    const it = await make(5, { from: "15", to: "18", programs: both, settings: gone, gone: Object.keys(gone) });
    await fill(it);
    await refusesEndedSettings(it, ["force_parallel_mode = on", "force_parallel_mode = off"]);
    const before = worded(await it.contents());
    const { facts, plan } = await it.look();
    console.log(upgradeText(plan));
    expect(plan).toMatchObject({ way: "copy", because: "cannot clone", refusals: [], statistics: "kept but extended" });
    expect(facts.check).toEqual({ code: "clean" });
    const changed = plan.settings.filter(({ kind }) => kind !== "default");
    expect(changed.map(({ kind, name }) => `${kind} ${name}`)).toEqual([
      "vanishes force_parallel_mode",
      "vanishes old_snapshot_threshold",
      "vanishes promote_trigger_file",
      "vanishes vacuum_defer_cleanup_age",
    ]);
    await upgrade(it.context(), it.args(), plan, facts);
    expect(await it.version()).toBe("18");
    expect(worded(await it.contents())).toEqual(before);
    // 18 brings statistics along, those of several columns are made again.
    const [statistics] = await it.query(
      "select (select count(*) from pg_stats where schemaname = 'logs')::int as columns, (select count(*) from pg_stats_ext)::int as several",
      "app",
    );
    expect(Number(statistics?.columns)).toBeGreaterThan(3);
    expect(Number(statistics?.several)).toBe(1);
    await rollback(it.context(), it.args(), "primary", yes);
    expect(await it.version()).toBe("15");
    expect(worded(await it.contents())).toEqual(before);
    const [row] = await it.query("select current_setting('old_snapshot_threshold') as is");
    expect(row?.is).toBe("1h");
  });
});
