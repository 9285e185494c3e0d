import fc from "fast-check";
import type { Setting } from "../../postgres/settings/setting.js";

const units = ["B", "kB", "MB", "GB", "TB", "us", "ms", "s", "min", "h", "d", "KB", "mb", "sec", "parsecs"];
const gap = fc.constantFrom("", "", " ", "  ");

function around(setting: Setting): fc.Arbitrary<number> {
  const min = Math.max(setting.min ?? 0, -(2 ** 31));
  const max = Math.min(setting.max ?? 2 ** 31 - 1, 2 ** 31 - 1);
  return fc.oneof(
    fc.integer({ min: Math.ceil(min), max: Math.floor(max) }),
    fc.constantFrom(min, max, min - 1, max + 1),
    fc.integer({ min: -10, max: 5000 }),
  );
}

/** Whole numbers as guc.c reads them: decimal, octal, hexadecimal; and what only looks like one. */
function integerText(setting: Setting): fc.Arbitrary<string> {
  const number = around(setting);
  const written = fc.oneof(
    number.map(String),
    number.map((value) => (value < 0 ? `-0x${(-value).toString(16)}` : `0x${value.toString(16).toUpperCase()}`)),
    number.map((value) => (value < 0 ? `-0${(-value).toString(8)}` : `0${value.toString(8)}`)),
    fc.tuple(fc.integer({ min: 0, max: 4000 }), fc.integer({ min: 0, max: 999 })).map(([a, b]) => `${a}.${b}`),
    fc.constantFrom("", "abc", "08", "1e3", "1.5e2", ".5", "5.", "+7", "99999999999", "1_000", "2147483648", "00.5"),
  );
  const unit = fc.oneof({ weight: 3, arbitrary: fc.constant("") }, { weight: 4, arbitrary: fc.constantFrom(...units) });
  return fc.tuple(written, gap, unit, gap).map((parts) => parts.join(""));
}

function realText(setting: Setting): fc.Arbitrary<string> {
  const max = Math.min(setting.max ?? 1e6, 1e6);
  const number = fc.double({ min: setting.min ?? 0, max, noNaN: true });
  const written = fc.oneof(
    number.map(String),
    fc.integer({ min: -5, max: 200 }).map(String),
    fc.constantFrom("", "abc", "1e400", "1.5e1", ".5", "5.", "+0.7", "1,5", "0x2", "1e-400"),
  );
  const unit = fc.oneof({ weight: 4, arbitrary: fc.constant("") }, { weight: 2, arbitrary: fc.constantFrom(...units) });
  return fc.tuple(written, gap, unit).map((parts) => parts.join(""));
}

const booleans = [
  "on",
  "off",
  "true",
  "false",
  "yes",
  "no",
  "1",
  "0",
  "t",
  "F",
  "YE",
  "n",
  "of",
  "o",
  "ON",
  "",
  "2",
  "onn",
  "tru",
  " on",
];
const levels = [
  "debug",
  "info",
  "fatal",
  "panic",
  "archive",
  "hot_standby",
  "replica",
  "logical",
  "none",
  "md5",
  "plain",
];

function enumText(setting: Setting): fc.Arbitrary<string> {
  const values = setting.values ?? [];
  return fc.oneof(
    fc.constantFrom(...values),
    fc.constantFrom(...values.map((value) => value.toUpperCase())),
    fc.constantFrom(...booleans, ...levels),
  );
}

const word = fc.stringMatching(/^[a-z_][a-z0-9_]{0,8}$/);
const element = fc.oneof(
  word,
  word.map((one) => `"${one} x"`),
  fc.constantFrom('"$user"', "A", "a b", "", '"', '"a""b"', "*"),
);
const list = fc
  .tuple(fc.array(element, { maxLength: 4 }), fc.constantFrom(",", ", ", " , "))
  .map(([items, comma]) => items.join(comma));

function listOf(...items: string[]): fc.Arbitrary<string> {
  return fc.oneof(
    fc.subarray(items).map((some) => some.join(", ")),
    fc.constantFrom("", "unknown", ",", items[0] ?? ""),
  );
}

const standbys = fc
  .tuple(
    fc.constantFrom("", "FIRST ", "any ", "LAST "),
    fc.constantFrom("0", "1", "2", "x", "2147483647", "2147483648"),
    fc.array(fc.oneof(word, fc.constantFrom("*", '"a-b"', "a-b", "any", "first", "1", "12ab", "a$b", '""')), {
      maxLength: 3,
    }),
    fc.boolean(),
  )
  .map(([method, number, names, counted]) => (counted ? `${method}${number} (${names.join(", ")})` : names.join(", ")));

