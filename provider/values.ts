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

/** True where two properties are the same once what is undefined or null is left out. */
export function same(left: unknown, right: unknown): boolean {
  if (Array.isArray(left) && Array.isArray(right)) {
    return left.length === right.length && left.every((item, index) => same(item, right[index]));
  }
  if (isObject(left) && isObject(right)) {
    return [...new Set([...Object.keys(left), ...Object.keys(right)])].every((name) => same(left[name], right[name]));
  }
  return (left ?? undefined) === (right ?? undefined);
}

function isObject(value: unknown): value is Properties {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function mapObject(value: Properties, map: (item: unknown, name: string) => unknown): Properties {
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, item]) => item !== undefined && item !== null)
      .map(([name, item]) => [name, map(item, name)]),
  );
}
