import { atLeast, type Major, majors } from "../versions.js";
import { findSetting, versionsOf } from "./catalogue.js";
import { joinList, splitPaths } from "./lists.js";
import type { Setting } from "./setting.js";
import { checkValue, meaning, type SettingValue } from "./values.js";

/** A setting in a version's own words. `note` says what was translated; `name` is undefined where the version needs no setting. */
export type Translated =
  | { readonly ok: true; readonly name: string | undefined; readonly value: SettingValue; readonly note?: string }
  | { readonly ok: false; readonly message: string };

/** The value under the other name; undefined means that it cannot be said there, for the reason in `reason`. */
type Convert = (setting: Setting, text: string) => string | { readonly reason: string };

interface Renamed {
  readonly old: string;
  readonly new: string;
  /** The first version with the new name; the old one ends before it. */
  readonly from: Major;
  readonly toNew: Convert;
  readonly toOld: Convert;
}

const same: Convert = (_setting, text) => text;
const segmentMegabytes = 16;

/** One thing under two names: either is accepted at every version, and rendered under the version's own. */
const renamed: readonly Renamed[] = [
  {
    old: "wal_keep_segments",
    new: "wal_keep_size",
    from: "13",
    toNew: (setting, text) => `${Number(meaning(setting, text)) * segmentMegabytes}MB`,
    toOld: (setting, text) => String(Math.ceil(Number(meaning(setting, text)) / segmentMegabytes)),
  },
  {
    old: "unix_socket_directory",
    new: "unix_socket_directories",
    from: "9.3",
    toNew: (_setting, text) => (text === "" ? "" : joinList([text])),
    toOld: (_setting, text) => {
      const folders = splitPaths(text) ?? [];
      return folders.length < 2 ? (folders[0] ?? "") : { reason: "it takes a single folder" };
    },
  },
  { old: "replication_timeout", new: "wal_sender_timeout", from: "9.3", toNew: same, toOld: same },
  { old: "trigger_file", new: "promote_trigger_file", from: "12", toNew: same, toOld: same },
];

interface Ended {
  readonly name: string;
  /** The first version that needs no such setting. */
  readonly from: Major;
  readonly note: string;
}

/** Settings that a version replaced by something that is no setting: accepted, not written, and said. */
const ended: readonly Ended[] = [
  { name: "trigger_file", from: "16", note: "there is no trigger file: pgsite promotes by function" },
  { name: "promote_trigger_file", from: "16", note: "there is no trigger file: pgsite promotes by function" },
  { name: "standby_mode", from: "12", note: "it is the file standby.signal, which pgsite writes by the server's role" },
];

interface ValueName {
  readonly setting: string;
  readonly value: string;
  readonly from: Major;
  readonly until: Major;
  readonly becomes: string;
}

/** Values that go by another name at some versions. */
const valueNames: readonly ValueName[] = [
  { setting: "wal_level", value: "replica", from: "9.0", until: "9.5", becomes: "hot_standby" },
  { setting: "wal_level", value: "hot_standby", from: "9.6", until: "18", becomes: "replica" },
  { setting: "wal_level", value: "archive", from: "9.6", until: "18", becomes: "replica" },
];

/** What to use instead of a name that a version no longer has, where pgsite does not translate it because it means something else. */
const successors: Readonly<Record<string, string>> = {
  add_missing_from: "name every table in FROM",
  checkpoint_segments: "use max_wal_size",
  custom_variable_classes: "leave it out: settings with a dot need no declaration from 9.2 on",
  db_user_namespace: "leave it out: it has no successor",
  default_with_oids: "leave it out: tables have no OIDs from 12 on",
  force_parallel_mode: "use debug_parallel_query",
  krb_srvname: "use the option krb_srvname of the line in pg_hba.conf",
  lc_collate: "give initdb the locale",
  lc_ctype: "give initdb the locale",
  max_fsm_pages: "leave it out: the server decides from 8.4 on",
  max_fsm_relations: "leave it out: the server decides from 8.4 on",
  min_parallel_relation_size: "use min_parallel_table_scan_size",
  old_snapshot_threshold: "use idle_in_transaction_session_timeout or transaction_timeout",
  operator_precedence_warning: "leave it out: it has no successor",
  pause_at_recovery_target: "use recovery_target_action",
  replacement_sort_tuples: "leave it out: it has no successor",
  silent_mode: "use logging_collector",
  sort_mem: "use work_mem",
  sql_inheritance: "leave it out: it is always on",
  ssl_ecdh_curve: "use ssl_groups",
  ssl_renegotiation_limit: "leave it out: connections are no longer renegotiated",
  stats_temp_directory: "leave it out: statistics are kept in shared memory",
  trace_recovery_messages: "use log_min_messages",
  vacuum_cleanup_index_scale_factor: "leave it out: it has no successor",
  vacuum_defer_cleanup_age: "use hot_standby_feedback or a replication slot",
  vacuum_mem: "use maintenance_work_mem",
  wal_sender_delay: "leave it out: walsenders wake by themselves from 9.2 on",
};

