import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { userInfo } from "node:os";
import { beforeAll, describe, it } from "vitest";
import type { Major } from "../../postgres/versions.js";
import { cutOffBefore, theNight } from "../support/nights.js";
import { havePsql } from "../support/programs.js";

const majors: readonly Major[] = ["10", "13", "15", "18"];
const collected = { logging_collector: "on", log_directory: "log" };
const forms: readonly (readonly [string, Readonly<Record<string, string>>])[] = [
  ["in start.log", {}],
  ["in csvlog", { ...collected, log_destination: "csvlog" }],
];

for (const [index, major] of majors.entries()) {
  describe(`a hot standby of ${major} to whose log strangers wrote`, () => {
    const [name, settings] = forms[index % 2] ?? ["", {}];
    it("takes over on the night, by up", () => theNight({ major, block: 223 }, "up", havePsql()));
    it("takes over on the night, by the runbook", () => theNight({ major, block: 224 }, "runbook", havePsql()));
    it(`is refused where it was cut off before, ${name}`, () =>
      cutOffBefore({ major, block: 225, settings }, havePsql()));
  });
}

describe("with a log in JSON", () => {
  const settings = { ...collected, log_destination: "jsonlog" };
  it("it takes over on the night", () => theNight({ major: "18", block: 226, settings }, "up", havePsql()));
  it("it is refused where it was cut off before", () =>
    cutOffBefore({ major: "15", block: 226, settings }, havePsql()));
});

/** Debian's packages have the translations, and a locale can be made by root. */
const binaries = "/usr/lib/postgresql/15/bin";
const canTranslate =
  userInfo().uid === 0 && existsSync(`${binaries}/postgres`) && existsSync("/usr/share/i18n/locales");
for (const [locale, territory] of [
  ["de_DE.UTF-8", "de_DE"],
  ["fr_FR.UTF-8", "fr_FR"],
] as const) {
  describe.skipIf(!canTranslate)(
    `in ${locale}${canTranslate ? "" : " (needs root, Debian's postgresql-15 and locales)"}`,
    () => {
      const settings = { lc_messages: locale };
      beforeAll(() => {
        execFileSync("localedef", ["-i", territory, "-f", "UTF-8", locale]);
      });
      it("it takes over on the night", () =>
        theNight({ major: "15", block: 227, settings, binaries }, "up", havePsql()));
      it("it is refused where it was cut off before", () =>
        cutOffBefore({ major: "15", block: 227, settings, binaries }, havePsql()));
    },
  );
}
