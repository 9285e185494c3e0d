import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { versionDirectory } from "../../config/controlDirectory.js";
import { planUpgrade } from "../../postgres/upgrade/plan.js";
import { inspectDataDirectory } from "../../servers/data/dataDirectory.js";
import { readJournal } from "../../servers/upgrade/journal.js";
import { comparisonOf } from "../../servers/upgrade/past.js";
import { rollback } from "../../servers/upgrade/rollback.js";
import { upgrade } from "../../servers/upgrade/upgrade.js";
import type { Written } from "../../servers/upgrade/written.js";
import { allPrograms } from "../../toolchain/clients.mjs";
import { UpgradeSite } from "../support/upgradeSite.js";

const [old, fresh] = [await allPrograms("17"), await allPrograms("18")];
const programs = old === undefined || fresh === undefined ? undefined : { old, new: fresh };

describe.skipIf(programs === undefined)("an upgrade from 17 to 18", { timeout: 120_000 }, () => {
  let site: UpgradeSite | undefined;
  afterEach(async () => {
    await site?.close();
    site = undefined;
  });
  const make = async (first: number) => {
    site = await UpgradeSite.make(first, { from: "17", to: "18", programs: programs as NonNullable<typeof programs> });
    await site.run(
      "create table t (id serial primary key, text text); insert into t (text) select 'row ' || g from generate_series(1, 1000) g",
    );
    return site;
  };

  it("goes by copy, keeps the old data and all that was there", async () => {
    const it = await make(1);
    // Nobody declares this one; another, the stack gives another value.
    await it.run("alter system set work_mem = '5MB'");
    await it.run("select pg_reload_conf()");
    it.newSettings = { maintenance_work_mem: "65MB" };
    const before = await it.contents();
    const args = it.args();
    const facts = await it.facts();
    const wanted = { to: args.version, wishes: args.wishes, declared: it.declared().settings };
    const plan = planUpgrade(facts, wanted, new Date());
    const journal = await upgrade(it.context(), args, plan, facts);
    expect(journal.phase).toBe("done");

    // What was said, and what it was.
    expect(plan.settings).toEqual(
      expect.arrayContaining([
        { kind: "undeclared", name: "work_mem", value: "5MB", to: "4MB" },
        { kind: "declared", name: "maintenance_work_mem", from: "64MB", to: "65MB" },
        { kind: "default", name: "effective_io_concurrency", from: "1", to: "16" },
      ]),
    );
    const compared = comparisonOf(journal);
    console.log(it.said.find((line) => line.includes("| said")));
    expect(compared?.was).toMatchObject({ way: plan.way, settings: { otherwise: [] } });
    expect(compared?.was.settings.changed).toEqual(plan.settings.map(({ name }) => name));
    expect(compared?.was.space).toBeGreaterThan(10_000_000);
    expect(compared?.was.space).toBeLessThan(plan.space.needed);
    expect(compared?.was.downtime).toBeGreaterThan(0);
    expect(it.said.join("\n")).toMatch(/way +\| copy +\| copy\n.*space +\| .* at most\n.*\n.*: as said$/m);
    expect(await it.version()).toBe("18");
    expect(await it.contents()).toEqual(before);
    const { kind, identity } = await inspectDataDirectory(it.host, it.old);
    expect(kind).toBe("ours");
    expect(identity?.upgradedFrom).toEqual({ version: "17", systemIdentifier: journal.systemIdentifiers.old });
    expect(await it.host.stat(versionDirectory(it.old.dataDirectory, "17"))).toBeDefined();

    await it.run("insert into t (text) values ('new')");
    const said: (Written | undefined)[] = [];
    const save = join(it.cluster.folder, "saved");
    await it.host.makeDirectory(save);
    const outcome = await rollback(it.context(), it.args(), "primary", {
      save,
      confirm: async (written) => {
        said.push(written);
        return true;
      },
    });
    expect(said).toHaveLength(1);
    expect(outcome).toMatchObject({
      code: "done",
      written: { counted: true, rows: [{ table: "postgres: public.t", rows: 1 }] },
    });
    expect(await it.host.list(save)).toEqual(["globals.sql", "postgres.dump", "template1.dump"]);
    expect(await it.version()).toBe("17");
    expect(await it.contents()).toEqual(before);
    expect(await readJournal(it.host, it.old)).toBeUndefined();
    expect((await inspectDataDirectory(it.host, it.old)).kind).toBe("ours");
  });

  it("runs as before where a declared setting keeps the new server from starting", async () => {
    const it = await make(3);
    it.newSettings = { shared_preload_libraries: "no_such_library" };
    await expect(upgrade(it.context(), it.args(), it.plan("copy"), await it.facts())).rejects.toThrow(
      "no_such_library",
    );
    expect(await it.version()).toBe("17");
    expect(await readJournal(it.host, it.old)).toBeUndefined();
    expect(await it.host.list(it.old.controlDirectory)).not.toContain("upgrade");
  });
});
