import recoveryNames from "../data/recovery-parameters.json";
import settings90 from "../data/settings/9.0.json";
import settings91 from "../data/settings/9.1.json";
import settings92 from "../data/settings/9.2.json";
import settings93 from "../data/settings/9.3.json";
import settings94 from "../data/settings/9.4.json";
import settings95 from "../data/settings/9.5.json";
import settings96 from "../data/settings/9.6.json";
import settings10 from "../data/settings/10.json";
import settings11 from "../data/settings/11.json";
import settings12 from "../data/settings/12.json";
import settings13 from "../data/settings/13.json";
import settings14 from "../data/settings/14.json";
import settings15 from "../data/settings/15.json";
import settings16 from "../data/settings/16.json";
import settings17 from "../data/settings/17.json";
import settings18 from "../data/settings/18.json";
import { atLeast, type Major, majors } from "../versions.js";
import { enumValuesByBuild, settingsByBuild } from "./builds.js";
import type { Setting, SettingContext, SettingFacts } from "./setting.js";

const facts = {
  "9.0": settings90,
  "9.1": settings91,
  "9.2": settings92,
  "9.3": settings93,
  "9.4": settings94,
  "9.5": settings95,
  "9.6": settings96,
  "10": settings10,
  "11": settings11,
  "12": settings12,
  "13": settings13,
  "14": settings14,
  "15": settings15,
  "16": settings16,
  "17": settings17,
  "18": settings18,
} as unknown as Readonly<Record<Major, readonly SettingFacts[]>>;

const recoveryFacts: Readonly<Record<string, SettingFacts>> = {
  standby_mode: { name: "standby_mode", type: "bool", context: "postmaster", default: "off", category: "Recovery" },
  trigger_file: { name: "trigger_file", type: "string", context: "postmaster", default: "", category: "Recovery" },
  pause_at_recovery_target: {
    name: "pause_at_recovery_target",
    type: "bool",
    context: "postmaster",
    default: "on",
    category: "Recovery",
  },
};

const catalogues = new Map<Major, ReadonlyMap<string, Setting>>();
const recoveries = new Map<Major, ReadonlyMap<string, Setting>>();

/**
 * Every setting that postgresql.conf of a major version may hold, by its name **in lower case** (PostgreSQL compares names
 * without regard to case; `Setting.name` has the server's spelling). Settings of context `internal` are listed too.
 */
export function catalogue(major: Major): ReadonlyMap<string, Setting> {
  const known = catalogues.get(major);
  if (known !== undefined) return known;
  const made = new Map<string, Setting>();
  for (const fact of [...facts[major], ...settingsByBuild(major)]) {
    const more = fact.type === "enum" ? enumValuesByBuild(major, fact.name) : [];
    const values = fact.values === undefined ? {} : { values: [...fact.values, ...more] };
    made.set(fact.name.toLowerCase(), { ...fact, ...values, major });
  }
  catalogues.set(major, made);
  return made;
}

/**
 * The parameters of recovery.conf, by name; empty from 12 on, where they are settings (and in `catalogue`). Their types
 * are those of the same names at 12; recovery.conf is read at start alone, so every context is `postmaster`.
 */
export function recoveryParameters(major: Major): ReadonlyMap<string, Setting> {
  const known = recoveries.get(major);
  if (known !== undefined) return known;
  const made = new Map<string, Setting>();
  const names = (recoveryNames as Readonly<Record<string, readonly string[]>>)[major] ?? [];
  for (const name of names) {
    const fact = recoveryFacts[name] ?? facts["12"].find((setting) => setting.name === name);
    if (fact === undefined) throw new Error(`no type is known for the recovery.conf parameter ${name}`);
    const { default: from12, ...rest } = fact;
    // Until 11 recovery ends on the backup's own timeline where nothing is said; "latest" became the default with 12.
    const value = name === "recovery_target_timeline" ? undefined : from12;
    made.set(name, { ...rest, ...(value === undefined ? {} : { default: value }), context: "postmaster", major });
  }
  recoveries.set(major, made);
  return made;
}

/** A setting or recovery.conf parameter of a version, whatever the case of `name`; undefined where the version has none. */
export function findSetting(major: Major, name: string): Setting | undefined {
  const key = name.toLowerCase();
  return catalogue(major).get(key) ?? recoveryParameters(major).get(key);
}

/** The versions that know a name, oldest first; empty for a name that none of them knows. */
export function versionsOf(name: string): readonly Major[] {
  return majors.filter((major) => findSetting(major, name) !== undefined);
}

/**
 * True for an extension's setting such as `auto_explain.log_min_duration`: one dot between two identifiers, which is all that
 * the scanner of postgresql.conf (guc-file.l, QUALIFIED_ID) takes.
 */
export function isCustomName(name: string): boolean {
  return /^[\p{L}_][\p{L}\p{N}_]*\.[\p{L}_][\p{L}\p{N}_]*$/u.test(name);
}

/** What it takes for a changed setting to be in force. */
export type ChangeNeeds = "restart" | "reload" | "reconnect" | "nothing";

const needs: Readonly<Record<SettingContext, ChangeNeeds>> = {
  internal: "nothing",
  postmaster: "restart",
  sighup: "reload",
  // Read from the file at a reload, but an open session keeps what it started with.
  backend: "reconnect",
  "superuser-backend": "reconnect",
  superuser: "reload",
  user: "reload",
};

/**
 * What a change of a setting needs at a version: `restart` (postmaster), `reload` (sighup, superuser, user), `reconnect` (a
 * reload, and then new sessions alone have it), `nothing` (internal: it cannot change). Custom settings reload. Undefined
 * for a name that the version does not know. E.g. primary_conninfo is `restart` until 12 and `reload` from 13.
 */
export function context(major: Major, name: string): ChangeNeeds | undefined {
  const setting = findSetting(major, name);
  if (setting !== undefined) return needs[setting.context];
  return isCustomName(name) ? "reload" : undefined;
}

/** True where a change takes a reload and no restart. */
export function isReloadable(major: Major, name: string): boolean {
  const change = context(major, name);
  return change === "reload" || change === "reconnect";
}

/** True where recovery.conf exists (before 12). */
export function hasRecoveryFile(major: Major): boolean {
  return !atLeast(major, "12");
}