/** Names that are accepted at a version though the version's own catalogue lacks them. */
export function portableNames(major: Major): readonly string[] {
  const names = [...renamed.flatMap((row) => [row.old, row.new]), ...ended.map((row) => row.name)];
  return [...new Set(names)].filter((name) => findSetting(major, name) === undefined);
}

/**
 * A setting of the stack file's vocabulary in a version's own: name and value. A name that needs no translation comes back
 * as it was, known to the version or not. `message` is a sentence without its path.
 */
export function translate(major: Major, name: string, value: SettingValue): Translated {
  const key = name.toLowerCase();
  const gone = ended.find((row) => row.name === key && atLeast(major, row.from));
  if (gone !== undefined) {
    const origin = findSetting(before(gone.from), key) ?? findSetting(before("12"), key);
    const checked = origin === undefined ? undefined : checkValue(origin, value);
    if (checked?.ok === false) return { ok: false, message: checked.message };
    return { ok: true, name: undefined, value, note: `${key} is not written at ${major}: ${gone.note}` };
  }
  const row = renamed.find((one) => one.old === key || one.new === key);
  const own = row === undefined ? key : atLeast(major, row.from) ? row.new : row.old;
  if (row !== undefined && own !== key) return rename(major, row, key, own, value);
  const other = valueNames.find(
    (one) => one.setting === key && typeof value === "string" && one.value === value.toLowerCase() && spans(one, major),
  );
  if (other === undefined) return { ok: true, name, value };
  return { ok: true, name, value: other.becomes, note: `${key} ${other.value} is ${other.becomes} at ${major}` };
}

function spans(row: { readonly from: Major; readonly until: Major }, major: Major): boolean {
  return atLeast(major, row.from) && atLeast(row.until, major);
}

/** The version before one. */
function before(major: Major): Major {
  return majors[majors.indexOf(major) - 1] ?? major;
}

function rename(major: Major, row: Renamed, key: string, own: string, value: SettingValue): Translated {
  const origin = findSetting(key === row.old ? before(row.from) : row.from, key);
  if (origin === undefined) throw new Error(`${key} is in no catalogue`);
  const checked = checkValue(origin, value);
  if (!checked.ok) return { ok: false, message: checked.message };
  const converted = (key === row.old ? row.toNew : row.toOld)(origin, checked.text);
  if (typeof converted === "object") {
    return { ok: false, message: `"${checked.text}" cannot be ${own} at ${major}: ${converted.reason}` };
  }
  const note = `${key} ${shown(checked.text)} is ${own} ${shown(converted)} at ${major}`;
  return { ok: true, name: own, value: converted, note };
}

function shown(text: string): string {
  return /^\S+$/.test(text) ? text : `'${text}'`;
}

/**
 * Why a version does not know a name that other versions do, with what to use instead: `it comes with 17; this is 15`,
 * `it ended with 9.4: use max_wal_size`. Undefined for a name that no version knows and that has no successor.
 */
export function absence(major: Major, name: string): string | undefined {
  const key = name.toLowerCase();
  const known = versionsOf(key);
  const successor = successors[key];
  const [first] = known;
  const last = known.at(-1);
  if (first === undefined || last === undefined) {
    return successor === undefined ? undefined : `${key} ended before 9.0: ${successor}`;
  }
  if (!atLeast(major, first)) return `${key} comes with ${first}; this is ${major}`;
  if (atLeast(last, major)) return `${key} is not known at ${major}; it is at ${known.join(", ")}`;
  return `${key} ended with ${last}: ${successor ?? "leave it out"}`;
}
