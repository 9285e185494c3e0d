import type { Major } from "../versions.js";

export type SettingType = "bool" | "integer" | "real" | "string" | "enum";

/** When a change takes effect, as `pg_settings.context` says it. */
export type SettingContext =
  | "internal"
  | "postmaster"
  | "sighup"
  | "backend"
  | "superuser-backend"
  | "superuser"
  | "user";

/** One setting of one major version, as `pg_settings` of a real server describes it. */
export interface Setting {
  readonly major: Major;
  /** As the server spells it: `TimeZone`, `max_connections`. */
  readonly name: string;
  readonly type: SettingType;
  readonly context: SettingContext;
  /** Base unit: B, kB, 8kB, MB, 16MB, ms, s or min; `min`, `max` and `default` count in it. */
  readonly unit?: string;
  readonly min?: number;
  readonly max?: number;
  /** Of an enum: the values that the server shows. */
  readonly values?: readonly string[];
  /** The built-in default, where there is one. */
  readonly default?: string;
  readonly category: string;
}

/** What the JSON files hold: a `Setting` without its version. */
export type SettingFacts = Omit<Setting, "major">;
