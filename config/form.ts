import type * as z from "zod";
import { error, nearest, type Problem } from "../postgres/problem.js";
import { Holes } from "./holes.js";
import { isOptional, nodeAt, standInFor } from "./standIn.js";

/** What a stack file says, with something in the place of all that is wrong in form. */
export interface Formed<Description> {
  readonly description: Description;
  readonly problems: readonly Problem[];
  readonly holes: Holes;
  /** Names that cannot be names, by what stands for them in the description. */
  readonly renamed: ReadonlyMap<string, string>;
}

/** More than a file has faults: each round takes away at least one. */
const rounds = 1000;

/** Judges values by a schema. Every problem of form is found, each once, with its path. @param values changed where they are wrong */
export function formed<Schema extends z.ZodType>(
  schema: Schema,
  values: Record<string, unknown>,
): Formed<z.output<Schema>> {
  const problems: Problem[] = [];
  const holes = new Holes();
  const renamed = new Map<string, string>();
  for (let round = 0; round < rounds; round += 1) {
    const result = schema.safeParse(values);
    if (result.success) return { description: result.data, problems, holes, renamed };
    const issues = result.error.issues.flatMap((issue) => innermost(issue, values));
    // Keys first, and then the rest anew: one that is misspelt is what another is missing.
    const keys = issues.filter(({ code }) => code === "unrecognized_keys");
    for (const issue of keys.length > 0 ? keys : issues) {
      // Nor is what stands there since an earlier round anybody's fault.
      if (!holes.has(pathText(issue.path))) problems.push(...problemsOf(issue, values));
      repair(schema, values, issue, holes, renamed);
    }
  }
  throw new Error("the stack file cannot be understood");
}

type Issue = z.core.$ZodIssue;

/** Where a value may be one of several things: what is wrong with the one that it was meant to be, by its kind. */
function innermost(issue: Issue, values: unknown): readonly Issue[] {
  if (issue.code !== "invalid_union" || issue.errors.length === 0) return [issue];
  const ofOtherKind = (one: readonly Issue[]) =>
    one.some(({ path, code }) => path.length === 0 && (code === "invalid_type" || code === "invalid_value"));
  const received = valueAt(values, issue.path);
  const meant = typeof received === "object" ? issue.errors.find((one) => !ofOtherKind(one)) : undefined;
  const within = meant ?? issue.errors.find((one) => !ofOtherKind(one)) ?? issue.errors[0] ?? [];
  return within.flatMap((one) => innermost({ ...one, path: [...issue.path, ...one.path] } as Issue, values));
}

function problemsOf(issue: Issue, values: unknown): Problem[] {
  const path = pathText(issue.path);
  if (issue.code === "unrecognized_keys") return [error(path === "" ? "(stack file)" : path, issue.message)];
  if (issue.code === "invalid_key") return issue.issues.map((inner) => error(path, inner.message));
  const received = valueAt(values, issue.path);
  if (received === undefined)
    return [error(path, `is missing; ${plain(issue.message).replace(/, received undefined$/, "")}`)];
  const message = plain(issue.message);
  const quoted = typeof received === "object" ? "" : `received ${JSON.stringify(received)}; `;
  const options = issue.code === "invalid_value" ? issue.values.map(String) : [];
  const near = typeof received === "string" ? nearest(received, options) : undefined;
  return [error(path, `${quoted}${message}${near === undefined ? "" : ` (did you mean ${near}?)`}`)];
}

function plain(message: string): string {
  return message.replace(/^Invalid (input|option): /, "");
}

/** Puts something in the place of what is wrong, or takes it away where that may be; the rest is judged in the next round. */
function repair(
  schema: z.ZodType,
  values: Record<string, unknown>,
  issue: Issue,
  holes: Holes,
  renamed: Map<string, string>,
): void {
  if (issue.code === "unrecognized_keys") {
    takeAway(schema, values, issue.path, issue.keys, holes);
    return;
  }
  const last = issue.path.at(-1);
  if (last === undefined) return;
  const holder = valueAt(values, issue.path.slice(0, -1)) as Record<PropertyKey, unknown>;
  if (issue.code === "invalid_key") {
    const name = `stand-in-${renamed.size + 1}`;
    renamed.set(name, String(last));
    holder[name] = holder[last];
    delete holder[last];
    holes.add(pathText([...issue.path.slice(0, -1), name]));
    return;
  }
  replace(schema, values, issue.path, holes);
}

/** What must be there gets a stand-in, and what need not goes; where it is not there, what is around it is at fault. */
function replace(schema: z.ZodType, values: Record<string, unknown>, path: readonly PropertyKey[], holes: Holes): void {
  const last = path.at(-1);
  if (last === undefined) return;
  holes.add(pathText(path));
  const holder = valueAt(values, path.slice(0, -1)) as Record<PropertyKey, unknown> | undefined;
  if (holder === undefined || holder === null || typeof holder !== "object") {
    replace(schema, values, path.slice(0, -1), holes);
    return;
  }
  const node = nodeAt(schema, path, values);
  if (node !== undefined && (!isOptional(node) || Array.isArray(holder))) holder[last] = standInFor(node);
  else if (last in holder) delete holder[last];
  else replace(schema, values, path.slice(0, -1), holes);
}

/** Keys that are none. One that is nearly another's name is read as that, as far as it can be. */
function takeAway(
  schema: z.ZodType,
  values: Record<string, unknown>,
  path: readonly PropertyKey[],
  keys: readonly string[],
  holes: Holes,
): void {
  const holder = valueAt(values, path) as Record<string, unknown>;
  const known = knownIn(nodeAt(schema, path, values));
  for (const key of keys) {
    const { [key]: value } = holder;
    delete holder[key];
    const meant = nearest(key, known);
    if (meant === undefined || meant in holder) continue;
    if (isOfForm(nodeAt(schema, [...path, meant], values), value)) holder[meant] = value;
    else holes.add(pathText([...path, meant]));
  }
}

/** Whether a value is what a schema takes, but for what is in it. */
function isOfForm(node: z.core.$ZodType | undefined, value: unknown): boolean {
  const { error: found } = (node as z.ZodType | undefined)?.safeParse(value) ?? {};
  return node !== undefined && (found?.issues ?? []).every((issue) => issue.path.length > 0);
}

function knownIn(node: z.core.$ZodType | undefined): readonly string[] {
  const {
    shape,
    innerType,
    in: from,
    options,
  } = (node?._zod.def ?? {}) as {
    readonly shape?: Readonly<Record<string, unknown>>;
    readonly innerType?: z.core.$ZodType;
    readonly in?: z.core.$ZodType;
    readonly options?: readonly z.core.$ZodType[];
  };
  if (shape !== undefined) return Object.keys(shape);
  if (options !== undefined) return options.flatMap(knownIn);
  const next = innerType ?? from;
  return next === undefined ? [] : knownIn(next);
}

function valueAt(values: unknown, path: readonly PropertyKey[]): unknown {
  let value = values;
  for (const key of path) {
    if (value === null || typeof value !== "object") return undefined;
    value = (value as Record<PropertyKey, unknown>)[key];
  }
  return value;
}

/** A path as an administrator would write it: `access[2].method`. */
export function pathText(path: readonly PropertyKey[]): string {
  return path
    .map((key, index) => (typeof key === "number" ? `[${key}]` : `${index === 0 ? "" : "."}${String(key)}`))
    .join("");
}
