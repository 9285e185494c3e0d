import { atLeast, type Major } from "../versions.js";

/** A number with or without unit, read in a setting's base unit, or why it is none. */
export type Quantity = { readonly ok: true; readonly value: number } | { readonly ok: false; readonly why: Why };

/** Why a text is no quantity: not a number at all, a unit that the setting does not take, or a fraction before 12. */
export type Why = "number" | "unit" | "fraction" | "range";

interface Unit {
  readonly name: string;
  readonly kind: "memory" | "time";
  /** In bytes, or in microseconds. */
  readonly size: number;
  readonly from: Major;
}

/** Units in the order in which guc.c lists them: the largest first. Their names are case-sensitive. */
const units: readonly Unit[] = [
  { name: "TB", kind: "memory", size: 2 ** 40, from: "9.4" },
  { name: "GB", kind: "memory", size: 2 ** 30, from: "9.0" },
  { name: "MB", kind: "memory", size: 2 ** 20, from: "9.0" },
  { name: "kB", kind: "memory", size: 2 ** 10, from: "9.0" },
  { name: "B", kind: "memory", size: 1, from: "11" },
  { name: "d", kind: "time", size: 86_400_000_000, from: "9.0" },
  { name: "h", kind: "time", size: 3_600_000_000, from: "9.0" },
  { name: "min", kind: "time", size: 60_000_000, from: "9.0" },
  { name: "s", kind: "time", size: 1_000_000, from: "9.0" },
  { name: "ms", kind: "time", size: 1000, from: "9.0" },
  { name: "us", kind: "time", size: 1, from: "12" },
];

/** Base units as pg_settings names them. */
const bases: Readonly<Record<string, { readonly kind: "memory" | "time"; readonly size: number }>> = {
  B: { kind: "memory", size: 1 },
  kB: { kind: "memory", size: 2 ** 10 },
  "8kB": { kind: "memory", size: 2 ** 13 },
  MB: { kind: "memory", size: 2 ** 20 },
  "16MB": { kind: "memory", size: 2 ** 24 },
  ms: { kind: "time", size: 1000 },
  s: { kind: "time", size: 1_000_000 },
  min: { kind: "time", size: 60_000_000 },
};

function unitsFor(major: Major, base: string | undefined): readonly Unit[] {
  const of = base === undefined ? undefined : bases[base];
  return of === undefined ? [] : units.filter((unit) => unit.kind === of.kind && atLeast(major, unit.from));
}

/** Names of the units that a setting with this base unit takes at a version, the smallest first: `["B", "kB", "MB", "GB", "TB"]`. */
export function unitNames(major: Major, base: string | undefined): readonly string[] {
  return unitsFor(major, base)
    .map((unit) => unit.name)
    .reverse();
}

/** C's rint(): to the nearest whole number, halves to the even one. */
function rint(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}

const space = "[ \\t\\n\\v\\f\\r]*";
const integerStart = new RegExp(`^(${space}([+-]?)(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*))(.*)$`, "s");
const realStart = new RegExp(`^(${space}([+-]?)((?:[0-9]+\\.?[0-9]*|\\.[0-9]+)(?:[eE][+-]?[0-9]+)?))(.*)$`, "s");
const hexRealStart = new RegExp(`^(${space}[+-]?0[xX])`);

interface Start {
  readonly value: number;
  readonly rest: string;
}

/** strtol(value, &end, 0): decimal, 0x hexadecimal, leading 0 octal. */
function readInteger(text: string): Start | undefined {
  const match = integerStart.exec(text);
  if (match === null) return undefined;
  const digits = match[3] ?? "";
  const value = /^0[0-7]/.test(digits) ? Number(`0o${digits.slice(1)}`) : Number(digits);
  return { value: match[2] === "-" ? -value : value, rest: match[4] ?? "" };
}

