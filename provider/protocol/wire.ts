import { decoded, encoded } from "../../postgres/printable.js";

/**
 * Values as the engine sends them, and as resources see them. On the wire a secret is an envelope and a value that is
 * not known yet is a marker; here they are taken off once, and secrets are put back where they were.
 */

/** Where a value is inside a resource's properties: names of properties and indices of lists. */
export type Path = readonly (string | number)[];

export type Properties = Record<string, unknown>;

export interface Unwrapped {
  readonly properties: Properties;
  /** Where the secrets were. */
  readonly secrets: readonly Path[];
  /** True where some value is not known yet, which happens in previews only. */
  readonly unknown: boolean;
}

const signatureKey = "4dabf18193072939515e22adb298388d";
const secretSignature = "1b47061264138c4ac30d75fd1eb44270";
const unknownValue = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

/** Takes the envelopes off. Nothing else of the wire's form is left in `properties`, save that unknown values stay markers. */
export function unwrap(wire: Properties): Unwrapped {
  const secrets: Path[] = [];
  let unknown = false;
  const visit = (value: unknown, path: Path): unknown => {
    if (value === unknownValue) unknown = true;
    if (Array.isArray(value)) return value.map((item, index) => visit(item, [...path, index]));
    if (!isObject(value)) return value;
    if (value[signatureKey] === secretSignature) {
      secrets.push(path);
      return visit(value.value, path);
    }
    return mapObject(value, (item, name) => visit(item, [...path, name]));
  };
  return { properties: visit(wire, []) as Properties, secrets, unknown };
}

/** Puts envelopes on at the given places (where there is a value) and drops what is undefined or null. */
export function wrap(properties: Properties, secrets: readonly Path[]): Properties {
  const isSecret = new Set(secrets.map((path) => JSON.stringify(path)));
  const visit = (value: unknown, path: Path): unknown => {
    const inner = Array.isArray(value)
      ? value.map((item, index) => visit(item, [...path, index]))
      : isObject(value)
        ? mapObject(value, (item, name) => visit(item, [...path, name]))
        : value;
    return isSecret.has(JSON.stringify(path)) ? { [signatureKey]: secretSignature, value: inner } : inner;
  };
  return visit(properties, []) as Properties;
}

/** Puts each of the named properties in the form in which it travels: JSON text, of sorted names. */
export function pack(properties: Properties, names: readonly string[]): Properties {
  return mapObject(properties, (value, name) => (names.includes(name) ? JSON.stringify(sorted(value)) : value));
}

/** The reverse of `pack`. What is not known yet stays what it is. */
export function unpack(properties: Properties, names: readonly string[]): Properties {
  const isPacked = (name: string, value: unknown): value is string =>
    names.includes(name) && typeof value === "string" && value !== unknownValue;
  return mapObject(properties, (value, name) => (isPacked(name, value) ? JSON.parse(value) : value));
}

/** One difference, at the deepest place that has one. */
export interface Difference {
  readonly path: Path;
  readonly kind: "add" | "delete" | "update";
}

/** What differs between two properties; undefined and null are nothing. */
export function differences(left: unknown, right: unknown, path: Path = []): readonly Difference[] {
  if (Array.isArray(left) && Array.isArray(right)) {
    const length = Math.max(left.length, right.length);
    return Array.from({ length }).flatMap((_, index) => differences(left[index], right[index], [...path, index]));
  }
  if (isObject(left) && isObject(right)) {
    const names = [...new Set([...Object.keys(left), ...Object.keys(right)])].sort();
    return names.flatMap((name) => differences(left[name], right[name], [...path, name]));
  }
  if ((left ?? undefined) === (right ?? undefined)) return [];
  const kind = (left ?? undefined) === undefined ? "add" : (right ?? undefined) === undefined ? "delete" : "update";
  return [{ path, kind }];
}

export function same(left: unknown, right: unknown): boolean {
  return differences(left, right).length === 0;
}

/** A place as the engine writes it: `files["postgresql.conf"]`, `plan[0]`. */
export function formatPath(path: Path): string {
  const parts = path.map((part, index) => {
    if (typeof part === "number") return `[${part}]`;
    // A backslash is only that to the engine, save before a quote.
    if (!/^[A-Za-z_$][\w$]*$/.test(part)) return `["${encoded(part, "one line").replaceAll('"', '\\"')}"]`;
    return index === 0 ? part : `.${part}`;
  });
  return parts.join("");
}

/** The properties with every text in them, at whatever depth, made another. */
export function mapTexts(properties: Properties, map: (text: string, path: Path) => string): Properties {
  const visit = (value: unknown, path: Path): unknown => {
    if (typeof value === "string") return map(value, path);
    if (Array.isArray(value)) return value.map((item, index) => visit(item, [...path, index]));
    return isObject(value) ? mapObject(value, (item, name) => visit(item, [...path, name])) : value;
  };
  return visit(properties, []) as Properties;
}

/**
 * Puts texts in the form in which the state has them: Pulumi shows them as they are, so whatever a terminal would obey is
 * escaped. A name or an item of a list stays on one line.
 */
export function encodeTexts(wire: Properties): Properties {
  const visit = (value: unknown, lines: "lines" | "one line"): unknown => {
    if (typeof value === "string") return encoded(value, lines);
    if (Array.isArray(value)) return value.map((item) => visit(item, "one line"));
    if (!isObject(value)) return value;
    return Object.fromEntries(
      Object.entries(value).map(([name, item]) => [encoded(name, "one line"), visit(item, "lines")]),
    );
  };
  return visit(wire, "lines") as Properties;
}

/** The reverse of `encodeTexts`. */
export function decodeTexts(wire: Properties): Properties {
  const visit = (value: unknown): unknown => {
    if (typeof value === "string") return decoded(value);
    if (Array.isArray(value)) return value.map(visit);
    if (!isObject(value)) return value;
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [decoded(name), visit(item)]));
  };
  return visit(wire) as Properties;
}

function isObject(value: unknown): value is Properties {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isObject(value)) return value;
  return mapObject(Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))), sorted);
}

function mapObject(value: Properties, map: (item: unknown, name: string) => unknown): Properties {
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, item]) => item !== undefined && item !== null)
      .map(([name, item]) => [name, map(item, name)]),
  );
}
