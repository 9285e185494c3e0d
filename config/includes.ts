import { error, nearest, type Problem } from "../postgres/problem.js";
import { findSetting } from "../postgres/settings/catalogue.js";
import type { Major } from "../postgres/versions.js";

/** Names of settings by the included file in which they stand, and where the stack file says so. */
export interface Includes {
  readonly path: string;
  readonly files: Readonly<Record<string, readonly string[]>>;
}

type Values = Readonly<Record<string, string>>;

export interface Spread {
  /** What stands in postgresql.conf itself. */
  readonly main: Values;
  /** By included file, in the order in which postgresql.conf includes them. */
  readonly included: Readonly<Record<string, Values>>;
  readonly problems: readonly Problem[];
}

/**
 * Puts each setting into its file, and into that one alone: whatever the order of the files, none overrides another. A setting
 * that a server has not got, since the default does for it, stands nowhere.
 */
export function spread(version: Major, settings: Values, includes: readonly Includes[]): Spread {
  const problems: Problem[] = [];
  const files = Object.assign({}, ...includes.map(({ files }) => files)) as Includes["files"];
  const pathOf = (file: string) => `${includes.findLast((one) => file in one.files)?.path}.${file}`;
  const fileBySetting = new Map<string, string>();
  for (const [file, names] of Object.entries(files)) {
    for (const given of names) {
      const known = findSetting(version, given)?.name;
      if (known === undefined && !given.includes(".")) {
        const near = nearest(given, Object.keys(settings));
        problems.push(
          error(
            pathOf(file),
            `PostgreSQL ${version} has no setting ${given}${near === undefined ? "" : `; do you mean ${near}?`}`,
          ),
        );
      }
      const name = (known ?? given).toLowerCase();
      const before = fileBySetting.get(name);
      if (before !== undefined && before !== file) {
        problems.push(error(pathOf(file), `${given} stands in ${before} already: a setting stands in one file`));
      }
      fileBySetting.set(name, file);
    }
  }
  const isIn = (file: string | undefined) =>
    Object.fromEntries(Object.entries(settings).filter(([name]) => fileBySetting.get(name.toLowerCase()) === file));
  return {
    main: isIn(undefined),
    included: Object.fromEntries(
      Object.keys(files)
        .sort()
        .map((file) => [file, isIn(file)]),
    ),
    problems,
  };
}

/** The lines of postgresql.conf that include these files. */
export function includeLines(files: readonly string[]): string {
  return files.map((file) => `include = '${file}'\n`).join("");
}
