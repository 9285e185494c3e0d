import { defaultsOf, mandatoryOf } from "../../config/layers.js";
import { settingsIn } from "../../config/layouts.js";
import { findSetting } from "../../postgres/settings/catalogue.js";
import type { Setting } from "../../postgres/settings/setting.js";
import { translate } from "../../postgres/settings/translate.js";
import { type SettingValue, sameValue } from "../../postgres/settings/values.js";
import type { FoundSetting } from "./includes.js";
import { layoutOf } from "./layout.js";
import type { HandMade } from "./read.js";

/** A value for the stack file, and where it was found. */
export interface StackSetting {
  readonly value: SettingValue;
  readonly text: string;
  readonly from: string;
  readonly line?: number;
}

/** What the description decides by other means than `settings:`. */
const decidedElsewhere = new Set([
  "config_file",
  "data_directory",
  "hba_file",
  "ident_file",
  "port",
  "primary_conninfo",
  "standby_mode",
]);

/**
 * What a stack file must say so that pgsite renders what this server has: all that differs from PostgreSQL's defaults, save
 * where pgsite's own default is the same; and PostgreSQL's default where pgsite's differs.
 */
export function settingsFor(found: HandMade): {
  readonly settings: Readonly<Record<string, StackSetting>>;
  readonly notes: readonly string[];
} {
  const { version, inRecovery } = found;
  const notes: string[] = [];
  const settings: Record<string, StackSetting> = {};
  const own = ownDefaults(found);
  const given: Readonly<Record<string, FoundSetting>> = {
    ...found.settings,
    ...Object.fromEntries(
      Object.entries(found.recovery).map(([name, value]) => [name, { value, from: "recovery.conf" }]),
    ),
  };
  const ofLayout = layoutSettings(found);
  const mandatory = new Set([
    ...Object.keys(mandatoryOf(inRecovery ? "standby" : "primary", version)),
    ...Object.keys(ofLayout.mandatory),
  ]);
  for (const [name, { value, from, line }] of Object.entries(given)) {
    if (decidedElsewhere.has(name)) {
      if (name === "primary_conninfo" && !inRecovery)
        notes.push(`primary_conninfo in ${from} is not kept: it is a primary`);
      continue;
    }
    const setting = findSetting(version, name);
    if (setting === undefined && !name.includes(".")) {
      notes.push(`${name} in ${from} is left out: PostgreSQL ${version} has no such setting`);
      continue;
    }
    if (mandatory.has(name)) continue;
    const ours = own.get(name);
    // A line that needs a restart and goes away makes the server complain at each reload, whatever its value.
    const mayGo = setting !== undefined && (ours !== undefined || setting.context !== "postmaster");
    if (mayGo && same(setting, value, ours ?? setting.default)) continue;
    settings[setting?.name ?? name] = {
      value: scalar(setting, value),
      text: value,
      from,
      ...(line === undefined ? {} : { line }),
    };
    own.delete(name);
  }
  for (const [name, text] of own) {
    const setting = findSetting(version, name);
    if (name in given || setting?.default === undefined || same(setting, setting.default, text)) continue;
    settings[setting.name] = {
      value: scalar(setting, setting.default),
      text: setting.default,
      from: "PostgreSQL's default",
    };
  }
  return { settings, notes };
}

/** What pgsite renders of a server because of where it stands. */
function layoutSettings(found: HandMade) {
  const { place, version, configurationDirectory } = found;
  return settingsIn({ layout: layoutOf(found), dataDirectory: place.dataDirectory, configurationDirectory, version });
}

/** pgsite's own defaults in the version's names, in lower case. */
function ownDefaults(found: HandMade): Map<string, string> {
  const { version } = found;
  return new Map(
    Object.entries({ ...defaultsOf(version), ...layoutSettings(found).defaults }).flatMap(([name, value]) => {
      const translated = translate(version, name, value);
      if (!translated.ok || translated.name === undefined) return [];
      return [[translated.name.toLowerCase(), textOf(translated.value)] as const];
    }),
  );
}

function textOf(value: SettingValue): string {
  if (typeof value === "boolean") return value ? "on" : "off";
  return `${value}`;
}

function same(setting: Setting, one: string, other: string | undefined): boolean {
  return other !== undefined && sameValue(setting, one, other);
}

/** As an administrator would write it in YAML. A number with a leading zero is octal, and stays text. */
function scalar(setting: Setting | undefined, text: string): SettingValue {
  if (setting?.type === "bool") return /^(?:on|t|tr|tru|true|y|ye|yes|1)$/i.test(text);
  const plain = setting?.type === "integer" || setting?.type === "real";
  return plain && /^-?(?:0|[1-9]\d*)(?:\.\d+)?$/.test(text) ? Number(text) : text;
}
