import type { Major } from "../../postgres/versions.js";

const all = "all";

/** Set by `npm run proof -- versions` before it loads the tests. */
export function tryAllVersions(): void {
  process.env.PGSITE_VERSIONS = all;
}

/** A version, with whatever a test knows of it. */
type Row = Major | readonly [Major, ...unknown[]] | { readonly major: Major };

/** Of versions at which a test repeats itself, those of every run. All of them: `npm run proof -- versions`. */
export function triedAt<Each extends Row>(rows: readonly Each[], ...inEveryRun: readonly Major[]): readonly Each[] {
  if (process.env.PGSITE_VERSIONS === all) return rows;
  return rows.filter((row) => inEveryRun.includes(majorOf(row)));
}

function majorOf(row: Row): Major {
  if (typeof row === "string") return row;
  return "major" in row ? row.major : row[0];
}
