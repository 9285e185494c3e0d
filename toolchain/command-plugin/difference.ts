import { isEnvelope, isObject, same, type Value, type Values } from "./values.js";

export type Change = "add" | "delete" | "update";

/** Every property that differs, by its path as Pulumi writes it: `create`, `environment.PGPORT`, `triggers[0]`. */
export function difference(before: Values, after: Values): ReadonlyMap<string, Change> {
  const changes = new Map<string, Change>();
  compareObjects(before, after, "", changes);
  return changes;
}

function compareObjects(before: Values, after: Values, path: string, changes: Map<string, Change>): void {
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    compare(before[key], after[key], join(path, key), changes);
  }
}

function compare(
  before: Value | undefined,
  after: Value | undefined,
  path: string,
  changes: Map<string, Change>,
): void {
  if (same(before, after)) return;
  if (absent(before) || absent(after)) {
    if (!absent(after)) changes.set(path, "add");
    else if (!absent(before)) changes.set(path, "delete");
  } else if (Array.isArray(before) && Array.isArray(after)) {
    for (let index = 0; index < Math.max(before.length, after.length); index++) {
      compare(before[index], after[index], `${path}[${index}]`, changes);
    }
  } else if (isObject(before) && isObject(after) && !isEnvelope(before) && !isEnvelope(after)) {
    compareObjects(before, after, path, changes);
  } else {
    changes.set(path, "update");
  }
}

/** A property that is null is one that is not set. */
function absent(value: Value | undefined): boolean {
  return value === undefined || value === null;
}

function join(path: string, key: string): string {
  if (!/^[A-Za-z_$][\w$]*$/.test(key)) return `${path}[${JSON.stringify(key)}]`;
  return path === "" ? key : `${path}.${key}`;
}
