import type { Major } from "../../postgres/versions.js";
import { oldServers } from "./oldServers.js";

/*
 * What repeats itself, at versions or in phases, does so in part in every run, always the same part. All of it:
 * `npm run proof -- versions`, `npm run proof -- phases`.
 */

const all = "all";
const old = "old";

/** Set by a proof before it loads tests. */
export function tryAll(): void {
  process.env.PGSITE_TRIED = all;
}

/** Set by a proof before it loads tests: they are tried at the old servers that somebody built, and at nothing else. */
export function tryOld(): void {
  process.env.PGSITE_TRIED = old;
}

/** Whether all of it is tried: for what is one test, and not a row of several. */
export function triesAll(): boolean {
  return process.env.PGSITE_TRIED === all;
}

/** A version, with whatever a test knows of it. */
type Row = Major | readonly [Major, ...unknown[]] | { readonly major: Major };

/** Of versions, those of every run. */
export function triedAt<Each extends Row>(rows: readonly Each[], ...inEveryRun: readonly Major[]): readonly Each[] {
  if (process.env.PGSITE_TRIED !== old) return tried(rows, (row) => inEveryRun.includes(majorOf(row)));
  const majors = oldServers().map(({ major }) => major);
  // A list of versions alone may be any; what a test knows of others it does not know of these.
  return rows.every((row) => typeof row === "string")
    ? (majors as readonly Row[] as readonly Each[])
    : rows.filter((row) => majors.includes(majorOf(row)));
}

/** Of phases in which something is cut off, or ways in which it goes wrong, those of every run. */
export function tried<Each>(
  rows: readonly Each[],
  isInEveryRun: (row: Each, index: number) => boolean,
): readonly Each[] {
  return triesAll() ? rows : rows.filter(isInEveryRun);
}

/** By their names. */
export function triedWhen<Each extends { readonly name: string }>(
  rows: readonly Each[],
  ...inEveryRun: readonly string[]
): readonly Each[] {
  const unknown = inEveryRun.filter((name) => !rows.some((row) => row.name === name));
  if (unknown.length > 0) throw new Error(`there is no phase ${unknown.join(", ")}`);
  return tried(rows, ({ name }) => inEveryRun.includes(name));
}

function majorOf(row: Row): Major {
  if (typeof row === "string") return row;
  return "major" in row ? row.major : row[0];
}
