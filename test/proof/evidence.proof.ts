import { beforeAll, describe, it } from "vitest";
import type { Major } from "../../postgres/versions.js";
import { languages, makeLocale, whyEnglishAlone } from "../support/languages.js";
import { cutOffBefore, theNight } from "../support/nights.js";
import { debian15 } from "../support/parted.js";
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

const why = whyEnglishAlone();
for (const language of Object.values(languages)) {
  describe.skipIf(why !== undefined)(`in ${language.locale}${why ? ` (${why})` : ""}`, () => {
    const night = { major: "15", block: 227, settings: { lc_messages: language.locale }, binaries: debian15 } as const;
    beforeAll(() => makeLocale(language));
    it("it takes over on the night", () => theNight(night, "up", havePsql()));
    it("it is refused where it was cut off before", () => cutOffBefore(night, havePsql()));
  });
}
