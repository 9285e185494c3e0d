import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { catalogue, findSetting } from "../../../postgres/settings/catalogue.js";
import type { Setting } from "../../../postgres/settings/setting.js";
import { checkValue, formatValue, meaning, type SettingValue, sameValue } from "../../../postgres/settings/values.js";
import { type Major, majors } from "../../../postgres/versions.js";
import { textFor } from "../../support/settingValues.js";

function setting(major: Major, name: string): Setting {
  const found = findSetting(major, name);
  if (found === undefined) throw new Error(`${name} is not known at ${major}`);
  return found;
}

/** What the file gets, or the message. */
function checked(major: Major, name: string, value: SettingValue): string {
  const result = checkValue(setting(major, name), value);
  return result.ok ? result.text : `! ${result.message}`;
}

describe("booleans", () => {
  test.each([
    [true, "on"],
    [false, "off"],
    ["yes", "on"],
    ["T", "on"],
    ["of", "off"],
    [1, "on"],
    ["0", "off"],
    ["o", '! "o" is neither on nor off; allowed: on, off'],
    ["", '! "" is neither on nor off; allowed: on, off'],
    [2, '! "2" is neither on nor off; allowed: on, off'],
  ])("%j is %s", (value, text) => expect(checked("15", "fsync", value)).toBe(text));
});

describe("integers", () => {
  test.each<[Major, string, SettingValue, string]>([
    ["15", "max_connections", 400, "400"],
    ["15", "max_connections", "0x190", "0x190"],
    ["15", "max_connections", "500ABC", '! "500ABC" is not an integer; allowed: 1 to 262143'],
    ["15", "max_connections", 0, '! "0" is out of range; allowed: 1 to 262143'],
    ["15", "max_connections", 100.4, "100.4"],
    [
      "11",
      "max_connections",
      100.4,
      '! "100.4" is not an integer (integers take fractions from 12 on); allowed: 1 to 262143',
    ],
    ["15", "max_connections", true, '! "on" is not an integer; allowed: 1 to 262143'],
    ["15", "work_mem", " 64MB ", "64MB"],
    ["15", "work_mem", "12 parsecs", '! "12 parsecs" has the unknown unit "parsecs"; allowed units: B, kB, MB, GB, TB'],
    ["9.3", "work_mem", "1TB", '! "1TB" has the unknown unit "TB"; allowed units: kB, MB, GB'],
    ["9.4", "work_mem", "1TB", "1TB"],
    ["10", "work_mem", "65536B", '! "65536B" has the unknown unit "B"; allowed units: kB, MB, GB, TB'],
    ["11", "work_mem", "65536B", "65536B"],
    ["15", "work_mem", "1kB", '! "1kB" is out of range; allowed: 64kB to 2147483647kB'],
    ["15", "work_mem", "1mb", '! "1mb" has the unknown unit "mb"; allowed units: B, kB, MB, GB, TB'],
    ["12", "work_mem", "1.5GB", "1.5GB"],
    ["15", "log_rotation_age", 43_200, "43200"],
    ["15", "log_rotation_age", "30d", "30d"],
    ["15", "unix_socket_permissions", "0700", "0700"],
    [
      "15",
      "unix_socket_permissions",
      777,
      `! "777" is out of range; allowed: 0 to 511; in octal it is '0777', in quotes`,
    ],
    ["15", "unix_socket_permissions", "0999", '! "0999" is not an integer; allowed: 0 to 511'],
    ["17", "transaction_buffers", 17, '! "17" is refused by the server: allowed: multiples of 16 (times 8kB)'],
  ])("at %s, %s %j is %s", (major, name, value, text) => expect(checked(major, name, value)).toBe(text));

  test("units are converted as the version does it: cut off before 12, rounded to the next smaller unit from 12 on", () => {
    expect(meaning(setting("11", "shared_buffers"), "1023kB")).toBe(127);
    expect(meaning(setting("12", "shared_buffers"), "1023kB")).toBe(128);
    expect(meaning(setting("15", "work_mem"), "30.1GB")).toBe(30_822 * 1024);
    expect(meaning(setting("15", "log_rotation_age"), "90s")).toBe(2);
    expect(meaning(setting("9.0", "wal_sender_delay"), "1s")).toBe(1000);
  });
});

describe("reals", () => {
  test.each<[Major, string, SettingValue, string]>([
    ["15", "random_page_cost", 1.1, "1.1"],
    ["15", "random_page_cost", "fast", '! "fast" is not a number; allowed: at least 0'],
    ["15", "checkpoint_completion_target", 1.5, '! "1.5" is out of range; allowed: 0 to 1'],
    ["15", "vacuum_cost_delay", "500us", "500us"],
    ["9.6", "seq_page_cost", "1 ms", '! "1 ms" is not a number; allowed: at least 0'],
  ])("at %s, %s %j is %s", (major, name, value, text) => expect(checked(major, name, value)).toBe(text));
});

