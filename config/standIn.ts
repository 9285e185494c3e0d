import type * as z from "zod";
import { majors } from "../postgres/versions.js";

/**
 * What stands for a value of a stack file that is wrong or missing, so that all else can be judged in the same run. Found by the
 * schema: the first of these that it takes.
 */
const candidates: readonly unknown[] = [
  "stand-in",
  "/stand-in",
  "192.0.2.254",
  "stand.in",
  "/stand-in/stand-in",
  "html/stand-in",
  "none",
  "UTC",
  "0600",
  "1GB",
  "20MB",
  "5min",
  "02:00",
  majors.at(-1),
  8080,
  1,
  0,
  true,
];

type Node = z.core.$ZodType;

/** What a schema wraps another with, so that its value may be left out. */
const optional: ReadonlySet<string> = new Set(["optional", "default", "prefault", "nullable"]);

interface Inner {
  readonly type: string;
  readonly innerType?: Node;
  readonly in?: Node;
  readonly shape?: Readonly<Record<string, Node>>;
  readonly valueType?: Node;
  readonly element?: Node;
  readonly options?: readonly Node[];
  readonly entries?: Readonly<Record<string, string>>;
}

function inner(node: Node): Inner {
  return node._zod.def as unknown as Inner;
}

/** Whether a value may be left out. */
export function isOptional(node: Node): boolean {
  const { type, innerType } = inner(node);
  return optional.has(type) || (type === "readonly" && innerType !== undefined && isOptional(innerType));
}

/** The schema of what stands at a path; undefined where nothing may. @param value what stands there: it tells which schema of several */
export function nodeAt(root: Node, path: readonly PropertyKey[], value: unknown): Node | undefined {
  let [node, here]: [Node | undefined, unknown] = [root, value];
  for (const key of path) {
    node = node === undefined ? undefined : childOf(node, key, here);
    here = here === null || typeof here !== "object" ? undefined : (here as Record<PropertyKey, unknown>)[key];
  }
  return node;
}

function childOf(node: Node, key: PropertyKey, value: unknown): Node | undefined {
  const { type, innerType, in: from, shape, valueType, element, options } = inner(node);
  if (type === "object") return shape?.[String(key)];
  if (type === "record") return valueType;
  if (type === "array") return element;
  if (type === "union") {
    const found = options?.flatMap((option) => childOf(option, key, value) ?? []);
    return found?.[0];
  }
  const next = innerType ?? from;
  return next === undefined ? undefined : childOf(next, key, value);
}

/** A value that a schema takes. @throws where none of those that are known here is one: the schema is newer than they */
export function standInFor(node: Node): unknown {
  const { type, innerType, in: from, shape, element, options, entries } = inner(node);
  const whole = (value: unknown): value is unknown => takes(node, value);
  if (type === "object") {
    const required = Object.entries(shape ?? {}).filter(([, one]) => !isOptional(one));
    const made = Object.fromEntries(required.map(([key, one]) => [key, standInFor(one)]));
    if (whole(made)) return made;
  }
  if (type === "record" && whole({})) return {};
  if (type === "array") return whole([]) ? [] : element === undefined ? [] : [standInFor(element)];
  if (type === "union" && options?.[0] !== undefined) return standInFor(options[0]);
  if (type === "enum") return Object.values(entries ?? {})[0];
  const next = innerType ?? from;
  const found = candidates.find(whole);
  if (found !== undefined) return found;
  if (next !== undefined) return standInFor(next);
  throw new Error(`nothing is known that stands for a ${type}`);
}

function takes(node: Node, value: unknown): boolean {
  return (node as z.ZodType).safeParse(value).success;
}
