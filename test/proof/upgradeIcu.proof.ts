import { existsSync } from "node:fs";
import { afterEach, describe, expect, it } from "vitest";
import type { Way } from "../../postgres/upgrade/model.js";
import { rollback } from "../../servers/upgrade/rollback.js";
import { upgrade } from "../../servers/upgrade/upgrade.js";
import { upgradeText } from "../../servers/words/upgrade.js";
import { allPrograms } from "../../toolchain/clients.mjs";
import { programs } from "../../toolchain/programs.mjs";
import { collate, filesOf, staleIn } from "../support/collations.js";
import { ProgramsFolder } from "../support/joinedPrograms.js";
import { fill, worded } from "../support/upgradeFill.js";
import { type Shape, UpgradeSite } from "../support/upgradeSite.js";

const debian = "/usr/lib/postgresql/15/bin";
const [of17, of18] = [await allPrograms("17"), await allPrograms("18")];
const yes = { confirm: async () => true };

let site: UpgradeSite | undefined;
let folder: ProgramsFolder | undefined;
afterEach(async () => {
  await site?.close();
  folder?.close();
  site = folder = undefined;
});

async function make(first: number, shape: Shape): Promise<UpgradeSite> {
  site = await UpgradeSite.make(first, { block: 248, sockets: true, ...shape });
  return site;
}

/** How each database sorts. */
async function localesOf(it: UpgradeSite): Promise<readonly string[]> {
  const rows = await it.query("select * from pg_database order by datname");
  return rows.map((row) => {
    const { datname, datlocprovider, datcollate, datctype, daticurules } = row;
    const locale = row.datlocale ?? row.daticulocale ?? "";
    return [datname, datlocprovider, datcollate, datctype, locale, daticurules ?? ""].join(" ").trim();
  });
}

/** The first names in the order of each collation, by their indexes. */
async function sorted(it: UpgradeSite): Promise<readonly string[]> {
  const lines: string[] = [];
  for (const column of ["german", "french", "id::text"]) {
    const sql = `select string_agg(v, ' ') as v from (select ${column} as v from logs.names order by ${column}, id limit 200) x`;
    lines.push(`${(await it.query(sql, "app"))[0]?.v}`);
  }
  return lines;
}

const icu = (locale: string, ...more: readonly string[]) => [
  ...["--locale-provider=icu", `--icu-locale=${locale}`, ...more],
  ...["--locale=C", "--encoding=UTF8", "--data-checksums"],
];

describe.skipIf(!existsSync(debian) || of17 === undefined)("15 to 17 with ICU", () => {
  it.each<[Way]>([["copy"], ["dump"]])(
    "by %s: providers and locales are kept, and what is stale is indexed anew",
    async (way) => {
      folder = new ProgramsFolder();
      const both = {
        old: await folder.join("15", debian, ["pg_controldata", "pg_resetwal"]),
        new: await folder.join("17", of17 ?? ""),
      };
      const it = await make(1, { from: "15", to: "17", programs: both, initdb: icu("en_US") });
      await fill(it, "template template0 locale_provider icu icu_locale 'de-u-co-phonebk'");
      await it.run("create database plain template template0 locale_provider libc locale 'C'");
      await collate(it);
      await it.run("create index own on logs.names ((id::text))", "app");
      // As where the host had another ICU until now.
      await it.run("update pg_database set datcollversion = '1.2.3' where datname = 'app'");
      await it.run("update pg_collation set collversion = '1.2.3' where collname = 'blind'", "app");
      const [before, locales, order] = [worded(await it.contents()), await localesOf(it), await sorted(it)];
      const { facts, plan } = await it.look({ method: way });
      console.log(upgradeText(plan));
      console.log(locales.join("\n"));
      expect(facts.cluster.locale).toMatchObject({ provider: "icu", collate: "C", ctype: "C" });
      expect(plan).toMatchObject({ way, refusals: [] });
      const stale = plan.collations.map(({ database, name, is }) => `${database} ${name} ${/^153\./.test(is)}`);
      expect(stale).toEqual(way === "dump" ? [] : ["app logs.blind true", "app default true"]);
      if (way === "copy") expect(facts.check).toEqual({ code: "clean" });
      const files = await filesOf(it);
      await upgrade(it.context(), it.args(), plan, facts);
      expect(await it.version()).toBe("17");
      expect(worded(await it.contents())).toEqual(before);
      // From 16 on a locale that is given anew is written as a language tag.
      const tag = (line: string) => (way === "dump" ? line.replace("en_US", "en-US") : line);
      expect(await localesOf(it)).toEqual(locales.map(tag));
      expect(await sorted(it)).toEqual(order);
      expect(await staleIn(it)).toEqual([]);
      expect(it.said.filter((line) => line.startsWith("warning"))).toEqual([]);
      const now = await filesOf(it);
      if (way === "copy") {
        expect(
          Object.keys(files)
            .filter((name) => now[name] !== files[name])
            .sort(),
        ).toEqual(["names_any_case_excl", "own"]);
      }
      await rollback(it.context(), it.args(), "primary", yes);
      expect(await it.version()).toBe("15");
      expect(worded(await it.contents())).toEqual(before);
      expect(await localesOf(it)).toEqual(locales);
    },
  );
});

describe.skipIf(of18 === undefined)("17 to 18 with ICU and rules of its own", () => {
  it("by dump: rules are kept", async () => {
    const both = { old: await programs("17"), new: await programs("18"), clients: of18 ?? "" };
    const it = await make(3, { from: "17", to: "18", programs: both, initdb: icu("en-US", "--icu-rules=&a < g") });
    await fill(it, "template template0 locale_provider icu icu_locale 'sv' icu_rules '&z < å'");
    await collate(it);
    const [before, locales, order] = [worded(await it.contents()), await localesOf(it), await sorted(it)];
    const { facts, plan } = await it.look();
    expect(facts.cluster.locale).toMatchObject({ provider: "icu", locale: "en-US", rules: "&a < g" });
    expect(plan).toMatchObject({ way: "dump", because: "no pg_upgrade", refusals: [] });
    await upgrade(it.context(), it.args(), plan, facts);
    expect(await it.version()).toBe("18");
    console.log(locales.join("\n"));
    expect(await localesOf(it)).toEqual(locales);
    expect(worded(await it.contents())).toEqual(before);
    expect(await sorted(it)).toEqual(order);
  });
});
