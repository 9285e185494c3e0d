import { atLeast, type Major } from "../versions.js";
import { listKind, parseSynchronousStandbys, splitIdentifiers, splitList, splitPaths } from "./lists.js";

/** What a value may be, in words, for the setting's problem; undefined where the value will do. */
type StringCheck = (text: string, major: Major) => string | undefined;

function oneOf(rows: readonly (readonly [string, Major])[]): StringCheck {
  return (text, major) => {
    const known = rows.filter(([, from]) => atLeast(major, from)).map(([name]) => name);
    const wrong = splitList(text)?.find((item) => !known.includes(item.toLowerCase()));
    return wrong === undefined ? undefined : `"${wrong}" is unknown; allowed: a list of ${known.join(", ")}`;
  };
}

function matching(pattern: RegExp, allowed: string): StringCheck {
  return (text) => (pattern.test(text) ? undefined : `allowed: ${allowed}`);
}

const dateStyles = /^(?:iso|sql|postgres.*|german.*|ymd|dmy|euro.*|mdy|us|noneuro.*|default)$/i;

/** check_datestyle: output forms and orders, at most one of each. */
function checkDateStyle(text: string): string | undefined {
  const words = splitList(text) ?? [];
  const wrong = words.find((word) => !dateStyles.test(word));
  if (wrong !== undefined) {
    return `"${wrong}" is unknown; allowed: one of ISO, SQL, Postgres, German and one of YMD, DMY, MDY`;
  }
  const forms = words.flatMap((word) => /^(?:iso|sql|postgres|german)/i.exec(word)?.[0]?.toLowerCase() ?? []);
  const orders = words.flatMap((word) => {
    if (/^(?:dmy|euro)/i.test(word)) return ["dmy"];
    if (/^(?:mdy|us|noneuro)/i.test(word)) return ["mdy"];
    return /^ymd$/i.test(word) ? ["ymd"] : [];
  });
  const conflict = new Set(forms).size > 1 || new Set(orders).size > 1;
  return conflict ? "it contradicts itself; allowed: one output form and one order, such as ISO, MDY" : undefined;
}

