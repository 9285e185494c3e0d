import type { Difference, SettingFound } from "../differences.js";
import { shownValue } from "../secrets/index.js";
import type { Major } from "../versions.js";
import { context, findSetting, isCustomName } from "./catalogue.js";
import { listKind, splitList, splitPaths } from "./lists.js";
import { sameValue } from "./values.js";

/** Settings that sessions begin with: of a role, in a database, of a role in one database; with neither, of all roles. */
export interface SessionSettings {
  readonly role?: string;
  readonly database?: string;
  readonly settings: Readonly<Record<string, string>>;
}

/** By whom (`role reader in database science`), then by name of the setting. */
export type SettingsByWhom = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** Whose settings these are, in words. */
export function whose({ role, database }: Pick<SessionSettings, "role" | "database">): string {
  const place = database === undefined ? "" : `database ${database}`;
  if (role === undefined) return place === "" ? "all roles" : place;
  return place === "" ? `role ${role}` : `role ${role} in ${place}`;
}

export function byWhom(all: readonly SessionSettings[]): SettingsByWhom {
  const filled = all.filter(({ settings }) => Object.keys(settings).length > 0);
  return Object.fromEntries(filled.map((one) => [whose(one), one.settings]));
}

/** Whether two texts mean the same for a setting, whatever the version knows of it. */
export function sameText(version: Major, name: string, one: string | undefined, other: string | undefined): boolean {
  if (one === other) return true;
  const setting = findSetting(version, name);
  return one !== undefined && other !== undefined && setting !== undefined && sameValue(setting, one, other);
}

/** How the settings that sessions begin with differ from what is declared. */
export function sessionDifferences(version: Major, is: SettingsByWhom, shall: SettingsByWhom): readonly Difference[] {
  const all = [...new Set([...Object.keys(is), ...Object.keys(shall)])].sort();
  return all.flatMap((whom) => {
    const [there, wanted] = [is[whom] ?? {}, shall[whom] ?? {}];
    const names = [...new Set([...Object.keys(there), ...Object.keys(wanted)])].sort();
    return names
      .filter((name) => !sameText(version, name, there[name], wanted[name]))
      .map((name) => {
        const [left, right] = [shown(name, there[name]), shown(name, wanted[name])];
        return {
          object: { kind: "session setting", name, whom } as const,
          there: left.value === right.value ? { ...left, anotherSecret: true as const } : left,
          declared: right,
          consequence: "SQL" as const,
        };
      });
  });
}

function shown(name: string, value: string | undefined): SettingFound {
  if (value === undefined) return { is: "setting" };
  const text = shownValue(name, value);
  return { is: "setting", value: text === "" || /\s/.test(text) ? `'${text}'` : text };
}

/** The elements of a value that ALTER ROLE … SET takes as a list; undefined for one that is a single text. */
export function listElements(name: string, value: string): readonly string[] | undefined {
  const kind = listKind(name);
  if (kind === undefined) return undefined;
  return kind === "names" ? splitList(value) : splitPaths(value);
}

/** Why a setting cannot be one that sessions begin with, or undefined where it can. */
export function refuseForSessions(version: Major, name: string): string | undefined {
  const setting = findSetting(version, name);
  if (setting === undefined) {
    return isCustomName(name) ? undefined : `no setting of PostgreSQL ${version} has this name`;
  }
  const needs = context(version, name);
  const ofServer = setting.context === "sighup" || needs === "restart" || needs === "nothing";
  return ofServer ? "it belongs to the server, not to sessions: say it in settings" : undefined;
}
