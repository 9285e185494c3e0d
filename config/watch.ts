import { error, nearest, type Problem } from "../postgres/problem.js";
import { parseReal } from "../postgres/settings/quantities.js";
import { type Thresholds, thresholds, type Unit } from "../postgres/watch/conditions.js";
import type { WatchDescription } from "./schema.js";
import type { Watch } from "./site.js";

/** Says that nobody is told, from nowhere on. */
const never = "none";

/** A watch with its thresholds as numbers; what is wrong with them, `checkWatch` says. */
export function watchOf({ thresholds: given, ...watch }: WatchDescription): Watch {
  const known = Object.entries(given).flatMap(([key, value]) => {
    const unit = thresholds.get(key)?.unit;
    const number = unit === undefined ? undefined : numberIn(unit, value);
    return number === undefined ? [] : [[key, number] as const];
  });
  return { ...watch, thresholds: Object.fromEntries(known) satisfies Thresholds };
}

export function checkWatch({ thresholds: given }: WatchDescription): Problem[] {
  return Object.entries(given).flatMap(([key, value]): Problem[] => {
    const path = `watch.thresholds.${key}`;
    const row = thresholds.get(key);
    if (row !== undefined) {
      if (numberIn(row.unit, value) !== undefined) return [];
      return [error(path, `received ${JSON.stringify(value)}; allowed: ${allowed[row.unit]}, or ${never}`)];
    }
    const near = nearest(key, [...thresholds.keys()]);
    const meant = near === undefined ? "" : ` (did you mean ${near}?)`;
    return [error(path, `there is no such threshold${meant}; allowed: ${[...thresholds.keys()].sort().join(", ")}`)];
  });
}

const allowed: Readonly<Record<Unit, string>> = {
  yes: "no threshold",
  bytes: "a size with B, kB, MB, GB or TB (1GB)",
  seconds: "a time with s, min, h or d (5min)",
  hours: "a number of hours",
  days: "a number of days",
  percent: "a number from 0 to 100",
  count: "a number",
};

/** In the unit's own terms; null: never; undefined: it is none. */
function numberIn(unit: Unit, value: string | number): number | null | undefined {
  if (value === never) return null;
  const base = unit === "bytes" ? "B" : unit === "seconds" ? "s" : undefined;
  const parsed = parseReal("18", base, `${value}`);
  if (!parsed.ok || parsed.value < 0 || (unit === "percent" && parsed.value > 100)) return undefined;
  return parsed.value;
}