const timestamp =
  /^(?:\d{4}-\d{2}-\d{2}(?:[ T]\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?(?: ?(?:UTC|GMT|[+-]\d{1,2}(?::?\d{2})?))?)?$/i;

function checkTimestamp(text: string): string | undefined {
  const allowed = "allowed: a time such as 2026-01-31 12:00:00+00";
  if (!timestamp.test(text)) return allowed;
  if (text === "") return undefined;
  const [, year = 0, month = 0, day = 0] = (/^(\d{4})-(\d{2})-(\d{2})/.exec(text) ?? []).map(Number);
  const date = new Date(Date.UTC(2000, 0, 1));
  date.setUTCFullYear(year, month - 1, day);
  const [, hour = 0, minute = 0, second = 0] = (/[ T](\d{1,2}):(\d{2})(?::(\d{2}))?/.exec(text) ?? []).map((part) =>
    Number(part ?? 0),
  );
  const [, zoneHour = 0, zoneMinute = 0] = (/[+-](\d{1,2})(?::?(\d{2}))?$/.exec(text.slice(10)) ?? []).map((part) =>
    Number(part ?? 0),
  );
  const real = year > 0 && date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
  return real && hour < 24 && minute < 60 && second < 60 && zoneHour < 15 && zoneMinute < 60 ? undefined : allowed;
}

function checkTimeline(text: string, major: Major): string | undefined {
  const words = atLeast(major, "12") ? ["latest", "current"] : ["latest"];
  const number = /^[1-9][0-9]*$/.test(text) && Number(text) < 2 ** 32;
  return number || words.includes(text) ? undefined : `allowed: ${words.join(", ")} or the number of a timeline`;
}

const connectionAspects = ["receipt", "authentication", "authorization", "setup_durations", "all"];

/** A list from 18 on; before it is a boolean, whose words are still understood when they stand alone. */
function checkLogConnections(text: string): string | undefined {
  const words = splitList(text) ?? [];
  if (words.length === 1 && /^(?:on|off|true|false|yes|no|1|0)$/i.test(words[0] ?? "")) return undefined;
  const wrong = words.find((word) => !connectionAspects.includes(word.toLowerCase()));
  return wrong === undefined
    ? undefined
    : `"${wrong}" is unknown; allowed: on, off, or a list of ${connectionAspects.join(", ")}`;
}

function checkStandbyNames(text: string, major: Major): string | undefined {
  if (parseSynchronousStandbys(major, text) !== undefined) return undefined;
  const forms = [
    "'a, b'",
    ...(atLeast(major, "9.6") ? ["'1 (a, b)'"] : []),
    ...(atLeast(major, "10") ? ["'FIRST 1 (a, b)'", "'ANY 1 (a, b)'"] : []),
  ];
  return `allowed at ${major}: ${forms.join(", ")}`;
}

/** Encodings a client may ask for (pg_encname_tbl in encnames.c), as PostgreSQL compares them: letters and digits alone. */
const encodings = new Set(
  `abc alt big5 euccn eucjis2004 eucjp euckr euctw gb18030 gbk iso88591 iso885910 iso885913 iso885914 iso885915 iso885916
  iso88592 iso88593 iso88594 iso88595 iso88596 iso88597 iso88598 iso88599 johab koi8 koi8r koi8u latin1 latin10 latin2 latin3
  latin4 latin5 latin6 latin7 latin8 latin9 mskanji muleinternal shiftjis shiftjis2004 sjis sqlascii tcvn tcvn5712 uhc unicode
  utf8 vscii win win1250 win1251 win1252 win1253 win1254 win1255 win1256 win1257 win1258 win866 win874 win932 win936 win949
  win950 windows1250 windows1251 windows1252 windows1253 windows1254 windows1255 windows1256 windows1257 windows1258
  windows866 windows874 windows932 windows936 windows949 windows950`.split(/\s+/),
);

function checkEncoding(text: string): string | undefined {
  return encodings.has(text.toLowerCase().replaceAll(/[^a-z0-9]/g, "")) ? undefined : "allowed: a name such as UTF8";
}

const slotName = matching(/^[a-z0-9_]{0,63}$/, "at most 63 lower-case letters, digits and _");

function checkSlots(text: string): string | undefined {
  const wrong = splitIdentifiers(text)?.find((name) => !/^[a-z0-9_]{1,63}$/.test(name));
  return wrong === undefined ? undefined : `"${wrong}" is no name of a slot; allowed: lower-case letters, digits and _`;
}

/** Settings that are strings and take on and off too. */
export const booleanStrings: ReadonlySet<string> = new Set(["log_connections"]);

/** Check hooks of string settings (guc.c, guc_tables.c), by name in lower case: what type and range do not say. */
const checks: Readonly<Record<string, StringCheck>> = {
  backtrace_functions: matching(/^[A-Za-z0-9_, \n\t]*$/, "names of functions, separated by commas"),
  client_encoding: checkEncoding,
  createrole_self_grant: oneOf([
    ["set", "16"],
    ["inherit", "16"],
  ]),
  datestyle: checkDateStyle,
  debug_io_direct: oneOf([
    ["data", "16"],
    ["wal", "16"],
    ["wal_init", "16"],
  ]),
  default_table_access_method: matching(/./s, "the name of a table access method"),
  log_connections: checkLogConnections,
  log_destination: oneOf([
    ["stderr", "9.0"],
    ["csvlog", "9.0"],
    ["syslog", "9.0"],
    ["jsonlog", "15"],
  ]),
  primary_slot_name: slotName,
  recovery_target: (text, major) =>
    text === "immediate" || (text === "" && atLeast(major, "12")) ? undefined : "allowed: immediate",
  recovery_target_lsn: matching(/^(?:[0-9A-Fa-f]{1,8}\/[0-9A-Fa-f]{1,8})?$/, "a position such as 0/3000060"),
  recovery_target_name: (text) => (Buffer.byteLength(text) < 64 ? undefined : "allowed: at most 63 bytes"),
  recovery_target_time: checkTimestamp,
  recovery_target_timeline: checkTimeline,
  recovery_target_xid: (text) =>
    text === "" || (/^[0-9]+$/.test(text) && Number(text) < 2 ** 63)
      ? undefined
      : "allowed: the number of a transaction",
  restrict_nonsystem_relation_kind: oneOf([
    ["view", "12"],
    ["foreign-table", "12"],
  ]),
  synchronized_standby_slots: checkSlots,
  synchronous_standby_names: checkStandbyNames,
  wal_consistency_checking: oneOf([
    ["all", "10"],
    ["heap", "10"],
    ["heap2", "10"],
    ["btree", "10"],
    ["hash", "10"],
    ["gin", "10"],
    ["gist", "10"],
    ["sequence", "10"],
    ["spgist", "10"],
    ["brin", "10"],
    ["generic", "10"],
  ]),
};

/**
 * What is wrong with the value of a string setting at a version, in words that begin with what is allowed or unknown;
 * undefined where the server would take it. Follows the check hooks of guc.c, as far as they can be known away from the host.
 */
export function checkString(major: Major, name: string, text: string): string | undefined {
  if (text.includes("\0")) return "it holds a NUL character, which no file of PostgreSQL takes";
  const kind = name.toLowerCase() === "synchronous_standby_names" ? undefined : listKind(name);
  const elements = kind === "names" ? splitList(text) : kind === "paths" ? splitPaths(text) : [];
  if (elements === undefined) return "allowed: a list separated by commas, unusual names in double quotes";
  return checks[name.toLowerCase()]?.(text, major);
}
