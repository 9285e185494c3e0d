import { error, type Problem } from "../postgres/problem.js";
import { findSetting } from "../postgres/settings/catalogue.js";
import { joinList } from "../postgres/settings/lists.js";
import { refuseForSessions, type SessionSettings } from "../postgres/settings/session.js";
import { checkValue, type SettingValue } from "../postgres/settings/values.js";
import type { Major } from "../postgres/versions.js";
import type { StackDescription } from "./schema.js";

type Given = Readonly<Record<string, SettingValue>>;

interface Place extends Omit<SessionSettings, "settings"> {
  readonly path: string;
  readonly given: Given;
}

/** The settings that a stack declares by role and by database, those that have any. */
export function sessionSettingsOf(description: StackDescription): readonly SessionSettings[] {
  return placesOf(description)
    .filter(({ given }) => Object.keys(given).length > 0)
    .map(({ path: _path, given, ...whom }) => ({
      ...whom,
      settings: Object.fromEntries(Object.entries(given).map(([name, value]) => [name, textOf(value)])),
    }));
}

/** Settings that no session can begin with, and values that the server would refuse. */
export function checkSessionSettings(version: Major, description: StackDescription): readonly Problem[] {
  return placesOf(description).flatMap(({ path, given }) =>
    Object.entries(given).flatMap(([name, value]) => {
      const refusal = refuseForSessions(version, name);
      if (refusal !== undefined) return [error(`${path}.${name}`, refusal)];
      const setting = findSetting(version, name);
      const checked = setting === undefined ? undefined : checkValue(setting, value);
      return checked === undefined || checked.ok ? [] : [error(`${path}.${name}`, checked.message)];
    }),
  );
}

function placesOf({ roles, databases }: StackDescription): readonly Place[] {
  return [
    ...Object.entries(roles).flatMap(([role, { settings, databaseSettings }]): Place[] => [
      { role, path: `roles.${role}.settings`, given: settings },
      ...Object.entries(databaseSettings).map(([database, given]) => ({
        role,
        database,
        path: `roles.${role}.databaseSettings.${database}`,
        given,
      })),
    ]),
    ...Object.entries(databases).map(([database, { settings }]) => ({
      database,
      path: `databases.${database}.settings`,
      given: settings,
    })),
  ];
}

function textOf(value: SettingValue): string {
  if (typeof value === "object") return joinList(value);
  return typeof value === "boolean" ? (value ? "on" : "off") : `${value}`;
}
