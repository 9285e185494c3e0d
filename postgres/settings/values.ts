import { atLeast, type Major, majors } from "../versions.js";
import { joinList, listKind, splitList, splitPaths } from "./lists.js";
import { formatQuantity, parseInteger, parseReal, type Quantity, unitNames } from "./quantities.js";
import type { Setting } from "./setting.js";
import { booleanStrings, checkString } from "./strings.js";

/** A setting's value as a stack file gives it: YAML's `true`, `400`, `64MB`, or a list for settings that are lists. */
export type SettingValue = string | number | boolean | readonly string[];

/** A checked value: `text` is what the file gets. Or `message`: what was received and what is allowed. */
export type CheckedValue =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly message: string };

/** A value as the server holds it: a number in the setting's base unit, a boolean, or text. */
export type Meaning = number | boolean | string;

interface HiddenValues {
  readonly setting: string;
  readonly from: Major;
  readonly until: Major;
  /** Accepted name → the one that it stands for. */
  readonly names: Readonly<Record<string, string>>;
}

const debug = { debug: "debug2" };
const levels = { ...debug, info: "info" };

/** Enum values that servers accept and do not list (`hidden` in guc.c), tried on real servers of 9.6 to 18. */
const hidden: readonly HiddenValues[] = [
  { setting: "client_min_messages", from: "9.0", until: "11", names: { ...levels, fatal: "fatal", panic: "panic" } },
  { setting: "client_min_messages", from: "12", until: "18", names: levels },
  { setting: "log_min_messages", from: "9.0", until: "18", names: debug },
  { setting: "log_min_error_statement", from: "9.0", until: "18", names: debug },
  {
    setting: "trace_recovery_messages",
    from: "9.0",
    until: "11",
    names: { ...levels, fatal: "fatal", panic: "panic" },
  },
  { setting: "trace_recovery_messages", from: "12", until: "16", names: levels },
  { setting: "icu_validation_level", from: "16", until: "18", names: levels },
  { setting: "password_encryption", from: "10", until: "13", names: { on: "md5", true: "md5", yes: "md5", 1: "md5" } },
  { setting: "wal_level", from: "9.6", until: "18", names: { archive: "replica", hot_standby: "replica" } },
];

/** Enums with on and off take these too. */
const booleanWords: Readonly<Record<string, string>> = {
  true: "on",
  false: "off",
  yes: "on",
  no: "off",
  1: "on",
  0: "off",
};

function hiddenNames(setting: Setting): Readonly<Record<string, string>> {
  const position = majors.indexOf(setting.major);
  const row = hidden.find(
    (one) =>
      one.setting === setting.name && position >= majors.indexOf(one.from) && position <= majors.indexOf(one.until),
  );
  const isBoolean = setting.values?.includes("on") === true && setting.values.includes("off");
  return { ...(isBoolean ? booleanWords : {}), ...row?.names };
}

/** parse_bool: on, off, true, false, yes, no, 1, 0 and their unique beginnings, whatever the case. */
export function parseBoolean(text: string): boolean | undefined {
  const word = text.toLowerCase();
  if (word === "1" || word === "on" || (word !== "" && ("true".startsWith(word) || "yes".startsWith(word))))
    return true;
  if (word === "0" || (word !== "" && ("false".startsWith(word) || "no".startsWith(word)))) return false;
  return word.length >= 2 && "off".startsWith(word) ? false : undefined;
}

/** The listed name of an enum's value, whatever its case or alias; undefined where the server would refuse it. */
function parseEnum(setting: Setting, text: string): string | undefined {
  const word = text.toLowerCase();
  return setting.values?.find((value) => value.toLowerCase() === word) ?? hiddenNames(setting)[word];
}

function parseNumber(setting: Setting, text: string): Quantity {
  const parse = setting.type === "integer" ? parseInteger : parseReal;
  return parse(setting.major, setting.unit, text);
}

/** `allowed: 64kB to 2147483647kB`. */
function range(setting: Setting): string {
  const bound = (value: number) => formatQuantity(setting.major, setting.unit, value);
  const { min, max } = setting;
  if (min === undefined || max === undefined) return "allowed: any number";
  return max > 1e300 ? `allowed: at least ${bound(min)}` : `allowed: ${bound(min)} to ${bound(max)}`;
}

function numberProblem(setting: Setting, text: string, quantity: Quantity): string | undefined {
  const names = unitNames(
    setting.major,
    setting.type === "real" && !atLeast(setting.major, "12") ? undefined : setting.unit,
  );
  const units = names.length === 0 ? "" : `; allowed units: ${names.join(", ")}`;
  const kind = setting.type === "integer" ? "an integer" : "a number";
  if (!quantity.ok) {
    if (quantity.why === "unit") {
      const unit = text.replace(/^\s*[-+]?(?:0[xX][0-9a-fA-F]+|[0-9.]+(?:[eE][-+]?[0-9]+)?)\s*/, "").trim();
      return `"${text}" has the unknown unit "${unit}"${units}`;
    }
    if (quantity.why === "range") return `"${text}" is out of range; ${range(setting)}`;
    const fraction = quantity.why === "fraction" ? " (integers take fractions from 12 on)" : "";
    return `"${text}" is not ${kind}${fraction}; ${range(setting)}${units}`;
  }
  const { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY } = setting;
  if (quantity.value >= min && quantity.value <= max) {
    const wrong = specialNumber(setting, quantity.value);
    return wrong === undefined ? undefined : `"${text}" is refused by the server: ${wrong}`;
  }
  const octal = setting.max === 0o777 && /^[1-7][0-7]{2}$/.test(text) ? `; in octal it is '0${text}', in quotes` : "";
  return `"${text}" is out of range; ${range(setting)}${octal}`;
}

