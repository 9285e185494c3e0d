import { catalogue, findSetting, isCustomName } from "../settings/catalogue.js";
import type { Setting } from "../settings/setting.js";
import { absence, translate } from "../settings/translate.js";
import { formatValue, meaning } from "../settings/values.js";
import type { Major } from "../versions.js";
import type { SettingChange } from "./model.js";

/**
 * Settings whose default is no property of the version alone: initdb and the host decide, and the new cluster is made as the
 * old one is. Developers' are of interest to nobody else.
 */
const ofCluster = /^(lc_\w+|timezone|log_timezone|datestyle|default_text_search_config|timezone_abbreviations)$/i;
const ofDevelopers = /^(developer options|preset options)/i;

/**
 * What becomes of settings from one version to another.
 * @param set those in force that do not have their default, in the old version's names
 * @param declared what the stack says for the new version, in its names: there no default counts
 */
export function settingChanges(
  from: Major,
  to: Major,
  set: Readonly<Record<string, string>>,
  declared: Readonly<Record<string, string>> = {},
): readonly SettingChange[] {
  const names = Object.keys(set).sort();
  return [...names.flatMap((name) => becomes(to, name, set[name] ?? "")), ...newDefaults(from, to, set, declared)];
}

function becomes(to: Major, name: string, value: string): readonly SettingChange[] {
  // An extension's: its own new version decides, which the start of the new server shows.
  if (isCustomName(name) && findSetting(to, name) === undefined) return [];
  const translated = translate(to, name, value);
  // A value that cannot be said any more is as good as gone.
  if (!translated.ok) return [{ kind: "vanishes", name, value, instead: translated.message }];
  if (translated.name === undefined) {
    return [{ kind: "vanishes", name, value, ...(translated.note === undefined ? {} : { instead: translated.note }) }];
  }
  const toValue = `${translated.value}`;
  if (translated.name.toLowerCase() !== name.toLowerCase() || toValue !== value) {
    return [{ kind: "renamed", name, value, to: translated.name, toValue }];
  }
  if (findSetting(to, name) !== undefined) return [];
  const instead = absence(to, name);
  return [{ kind: "vanishes", name, value, ...(instead === undefined ? {} : { instead }) }];
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
  if (text === undefined) return undefined;
  const value = meaning(setting, text);
  return value === undefined ? text : formatValue(setting, value);
}