describe("enums", () => {
  test.each<[Major, string, SettingValue, string]>([
    ["15", "synchronous_commit", true, "on"],
    ["15", "synchronous_commit", "REMOTE_APPLY", "remote_apply"],
    ["15", "constraint_exclusion", 0, "off"],
    ["15", "constraint_exclusion", "f", '! "f" is unknown; allowed: partition, on, off'],
    ["15", "wal_level", "hot_standby", "replica"],
    ["9.3", "wal_level", "logical", '! "logical" is unknown; allowed: minimal, archive, hot_standby'],
    ["13", "password_encryption", true, "md5"],
    ["14", "password_encryption", true, '! "on" is unknown; allowed: md5, scram-sha-256'],
    ["15", "log_min_messages", "debug", "debug2"],
  ])("at %s, %s %j is %s", (major, name, value, text) => expect(checked(major, name, value)).toBe(text));
});

describe("strings", () => {
  test.each<[Major, string, SettingValue, string]>([
    ["15", "log_directory", "pg_log", "pg_log"],
    ["15", "search_path", ["constants", "$user", "public"], 'constants, "$user", public'],
    ["15", "listen_addresses", ["127.0.0.1", "::1", "*"], "127.0.0.1, ::1, *"],
    ["15", "log_directory", ["a"], "! it is a list; log_directory takes one value"],
    ["15", "log_filename", true, "! true is not text; where the word is meant, write it in quotes: 'true'"],
    ["15", "log_filename", "a\0b", "! it holds a NUL character, which no file of PostgreSQL takes"],
    ["14", "log_destination", "stderr, jsonlog", '! "jsonlog" is unknown; allowed: a list of stderr, csvlog, syslog'],
    ["15", "log_destination", "stderr, jsonlog", "stderr, jsonlog"],
    ["9.5", "synchronous_standby_names", "1 (a, b)", `! "1 (a, b)" is not understood; allowed at 9.5: 'a, b'`],
    ["9.6", "synchronous_standby_names", "1 (a, b)", "1 (a, b)"],
    [
      "9.6",
      "synchronous_standby_names",
      "FIRST 1 (a, b)",
      `! "FIRST 1 (a, b)" is not understood; allowed at 9.6: 'a, b', '1 (a, b)'`,
    ],
    ["10", "synchronous_standby_names", "ANY 1 (a, b)", "ANY 1 (a, b)"],
    [
      "15",
      "primary_slot_name",
      "Server-3",
      `! "Server-3" is not understood; allowed: at most 63 lower-case letters, digits and _`,
    ],
    ["18", "log_connections", true, "on"],
    ["18", "log_connections", ["receipt", "authorization"], "receipt, authorization"],
    ["17", "log_connections", true, "on"],
    [
      "11",
      "recovery_target_timeline",
      "current",
      `! "current" is not understood; allowed: latest or the number of a timeline`,
    ],
  ])("at %s, %s %j is %s", (major, name, value, text) => expect(checked(major, name, value)).toBe(text));
});

test("values that mean the same are the same, however they are written", () => {
  expect(sameValue(setting("15", "work_mem"), "64MB", "65536kB")).toBe(true);
  expect(sameValue(setting("15", "work_mem"), "64MB", "65MB")).toBe(false);
  expect(sameValue(setting("15", "fsync"), "on", "true")).toBe(true);
  expect(sameValue(setting("15", "wal_level"), "hot_standby", "REPLICA")).toBe(true);
  expect(sameValue(setting("15", "search_path"), '"$user",public', '"$user", "public"')).toBe(true);
  expect(sameValue(setting("15", "log_directory"), "log", "Log")).toBe(false);
  expect(sameValue(setting("15", "work_mem"), "junk", "rubbish")).toBe(false);
});

test("a value is shown with the largest unit that loses nothing", () => {
  expect(formatValue(setting("15", "work_mem"), 65_536)).toBe("64MB");
  expect(formatValue(setting("15", "shared_buffers"), 16_384)).toBe("128MB");
  expect(formatValue(setting("15", "log_rotation_age"), 43_200)).toBe("30d");
  expect(formatValue(setting("15", "wal_buffers"), -1)).toBe("-1");
  expect(formatValue(setting("15", "fsync"), true)).toBe("on");
});

test("the default of every setting that can be set is a value that it takes", () => {
  const refused = majors.flatMap((major) =>
    [...catalogue(major).values()]
      .filter((one) => one.context !== "internal" && one.default !== undefined)
      .filter((one) => !checkValue(one, one.default ?? "").ok)
      .map((one) => `${major} ${one.name} ${one.default}`),
  );
  expect(refused).toEqual([]);
});

test("what the check returns means what was given, and checking it again gives the same", () => {
  const everything = majors.flatMap((major) => [...catalogue(major).values()]);
  const given = fc.constantFrom(...everything).chain((one) => textFor(one).map((text) => [one, text] as const));
  fc.assert(
    fc.property(given, ([one, text]) => {
      const first = checkValue(one, text);
      if (!first.ok) return;
      expect(checkValue(one, first.text)).toEqual(first);
      expect(sameValue(one, text, first.text)).toBe(true);
    }),
    { numRuns: 3000 },
  );
});