const slruBuffers = new Set([
  "commit_timestamp_buffers",
  "multixact_member_buffers",
  "multixact_offset_buffers",
  "notify_buffers",
  "serializable_buffers",
  "subtransaction_buffers",
  "transaction_buffers",
]);

/** Check hooks of numbers: what the range does not say, in words. */
function specialNumber(setting: Setting, value: number): string | undefined {
  if (slruBuffers.has(setting.name) && value % 16 !== 0) return "allowed: multiples of 16 (times 8kB)";
  if (setting.name === "io_max_concurrency" && value === 0) return "allowed: -1 or at least 1";
  if (setting.name === "vacuum_buffer_usage_limit" && value > 0 && value < 128) return "allowed: 0 or at least 128kB";
  return undefined;
}

/** A YAML value as the text that a file would hold, or why it cannot be one. */
function asText(setting: Setting | undefined, name: string, value: SettingValue): CheckedValue {
  if (typeof value === "string") return { ok: true, text: value };
  if (typeof value === "number") return { ok: true, text: String(value) };
  if (typeof value !== "boolean") {
    if (listKind(name) === undefined) return { ok: false, message: `it is a list; ${name} takes one value` };
    return { ok: true, text: joinList(value) };
  }
  if (setting?.type !== "string" || booleanStrings.has(setting.name)) return { ok: true, text: value ? "on" : "off" };
  return { ok: false, message: `${value} is not text; where the word is meant, write it in quotes: '${value}'` };
}

/**
 * Checks a value as the server of the setting's version would (guc.c), and gives what the file is to hold: booleans as
 * on/off, enums by their listed name, numbers as they were written (with their unit), lists joined. Checking what was
 * returned gives the same again. `message` says what was received and what is allowed; it has no path.
 */
export function checkValue(setting: Setting, value: SettingValue): CheckedValue {
  const given = asText(setting, setting.name, value);
  if (!given.ok) return given;
  const raw = given.text;
  if (raw.includes("\0")) return { ok: false, message: "it holds a NUL character, which no file of PostgreSQL takes" };
  switch (setting.type) {
    case "bool": {
      const bool = parseBoolean(raw);
      if (bool === undefined) return { ok: false, message: `"${raw}" is neither on nor off; allowed: on, off` };
      return { ok: true, text: bool ? "on" : "off" };
    }
    case "enum": {
      const word =
        parseEnum(setting, raw) ?? (typeof value === "boolean" ? parseEnum(setting, String(value)) : undefined);
      const allowed = setting.values?.map((one) => (one === "" ? "''" : one)).join(", ");
      return word === undefined
        ? { ok: false, message: `"${raw}" is unknown; allowed: ${allowed}` }
        : { ok: true, text: word };
    }
    case "integer":
    case "real": {
      const message = numberProblem(setting, raw, parseNumber(setting, raw));
      return message === undefined ? { ok: true, text: raw.trim() } : { ok: false, message };
    }
    case "string": {
      const message = checkString(setting.major, setting.name, raw);
      if (message === undefined) return { ok: true, text: raw };
      return { ok: false, message: message.startsWith("allowed") ? `"${raw}" is not understood; ${message}` : message };
    }
  }
}

/** The text of a custom setting's value; its extension alone knows what it may be. */
export function customText(name: string, value: SettingValue): CheckedValue {
  const given =
    typeof value === "object" ? { ok: true as const, text: joinList(value) } : asText(undefined, name, value);
  if (given.ok && given.text.includes("\0")) {
    return { ok: false, message: "it holds a NUL character, which no file of PostgreSQL takes" };
  }
  return given;
}

/** What a value means to the server: a number in the base unit, a boolean, an enum's listed name, or text; undefined where it is refused. */
export function meaning(setting: Setting, text: string): Meaning | undefined {
  switch (setting.type) {
    case "bool":
      return parseBoolean(text);
    case "enum":
      return parseEnum(setting, text);
    case "integer":
    case "real": {
      const quantity = parseNumber(setting, text);
      return quantity.ok ? quantity.value : undefined;
    }
    case "string":
      return text;
  }
}

/** A value as SHOW prints it: a number in the base unit gets the largest unit that loses nothing, booleans are on and off. */
export function formatValue(setting: Setting, value: Meaning): string {
  if (typeof value === "boolean") return value ? "on" : "off";
  return typeof value === "number" ? formatQuantity(setting.major, setting.unit, value) : value;
}

/** Whether a server that was given a value shows it so (pg_settings): of a real number it shows six digits. */
export function isShownAs(setting: Setting, given: string, shown: string): boolean {
  if (sameValue(setting, given, shown)) return true;
  if (setting.type !== "real") return false;
  const [one, other] = [meaning(setting, given), meaning(setting, shown)];
  return typeof one === "number" && typeof other === "number" && one.toPrecision(6) === other.toPrecision(6);
}

/**
 * True where two texts mean the same to the server: `64MB` and `65536kB`, `on` and `true`, lists whose white space or quoting
 * differs. A text that the server would refuse equals only itself.
 */
export function sameValue(setting: Setting, a: string, b: string): boolean {
  if (a === b) return true;
  if (setting.type === "string") {
    const kind = listKind(setting.name);
    if (kind === undefined) return false;
    const split = kind === "names" ? splitList : splitPaths;
    const [one, other] = [split(a), split(b)];
    return (
      one !== undefined &&
      other !== undefined &&
      one.length === other.length &&
      one.every((item, i) => item === other[i])
    );
  }
  const [one, other] = [meaning(setting, a), meaning(setting, b)];
  return one !== undefined && one === other;
}
