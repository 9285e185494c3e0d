import { dirname, isAbsolute, join } from "node:path";
import { autoFile } from "../../postgres/files/facts.js";
import { type Folders, fileOf, nameOfFile } from "../../postgres/files/places.js";
import { parseConfiguration } from "../../postgres/files/postgresqlConf.js";
import { error, type Problem } from "../../postgres/problem.js";
import { atLeast, type Major } from "../../postgres/versions.js";

/** A setting as the files (or the command line) of a server give it. */
export interface FoundSetting {
  readonly value: string;
  /** `postgresql.auto.conf`, `conf.d/memory.conf`, `/etc/postgresql/shared.conf`, `the command line`. */
  readonly from: string;
  /** Counted from 1; undefined on the command line. */
  readonly line?: number;
}

/** Where configuration is read from. */
export interface Source {
  /** Undefined where there is no such file. */
  read(path: string): Promise<string | undefined>;
  /** What include_dir reads of a folder, in its order; undefined where there is no such folder. */
  list(path: string): Promise<readonly string[] | undefined>;
}

/** PostgreSQL's own limit (CONF_FILE_MAX_DEPTH). */
const deepest = 10;

/**
 * Settings by lower-case name as a server reads them: postgresql.conf with what it includes, then what ALTER SYSTEM said. The
 * last line of a name wins, wherever it stands.
 */
export async function readSettings(
  source: Source,
  folders: Folders,
  version: Major,
): Promise<{ readonly settings: ReadonlyMap<string, FoundSetting>; readonly problems: readonly Problem[] }> {
  const settings = new Map<string, FoundSetting>();
  const problems: Problem[] = [];
  const readFile = async (path: string, depth: number, isRequired: boolean): Promise<void> => {
    if (depth > deepest) {
      problems.push(error(path, "is included too deep"));
      return;
    }
    const text = await source.read(path);
    if (text === undefined) {
      if (isRequired) problems.push(error(path, "is included, and is not there"));
      return;
    }
    const parsed = parseConfiguration(text);
    problems.push(...parsed.problems.map((problem) => ({ ...problem, path: `${path} ${problem.path}` })));
    const from = nameOfFile(folders, path);
    const items = [...parsed.lines, ...parsed.includes].sort((left, right) => left.line - right.line);
    for (const item of items) {
      if (!("directive" in item)) {
        settings.set(item.name.toLowerCase(), { value: item.value, from, line: item.line });
        continue;
      }
      const target = isAbsolute(item.path) ? item.path : join(dirname(path), item.path);
      if (item.directive !== "include_dir") {
        await readFile(target, depth + 1, item.directive === "include");
        continue;
      }
      const names = await source.list(target);
      if (names === undefined) problems.push(error(`${path} line ${item.line}`, `there is no folder ${target}`));
      for (const name of names ?? []) await readFile(join(target, name), depth + 1, false);
    }
  };
  await readFile(fileOf(folders, "postgresql.conf"), 0, true);
  if (atLeast(version, "9.4")) await readFile(fileOf(folders, autoFile), 0, false);
  return { settings, problems };
}
