import { shownValue } from "../secrets/index.js";
import { catalogue, findSetting, isCustomName } from "../settings/catalogue.js";
import type { Setting } from "../settings/setting.js";
import { absence, translate } from "../settings/translate.js";
import { formatValue, isShownAs, meaning, sameValue } from "../settings/values.js";
import type { Major } from "../versions.js";
import type { SettingChange } from "./model.js";

/**
 * Settings whose default is no property of the version alone: initdb and the host decide, and the new cluster is made as the
 * old one is. Developers' are of interest to nobody else.
 */
const ofCluster = /^(lc_\w+|timezone|log_timezone|datestyle|default_text_search_config|timezone_abbreviations)$/i;
const ofDevelopers = /^(developer options|preset options)/i;

/** What the stack says decides what a new server has. Undefined where nobody knows what it says: then what was in force is thought to stay. */
type Declared = Readonly<Record<string, string>> | undefined;

/** Where files are is a matter of the place, which nobody declares among settings. */
const ofPlaces = "File Locations";

/**
 * What becomes of settings from one version to another. Secrets are masked.
 * @param set those in force that do not have their default, in the old version's names
 * @param declared all that the stack says for the new version, in its names: there no default counts
 */
export function settingChanges(
  from: Major,
  to: Major,
  set: Readonly<Record<string, string>>,
  declared?: Declared,
): readonly SettingChange[] {
  const names = Object.keys(set).sort();
  return [
    ...names.flatMap((name) => becomes(to, name, set[name] ?? "", declared)),
    ...newlyDeclared(from, to, set, declared),
    ...newDefaults(from, to, set, declared ?? {}),
  ];
}

function becomes(to: Major, name: string, given: string, declared: Declared): readonly SettingChange[] {
  const now = findSetting(to, name);
  const value = shownValue(name, given);
  // An extension's: its own new version decides, which the start of the new server shows.
  if (isCustomName(name) && now === undefined) return ofExtension(name, given, declared);
  const translated = translate(to, name, given);
  // A value that cannot be said any more is as good as gone.
  if (!translated.ok) return [{ kind: "vanishes", name, value, instead: translated.message }];
  if (translated.name === undefined) {
    return [{ kind: "vanishes", name, value, ...(translated.note === undefined ? {} : { instead: translated.note }) }];
  }
  const toValue = `${translated.value}`;
  if (translated.name.toLowerCase() !== name.toLowerCase() || toValue !== given) {
    return [
      {
        kind: "renamed",
        name,
        value,
        to: translated.name,
        toValue: asDeclared(to, translated.name, toValue, declared),
      },
    ];
  }
  if (now !== undefined) return asBefore(now, given, declared);
  const instead = absence(to, name);
  return [{ kind: "vanishes", name, value, ...(instead === undefined ? {} : { instead }) }];
}

function ofExtension(name: string, given: string, declared: Declared): readonly SettingChange[] {
  if (declared === undefined) return [];
  const [value, says] = [shownValue(name, given), saidIn(declared, name)];
  if (says === undefined) return [{ kind: "undeclared", name, value }];
  return says === given ? [] : [{ kind: "declared", name, from: value, to: shownValue(name, says) }];
}

/** What a setting that is called otherwise now, or whose value is, gets in fact. */
function asDeclared(to: Major, name: string, translated: string, declared: Declared): string {
  const setting = findSetting(to, name);
  if (declared === undefined || setting === undefined) return shownValue(name, translated);
  const says = saidIn(declared, name) ?? shownDefault(setting) ?? translated;
  return shownValue(name, sameValue(setting, says, translated) ? translated : shown(setting, says));
}

/** Of a setting that both versions have, under one name. */
function asBefore(setting: Setting, given: string, declared: Declared): readonly SettingChange[] {
  if (declared === undefined || setting.category.startsWith(ofPlaces)) return [];
  const { name } = setting;
  const [value, says] = [shownValue(name, given), saidIn(declared, name)];
  if (says !== undefined) {
    if (isShownAs(setting, says, given)) return [];
    return [{ kind: "declared", name, from: value, to: shownValue(name, shown(setting, says)) }];
  }
  const next = ofCluster.test(name) ? undefined : shownDefault(setting);
  if (next !== undefined && isShownAs(setting, next, given)) return [];
  return [{ kind: "undeclared", name, value, ...(next === undefined ? {} : { to: next }) }];
}

/** What the stack says, and the old server had by default. */
function newlyDeclared(
  from: Major,
  to: Major,
  set: Readonly<Record<string, string>>,
  declared: Declared = {},
): readonly SettingChange[] {
  const had = new Set(Object.keys(set).map((name) => name.toLowerCase()));
  return Object.keys(declared)
    .sort()
    .flatMap((name): readonly SettingChange[] => {
      const [old, now, says] = [findSetting(from, name), findSetting(to, name), declared[name] ?? ""];
      const was = old === undefined || had.has(name.toLowerCase()) ? undefined : shownDefault(old);
      if (now === undefined || was === undefined || ofCluster.test(name) || isShownAs(now, says, was)) return [];
      return [{ kind: "declared", name: now.name, from: was, to: shownValue(name, shown(now, says)) }];
    });
}

function saidIn(declared: Readonly<Record<string, string>>, name: string): string | undefined {
  const key = Object.keys(declared).find((one) => one.toLowerCase() === name.toLowerCase());
  return key === undefined ? undefined : declared[key];
}

function newDefaults(
  from: Major,
  to: Major,
  set: Readonly<Record<string, string>>,
  declared: Readonly<Record<string, string>>,
): readonly SettingChange[] {
  const said = new Set([...Object.keys(set), ...Object.keys(declared)].map((name) => name.toLowerCase()));
  return [...catalogue(from)]
    .filter(([key, { context, category }]) => !said.has(key) && context !== "internal" && !ofDevelopers.test(category))
    .filter(([key]) => !ofCluster.test(key))
    .flatMap(([key, old]): SettingChange[] => {
      const now = catalogue(to).get(key);
      const [before, after] = [shownDefault(old), now === undefined ? undefined : shownDefault(now)];
      if (before === undefined || after === undefined || before === after) return [];
      // A switch that has become a list: nothing is still nothing.
      if (before === "off" && after === "") return [];
      return [{ kind: "default", name: old.name, from: before, to: after }];
    })
    .sort((one, other) => (one.name < other.name ? -1 : 1));
}

/** As SHOW prints it, whatever unit the version counts in. Undefined where the version names none. */
function shownDefault(setting: Setting): string | undefined {
  const { default: text } = setting;
  return text === undefined ? undefined : shown(setting, text);
}

function shown(setting: Setting, text: string): string {
  const value = meaning(setting, text);
  return value === undefined ? text : formatValue(setting, value);
}
