import { error, type Problem, warning } from "../problem.js";
import { atLeast, type Major } from "../versions.js";
import { findSetting } from "./catalogue.js";
import { Effective } from "./effective.js";
import { meaning } from "./values.js";

/** A setting that a hot standby must not have lower than its primary, from a version on. */
const floors: readonly { readonly name: string; readonly from: Major }[] = [
  { name: "max_connections", from: "9.0" },
  { name: "max_prepared_transactions", from: "9.0" },
  { name: "max_locks_per_transaction", from: "9.0" },
  { name: "max_worker_processes", from: "9.4" },
  { name: "max_wal_senders", from: "12" },
];

/** Names of the settings in which a hot standby of this version must not be below its primary. */
export function floorSettings(major: Major): readonly string[] {
  return floors.filter((floor) => atLeast(major, floor.from)).map((floor) => floor.name);
}

/**
 * Where a standby is below its primary (CheckRequiredParameterValues in xlog.c): errors where it is hot, for it would not
 * start; warnings where it is warm, for it starts and cannot be made hot or promoted so. Both sides' settings are in the
 * version's own names and count with the version's defaults. `at` gives a problem's path from the setting's name.
 */
export function standbyFloor(
  major: Major,
  primarySettings: Readonly<Record<string, string>>,
  standbySettings: Readonly<Record<string, string>>,
  hotStandby: boolean,
  at: (name: string) => string = (name) => `settings.${name}`,
): Problem[] {
  const primary = new Effective(major, primarySettings);
  const standby = new Effective(major, standbySettings);
  return floorSettings(major)
    .filter((name) => standby.number(name) < primary.number(name))
    .map((name) => {
      const gap = `${standby.shown(name)} is below the primary's ${primary.number(name)}`;
      return hotStandby
        ? error(at(name), `${gap}: a hot standby does not start so; allowed: at least ${primary.number(name)}`)
        : warning(at(name), `${gap}: this warm standby starts, but can be neither made hot nor promoted`);
    });
}

/** Values of the settings that a hot standby must not have below its primary. */
export type Floors = Readonly<Record<string, number>>;

/** The floors that settings mean at a version; what is not set, or not a number, is the version's default. */
export function floorsOf(version: Major, settings: Readonly<Record<string, string>>): Floors {
  return Object.fromEntries(
    floorSettings(version).map((name) => {
      const setting = findSetting(version, name);
      const fallback = Number(setting?.default ?? 0);
      const text = settings[name];
      const value = setting === undefined || text === undefined ? fallback : meaning(setting, text);
      return [name, typeof value === "number" ? value : fallback];
    }),
  );
}
