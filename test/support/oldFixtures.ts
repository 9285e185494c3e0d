import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
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
  /** What its catalogue has a name for. */
  names(): ReadonlySet<string>;
}

export function writeOldNames(version: string, names: readonly string[]): void {
  writeFileSync(join(folder, version, "names.gz"), gzipSync(`${names.join("\n")}\n`, { level: 9 }));
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
    names: () =>
      new Set(
        gunzipSync(readFileSync(join(folder, version, "names.gz")))
          .toString("utf8")
          .split("\n"),
      ),
  };
}
