import { settingFiles as filesOfSettings } from "../files/facts.js";
import { anotherSecret, shownValue } from "../secrets/index.js";
import { context, findSetting } from "../settings/catalogue.js";
import { formatValue, meaning, sameValue } from "../settings/values.js";
import { atLeast, type Major } from "../versions.js";
import type { Action, ActualServer, ConfigurationFacts, DesiredServer } from "./model.js";

/** What one server needs, on its own. */
export interface Change {
  readonly action: "none" | Action;
  readonly because: readonly string[];
  /** True where it answers queries in recovery as it runs now. */
  readonly hotNow: boolean;
}

const ranks = ["none", "install", "reload", "restart"] as const;
type Needs = (typeof ranks)[number];

/** What it takes to bring what is declared into force on a running server, and why. */
export function changeOf(version: Major, is: ActualServer, shall: DesiredServer): Change {
  const settings = [...settingChanges(version, is, shall), ...waitingChanges(version, is, shall)];
  // A file of settings that differs beside settings that differ says nothing more.
  const files = fileChanges(is, shall).filter(({ text }) => text !== true || settings.length === 0);
  const found = [...settings, ...files, ...pendingChanges(is, files)];
  const needs = found.reduce<Needs>(
    (most, one) => (ranks.indexOf(one.needs) > ranks.indexOf(most) ? one.needs : most),
    "none",
  );
  const hotDefault = atLeast(version, "10") ? "on" : "off";
  return {
    action: needs,
    because: found.map(({ because }) => because),
    hotNow: is.inRecovery && (is.settings.hot_standby ?? hotDefault) !== "off",
  };
}

interface Found {
  readonly needs: Needs;
  readonly because: string;
  /** The setting's, in lower case. */
  readonly name?: string;
  /** True for a file of settings whose text differs. */
  readonly text?: boolean;
}

/** Edits that are not in force, and never shall be: to undo them the files are read again, even where they wait for a restart. */
function waitingChanges(version: Major, is: ActualServer, shall: DesiredServer): readonly Found[] {
  if (is.filed === undefined) return [];
  const inForce = new Set(settingChanges(version, is, shall).map(({ name }) => name));
  return settingChanges(version, { files: {}, settings: is.filed }, shall)
    .filter(({ name }) => !inForce.has(name))
    .map((one) => {
      const because = one.needs === "restart" ? `${one.because}, not in force` : one.because;
      return { ...one, needs: "reload" as const, because };
    });
}

function settingChanges(
  version: Major,
  is: ConfigurationFacts & Pick<ActualServer, "given">,
  shall: ConfigurationFacts,
): readonly Found[] {
  const names = [
    ...new Set([...Object.keys(is.settings), ...Object.keys(shall.settings)].map((name) => name.toLowerCase())),
  ];
  const before = byLowerCase(is.settings);
  const after = byLowerCase(shall.settings);
  return names.sort().flatMap((name) => {
    const setting = findSetting(version, name);
    const left = before.get(name) ?? setting?.default;
    const right = after.get(name) ?? setting?.default;
    if (left === right) return [];
    if (setting !== undefined && left !== undefined && right !== undefined && sameValue(setting, left, right))
      return [];
    // A file that is included is no setting: what it says comes and goes with a reload.
    const change = name.includes(" ") ? "reload" : context(version, name);
    if (change === "nothing") return [];
    const given = is.given?.some((one) => one.toLowerCase() === name) === true;
    const shown = (given: string | undefined): string => {
      const value = setting === undefined || given === undefined ? undefined : meaning(setting, given);
      return value === undefined || setting === undefined ? (given ?? "unset") : formatValue(setting, value);
    };
    const [from, to] = [shown(left), shown(right)].map((text) => shownValue(name, text)) as [string, string];
    const brief = from.length + to.length <= 60;
    return [
      {
        name,
        needs: change === "restart" || change === undefined || given ? "restart" : "reload",
        because: brief
          ? `${setting?.name ?? name} ${quoted(from)} → ${quoted(to)}${from === to ? ` ${anotherSecret}` : ""}`
          : `${setting?.name ?? name}`,
      } as const,
    ];
  });
}

function byLowerCase(settings: ConfigurationFacts["settings"]): ReadonlyMap<string, string> {
  return new Map(Object.entries(settings).map(([name, value]) => [name.toLowerCase(), value]));
}

/** A value that is empty or has white space is shown in quotes. */
function quoted(value: string): string {
  return value === "" || /\s/.test(value) ? `'${value}'` : value;
}

/** Files whose settings are compared one by one; a difference beside those is in comments or order. */
const settingFiles = new Set<string>(filesOfSettings);

function fileChanges(is: ConfigurationFacts, shall: ConfigurationFacts): readonly Found[] {
  const names = [...new Set([...Object.keys(is.files), ...Object.keys(shall.files)])].sort();
  return names.flatMap((name): readonly Found[] => {
    const [left, right] = [is.files[name], shall.files[name]];
    if (left === right) return [];
    const reread = settingFiles.has(name) || /\.(signal|done)$/.test(name) ? "install" : "reload";
    if (right === undefined) return [{ needs: reread, because: `${name} must not be there` }];
    if (left === undefined) return [{ needs: reread, because: `${name} is missing` }];
    if (settingFiles.has(name)) return [{ needs: "install", because: `text of ${name}`, text: true }];
    const sameRules = name === "pg_hba.conf" && is.rules !== undefined && is.rules === shall.rules;
    return [{ needs: reread, because: sameRules ? `text of ${name}` : name }];
  });
}

function pendingChanges(is: ActualServer, files: readonly Found[]): readonly Found[] {
  const rereads = files.some(({ needs }) => needs === "reload");
  return [
    ...(is.program === undefined ? [] : [{ needs: "restart" as const, because: `it runs as ${is.program}` }]),
    ...(is.renewed === true ? [{ needs: "restart" as const, because: "its certificate was renewed" }] : []),
    ...(is.pending === undefined ? [] : [{ needs: is.pending, because: "an interrupted rollout" }]),
    ...(is.unread === true && !rereads
      ? [{ needs: "reload" as const, because: "pg_hba.conf is to be read again" }]
      : []),
  ];
}
