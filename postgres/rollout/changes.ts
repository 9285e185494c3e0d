import { defined } from "../defined.js";
import { holdsSettings } from "../files/facts.js";
import { shownValue } from "../secrets/index.js";
import { context, findSetting } from "../settings/catalogue.js";
import { startsToChange } from "../settings/chosen.js";
import { splitList } from "../settings/lists.js";
import { formatValue, meaning, sameValue } from "../settings/values.js";
import { atLeast, type Major } from "../versions.js";
import type { Action, ActualServer, ConfigurationFacts, DesiredServer, Reason } from "./model.js";

/** What one server needs, on its own. */
export interface Change {
  readonly action: "none" | Action;
  readonly because: readonly Reason[];
  /** True where it answers queries in recovery as it runs now. */
  readonly hotNow: boolean;
  /** True where it listens, as it runs now, at the port that is declared, and at an address that is. */
  readonly listensNow: boolean;
  /** True where the declared rules let standbys in by ways by which those of now do not. */
  readonly letsIn: boolean;
  /** True where those of now do by ways by which the declared ones do not. */
  readonly dismisses: boolean;
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
    listensNow: listensAsDeclared(version, is.settings, shall.settings),
    letsIn: hasMore(shall.replicas, is.replicas),
    dismisses: hasMore(is.replicas, shall.replicas),
  };
}

function hasMore(one: readonly string[] = [], other: readonly string[] = []): boolean {
  return one.some((way) => !other.includes(way));
}

type Settings = ConfigurationFacts["settings"];

const anyAddress = ["*", "0.0.0.0", "::"];

/** One address in common is enough, or any: by which of them others come is not known here. */
function listensAsDeclared(version: Major, is: Settings, shall: Settings): boolean {
  const [own, declared] = [byLowerCase(is), byLowerCase(shall)];
  const isSame = (name: string) => settingIn(version, own, name) === settingIn(version, declared, name);
  if (!isSame("port")) return false;
  if (isSame("listen_addresses")) return true;
  const addresses = splitList(settingIn(version, own, "listen_addresses")) ?? [];
  const wanted = [...anyAddress, ...(splitList(settingIn(version, declared, "listen_addresses")) ?? [])];
  return addresses.some((one) => wanted.includes(one));
}

function settingIn(version: Major, settings: ReadonlyMap<string, string>, name: string): string {
  return settings.get(name) ?? findSetting(version, name)?.default ?? "";
}

interface Found<Why extends Reason = Reason> {
  readonly needs: Needs;
  readonly because: Why;
  /** True for a file of settings whose text differs. */
  readonly text?: boolean;
}

/** Edits that are not in force, and never shall be: to undo them the files are read again, even where they wait for a restart. */
function waitingChanges(version: Major, is: ActualServer, shall: DesiredServer): readonly Found[] {
  if (is.filed === undefined) return [];
  const inForce = new Set(settingChanges(version, is, shall).map(({ because }) => because.setting));
  return settingChanges(version, { files: {}, settings: is.filed, ...defined({ startOnly: is.startOnly }) }, shall)
    .filter(({ because }) => !inForce.has(because.setting))
    .map(({ needs, because }) => ({
      needs: "reload",
      because: needs === "restart" ? { ...because, waits: true } : because,
    }));
}

function settingChanges(
  version: Major,
  is: ConfigurationFacts & Pick<ActualServer, "given" | "startOnly">,
  shall: ConfigurationFacts,
): readonly Found<Extract<Reason, { readonly code: "setting" }>>[] {
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
    const among = (names: readonly string[] = []) => names.some((one) => one.toLowerCase() === name);
    // The server's own word goes before any table.
    const chosen = startsToChange(version, name, before.get(name), after.get(name));
    const starts = among(is.given) || among(is.startOnly) || chosen;
    const shown = (text: string | undefined): string | undefined => {
      if (text === undefined) return undefined;
      const value = setting === undefined ? undefined : meaning(setting, text);
      return shownValue(name, value === undefined || setting === undefined ? text : formatValue(setting, value));
    };
    const [from, to] = [shown(left), shown(right)];
    return [
      {
        needs: change === "restart" || change === undefined || starts ? "restart" : "reload",
        because: {
          code: "setting",
          setting: setting?.name ?? name,
          ...(from === undefined ? {} : { from }),
          ...(to === undefined ? {} : { to }),
        },
      } as const,
    ];
  });
}

function byLowerCase(settings: Settings): ReadonlyMap<string, string> {
  return new Map(Object.entries(settings).map(([name, value]) => [name.toLowerCase(), value]));
}

function fileChanges(is: ConfigurationFacts, shall: ConfigurationFacts): readonly Found[] {
  const names = [...new Set([...Object.keys(is.files), ...Object.keys(shall.files)])].sort();
  return names.flatMap((name): readonly Found[] => {
    const [left, right] = [is.files[name], shall.files[name]];
    if (left === right) return [];
    const reread = holdsSettings(name) || /\.(signal|done)$/.test(name) ? "install" : "reload";
    if (right === undefined) return [{ needs: reread, because: { code: "fileLeftOver", file: name } }];
    if (left === undefined) return [{ needs: reread, because: { code: "fileMissing", file: name } }];
    const text = { code: "fileText", file: name } as const;
    // Settings are compared one by one; a difference beside those is in comments or order.
    if (holdsSettings(name)) return [{ needs: "install", because: text, text: true }];
    const sameRules = name === "pg_hba.conf" && is.rules !== undefined && is.rules === shall.rules;
    return [{ needs: reread, because: sameRules ? text : { code: "fileDiffers", file: name } }];
  });
}

function pendingChanges(is: ActualServer, files: readonly Found[]): readonly Found[] {
  const rereads = files.some(({ needs }) => needs === "reload");
  const found: Found[] = [];
  if (is.program !== undefined) {
    found.push({ needs: "restart", because: { code: "otherProgram", program: is.program } });
  }
  if (is.renewed === true) found.push({ needs: "restart", because: { code: "certificateRenewed" } });
  if (is.pending !== undefined) found.push({ needs: is.pending, because: { code: "interrupted" } });
  if (is.unread === true && !rereads) found.push({ needs: "reload", because: { code: "accessUnread" } });
  return found;
}
