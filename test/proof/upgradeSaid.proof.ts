import { afterEach, describe, expect, it } from "vitest";
import { noWishes } from "../../config/upgrade.js";
import type { Way } from "../../postgres/upgrade/model.js";
import { planUpgrade } from "../../postgres/upgrade/plan.js";
import { lookForUpgrade } from "../../servers/upgrade/look.js";
import { comparisonOf } from "../../servers/upgrade/past.js";
import { upgrade } from "../../servers/upgrade/upgrade.js";
import { comparisonLines } from "../../servers/words/upgradeActs.js";
import { allPrograms } from "../../toolchain/clients.mjs";
import { UpgradeSite } from "../support/upgradeSite.js";

const [of17, of18] = [await allPrograms("17"), await allPrograms("18")];

/** Rows of about 1 kB, which an index is on, so that a restore has something to do. */
const sizes = [
  ["little", 1],
  ["600 MB", 600_000],
] as const;
const ways: readonly Way[] = ["copy", "link", "dump"];

/** What a preview says of an upgrade, by what it really finds, beside what that upgrade then was. */
describe.skipIf(of17 === undefined || of18 === undefined)("what is said of an upgrade", () => {
  let site: UpgradeSite | undefined;
  afterEach(async () => {
    await site?.close();
    site = undefined;
  });

  it.each(sizes.flatMap(([name, rows]) => ways.map((way) => [name, way, rows] as const)))(
    "%s by %s",
    {
      timeout: 600_000,
    },
    async (_, way, rows) => {
      const programs = { old: of17 as string, new: of18 as string };
      site = await UpgradeSite.make(1, { from: "17", to: "18", programs, block: 251 });
      await site.run(
        `create table t (id int primary key, at timestamptz, text text);
       insert into t select g, timestamptz '2020-01-01' + g * interval '1 minute', repeat(md5(g::text), 30) from generate_series(1, ${rows}) g;
       create index on t (at); create index on t (md5(text))`,
      );
      // A restored server has all of it in its files; so has one that writes for the first time after a load.
      await site.run("checkpoint");
      const wishes = { ...noWishes, method: way, acceptNoRollback: true };
      const wanted = { to: "18", wishes, declared: site.declared().settings } as const;
      const { signal } = new AbortController();
      const args = site.args({ wishes });
      const facts = await lookForUpgrade({ args, server: site.declared(), wanted, signal });
      const plan = planUpgrade(facts, wanted, new Date());
      expect(plan.refusals).toEqual([]);
      const journal = await upgrade(site.context(), args, plan, facts);
      const compared = comparisonOf(journal);
      if (compared === undefined) throw new Error("nothing was measured");
      console.log(
        [
          `${Math.round(facts.cluster.dataSize / 1e6)} MB at ${Math.round(facts.copyRate / 1e6)} MB/s, ${facts.cluster.databases.length} databases`,
          ...comparisonLines(compared),
        ].join("\n"),
      );
      const { said, was } = compared;
      expect(was.way).toBe(said.way);
      expect(was.settings.otherwise).toEqual([]);
      expect(was.settings.changed).toEqual(said.settings.map(({ name }) => name));
      expect(was.space).toBeLessThanOrEqual(said.space.needed);
      // On a quiet machine it is within a factor of three; beside others nobody can say.
      console.log(`nobody was served for ${(was.downtime / said.downtime).toFixed(2)} times what was said`);
    },
  );
});