const plain = fc.string({ unit: "binary", maxLength: 20 }).filter((text) => !text.includes("\0"));
const moment = fc
  .date({ min: new Date("1990-01-01"), max: new Date("2090-01-01"), noInvalidDate: true })
  .map((date) => `${date.toISOString().slice(0, 19).replace("T", " ")}+00`);

/** Generators of strings that the server checks; the others take any text. */
const strings: Readonly<Record<string, fc.Arbitrary<string>>> = {
  TimeZone: fc.constantFrom(
    "UTC",
    "America/Santiago",
    "Europe/Berlin",
    "GMT",
    "CET-1CEST",
    "-3",
    "EST5EDT",
    "Etc/GMT+3",
  ),
  log_timezone: fc.constantFrom("UTC", "America/Santiago", "GMT", "US/Central", "CET-1CEST", "EST5EDT"),
  DateStyle: listOf("ISO", "SQL", "Postgres", "german", "DMY", "US", "ymd", "European", "NonEuropean", "default"),
  backtrace_functions: fc.oneof(plain, list),
  client_encoding: fc.constantFrom(
    "UTF8",
    "utf-8",
    "LATIN1",
    "sql_ascii",
    "EUC_JP",
    "win1252",
    "Unicode",
    "ISO-8859-1",
    "bogus",
    "",
  ),
  createrole_self_grant: listOf("set", "inherit", "SET"),
  debug_io_direct: listOf("data", "wal", "wal_init"),
  default_table_access_method: fc.oneof(word, fc.constant("")),
  // Names of locales are the host's; C is everywhere.
  lc_messages: fc.constantFrom("C", "POSIX"),
  lc_monetary: fc.constantFrom("C", "POSIX"),
  lc_numeric: fc.constantFrom("C", "POSIX"),
  lc_time: fc.constantFrom("C", "POSIX"),
  log_connections: fc.oneof(
    fc.constantFrom(...booleans),
    listOf("receipt", "authentication", "ALL", "setup_durations", "on"),
  ),
  log_destination: listOf("stderr", "csvlog", "syslog", "jsonlog", "STDERR"),
  primary_slot_name: fc.oneof(word, fc.constantFrom("", "A", "a-b", "x".repeat(64))),
  recovery_target: fc.constantFrom("", "immediate", "Immediate", "now"),
  recovery_target_lsn: fc.constantFrom("", "0/3000060", "FFFFFFFF/ffffffff", "1", "0/", "x/y", "0/123456789", "1/2/3"),
  recovery_target_name: fc.constantFrom("", "before", "x".repeat(63), "x".repeat(64)),
  recovery_target_time: fc.oneof(
    moment,
    fc.constantFrom(
      "",
      "2026-01-31",
      "2026-01-31 24:00:00",
      "2026-02-30 1:00",
      "today",
      "2026-01-31T12:00:00Z",
      "2026-01-31 12:00-03:30",
    ),
  ),
  recovery_target_timeline: fc.constantFrom("latest", "current", "1", "4294967295", "Latest"),
  recovery_target_xid: fc.constantFrom("", "1", "123456", "4294967295"),
  restrict_nonsystem_relation_kind: listOf("view", "foreign-table", "table"),
  search_path: list,
  temp_tablespaces: list,
  synchronized_standby_slots: fc.oneof(list, fc.constantFrom("a, b", "A", '"A"')),
  synchronous_standby_names: standbys,
  timezone_abbreviations: fc.constantFrom("Default", "Australia", "India"),
  wal_consistency_checking: listOf(
    "all",
    "heap",
    "heap2",
    "btree",
    "hash",
    "gin",
    "gist",
    "sequence",
    "spgist",
    "brin",
    "generic",
    "xlog",
  ),
};

/** Texts for a setting's value, most of them good, many of them nearly so. */
export function textFor(setting: Setting): fc.Arbitrary<string> {
  switch (setting.type) {
    case "bool":
      // Builds without TLS or Bonjour refuse to turn them on, whatever the spelling.
      return setting.name === "ssl" || setting.name === "bonjour" ? fc.constant("off") : fc.constantFrom(...booleans);
    case "enum":
      return enumText(setting);
    case "integer":
      if (setting.name === "max_stack_depth") return fc.integer({ min: 100, max: 2048 }).map((value) => `${value}kB`);
      return integerText(setting);
    case "real":
      return realText(setting);
    case "string":
      return strings[setting.name] ?? plain;
  }
}
