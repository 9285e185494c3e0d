import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Major, majorOf } from "../../postgres/versions.js";
import type { LiveSetting } from "../../servers/status/runningSettings.js";
import { checkout } from "../../toolchain/paths.mjs";

const folder = join(checkout, "test/fixtures/old");

/** What a real old server said: test/fixtures/old/README.md. */
export interface OldWords {
  /** `9.0.3` */
  readonly version: string;
  readonly major: Major;
  readonly settings: ReadonlyMap<string, LiveSetting>;
  titles(server: "one" | "two" | "three"): readonly string[];
  log(server: "one" | "two" | "three"): string;
}

/** Oldest first. */
export function oldWords(): readonly OldWords[] {
  const versions = readdirSync(folder).filter((name) => majorOf(name) !== undefined);
  return versions.sort((one, other) => one.localeCompare(other, "en", { numeric: true })).map(wordsOf);
}

function wordsOf(version: string): OldWords {
  const read = (name: string) => readFileSync(join(folder, version, name), "utf8");
  const lines = (name: string) =>
    read(name)
      .split("\n")
      .filter((line) => line !== "");
  const rows = lines("settings.tsv").map((line) => line.split("\t"));
  return {
    version,
    major: majorOf(version) as Major,
    settings: new Map(
      rows.map(([name = "", value = "", _unit, context = "", source = "", boot = ""]) => [
        name,
        { value, source, boot, context, pending: false },
      ]),
    ),
    titles: (server) => lines(`titles.${server}`),
    log: (server) => read(`log.${server}`),
  };
}