/** strtod(value, &end) without hexadecimal fractions, nan and infinity, which nobody means. */
function readReal(text: string): Start | undefined {
  if (hexRealStart.test(text)) return readInteger(text);
  const match = realStart.exec(text);
  if (match === null) return undefined;
  const size = Number(match[3]);
  const lost = size < 2.2250738585072014e-308 && /[1-9]/.test((match[3] ?? "").replace(/[eE].*/, ""));
  if (!Number.isFinite(size) || lost) return undefined;
  return { value: match[2] === "-" ? -size : size, rest: match[4] ?? "" };
}

/**
 * The unit after a number, applied as the version does it (convert_to_base_unit in guc.c): before 12 a unit smaller than the
 * base unit divides and the rest is cut off; from 12 on fractions are rounded to the next smaller unit.
 */
function convert(major: Major, base: string | undefined, value: number, rest: string): Quantity {
  const name = rest.replace(new RegExp(`^${space}`), "").replace(new RegExp(`${space}$`), "");
  if (name === "") return { ok: true, value };
  const known = unitsFor(major, base);
  if (known.length === 0 || base === undefined) return { ok: false, why: "number" };
  const unit = known.find((one) => one.name === name);
  const size = bases[base]?.size;
  if (unit === undefined || size === undefined) return { ok: false, why: "unit" };
  if (!atLeast(major, "12")) {
    const exact = unit.size >= size ? value * (unit.size / size) : Math.trunc(value / (size / unit.size));
    return { ok: true, value: exact };
  }
  const smaller = known[known.indexOf(unit) + 1];
  const converted = value * (unit.size / size);
  if (smaller === undefined) return { ok: true, value: converted };
  const step = smaller.size / size;
  return { ok: true, value: rint(converted / step) * step };
}

const int32 = 2 ** 31;

function asInt32(value: number): Quantity {
  return value >= -int32 && value < int32 ? { ok: true, value: value + 0 } : { ok: false, why: "range" };
}

/**
 * An integer setting's value in its base unit, as parse_int of guc.c reads it: decimal, octal (leading 0) and hexadecimal
 * (0x), with a unit where the setting has one; from 12 on fractions are rounded.
 */
export function parseInteger(major: Major, base: string | undefined, text: string): Quantity {
  let start = readInteger(text);
  const fraction = start === undefined ? /^[+-]?\.[0-9]/.test(text) : /^[.eE]/.test(start.rest);
  if (fraction || (start !== undefined && Math.abs(start.value) >= 2 ** 63)) {
    const real = readReal(text);
    if (!atLeast(major, "12")) {
      return { ok: false, why: fraction && real !== undefined && !/^[eE]/.test(real.rest) ? "fraction" : "number" };
    }
    start = real;
  }
  if (start === undefined) return { ok: false, why: "number" };
  if (!atLeast(major, "12") && !asInt32(start.value).ok) return { ok: false, why: "range" };
  const converted = convert(major, base, start.value, start.rest);
  return converted.ok ? asInt32(rint(converted.value)) : converted;
}

/** A real setting's value in its base unit, as parse_real of guc.c reads it; units are understood from 12 on. */
export function parseReal(major: Major, base: string | undefined, text: string): Quantity {
  const start = readReal(text);
  if (start === undefined) return { ok: false, why: "number" };
  return convert(major, atLeast(major, "12") ? base : undefined, start.value, start.rest);
}

/** A number in a setting's base unit as SHOW prints it: with the largest unit that loses nothing (`65536` kB is `64MB`). */
export function formatQuantity(major: Major, base: string | undefined, value: number): string {
  const size = base === undefined ? undefined : bases[base]?.size;
  if (size === undefined || value <= 0 || !Number.isInteger(value)) return String(value);
  const whole = unitsFor(major, base).find((unit) => Number.isInteger((value * size) / unit.size));
  return whole === undefined ? String(value) : `${(value * size) / whole.size}${whole.name}`;
}
