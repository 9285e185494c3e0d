import type * as z from "zod";
import { error, nearest, type Problem } from "../postgres/problem.js";
import { majorOf } from "../postgres/versions.js";
import { configurationDirectoryIn, dataDirectoryIn } from "./layouts.js";
import { type ServerDescription, type StackDescription, stackSchema } from "./schema.js";

/** The stack's configuration as Pulumi hands it over: `pgsite:KEY` to text, where objects and lists are JSON. */
export type RawConfiguration = Readonly<Record<string, string>>;

const namespace = "pgsite:";
const passwordPrefix = "password-";
const privateKeyPrefix = "key-";

/** The configuration key that holds a role's password, without the namespace. */
export function passwordKey(role: string): string {
  return `${passwordPrefix}${role}`;
}

/** A role's password; empty where it has none. */
export function passwordOf(raw: RawConfiguration, role: string): string {
  return raw[namespace + passwordKey(role)] ?? "";
}

/** The roles that have a password in the stack's configuration. */
export function rolesWithPassword(raw: RawConfiguration): string[] {
  return Object.keys(raw)
    .filter((key) => key.startsWith(namespace + passwordPrefix))
    .map((key) => key.slice((namespace + passwordPrefix).length))
    .sort();
}

/** The configuration key that holds a server's private key, without the namespace. */
export function privateKeyKey(server: string): string {
  return `${privateKeyPrefix}${server}`;
}

/** The servers that have a private key in the stack's configuration. */
export function serversWithKey(raw: RawConfiguration): string[] {
  return Object.keys(raw)
    .filter((key) => key.startsWith(namespace + privateKeyPrefix))
    .map((key) => key.slice((namespace + privateKeyPrefix).length))
    .sort();
}

/**
 * Reads a stack's configuration. Every problem of form is reported; where some keys are wrong, the description
 * holds the others, so that the next stage can report its problems in the same run.
 */
export function parseStack(raw: RawConfiguration): { description?: StackDescription; problems: Problem[] } {
  const values: Record<string, unknown> = {};
  for (const [key, text] of Object.entries(raw)) {
    if (!key.startsWith(namespace)) continue;
    const name = key.slice(namespace.length);
    const isSecret = name.startsWith(passwordPrefix) || name.startsWith(privateKeyPrefix);
    if (!isSecret) values[name] = decode(text);
  }
  const problems: Problem[] = [];
  const takenOut = new Set<string>();
  for (;;) {
    const result = stackSchema.safeParse(values);
    if (result.success) {
      const placed = placeServers(result.data);
      // What was wrong with it was told already.
      const missing = placed.problems.filter(({ path }) => !takenOut.has(path));
      return { description: placed.description, problems: [...problems, ...missing] };
    }
    const { issues } = result.error;
    // What was taken out in an earlier round is missing now, and was reported then.
    const found = issues.flatMap((issue) => problemsOf(issue, values));
    problems.push(...found.filter(({ path }) => !takenOut.has(path)));
    if (!issues.every((issue) => takeOut(values, issue, takenOut))) return { problems };
  }
}

/** Puts each server where its layout does, unless it says where. One that nobody places is left out, and told of. */
function placeServers(described: z.output<typeof stackSchema>): {
  readonly description: StackDescription;
  readonly problems: readonly Problem[];
} {
  const version = majorOf(described.postgresql);
  const problems: Problem[] = [];
  const servers: Record<string, ServerDescription> = {};
  for (const [name, server] of Object.entries(described.servers)) {
    const layout = server.layout ?? described.layout;
    const dataDirectory =
      server.dataDirectory ?? (version === undefined ? undefined : dataDirectoryIn(layout, version));
    if (dataDirectory === undefined || version === undefined) {
      const path = `servers.${name}.dataDirectory`;
      problems.push(error(path, "is missing; say where it has its data, or a layout that does (layout: debian)"));
      continue;
    }
    const configurationDirectory =
      server.configurationDirectory ?? configurationDirectoryIn(layout, dataDirectory, version);
    const apart = configurationDirectory !== undefined && configurationDirectory !== dataDirectory;
    const { configurationDirectory: _said, ...rest } = server;
    servers[name] = { ...rest, dataDirectory, ...(apart ? { configurationDirectory } : {}) };
  }
  return { description: { ...described, ...headOf(described), servers }, problems };
}

/** A standalone server takes writes, as a primary does: all that asks who does finds it there. */
function headOf({ primary, standalone }: z.output<typeof stackSchema>): { readonly primary?: string } {
  return primary === undefined && standalone !== undefined ? { primary: standalone } : {};
}

function decode(text: string): unknown {
  if (!/^\s*[[{]/.test(text)) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function problemsOf(issue: z.core.$ZodIssue, values: unknown): Problem[] {
  const path = pathText(issue.path);
  if (issue.code === "unrecognized_keys") return [error(path === "" ? "(stack file)" : path, issue.message)];
  if (issue.code === "invalid_key") {
    return issue.issues.map((inner) => error(path, inner.message));
  }
  const received = valueAt(values, issue.path);
  if (received === undefined)
    return [error(path, `is missing; ${plain(issue.message).replace(/, received undefined$/, "")}`)];
  if (issue.code === "invalid_union") {
    const deepest = issue.errors.flat().sort((a, b) => b.path.length - a.path.length)[0];
    if (deepest !== undefined) {
      return problemsOf({ ...deepest, path: [...issue.path, ...deepest.path] } as z.core.$ZodIssue, values);
    }
  }
  const message = plain(issue.message);
  const quoted = typeof received === "object" ? "" : `received ${JSON.stringify(received)}; `;
  const options = issue.code === "invalid_value" ? issue.values.map(String) : [];
  const near = typeof received === "string" ? nearest(received, options) : undefined;
  return [error(path, `${quoted}${message}${near === undefined ? "" : ` (did you mean ${near}?)`}`)];
}

function plain(message: string): string {
  return message.replace(/^Invalid (input|option): /, "");
}

/**
 * Takes what is wrong out of the values, as little as possible, so that the rest can be checked: the value at fault,
 * or what it was a required part of. False where that is the whole stack file.
 */
function takeOut(values: Record<string, unknown>, issue: z.core.$ZodIssue, takenOut: Set<string>): boolean {
  if (issue.code === "unrecognized_keys") {
    const holder = valueAt(values, issue.path) as Record<string, unknown>;
    for (const key of issue.keys) delete holder[key];
    return true;
  }
  for (let path = issue.path; path.length > 0; path = path.slice(0, -1)) {
    const parent = valueAt(values, path.slice(0, -1)) as Record<PropertyKey, unknown> | undefined;
    const last = path.at(-1) as PropertyKey;
    takenOut.add(pathText(path));
    if (parent === undefined || parent === null || !(last in parent)) continue;
    if (Array.isArray(parent)) parent.splice(Number(last), 1);
    else delete parent[last];
    return true;
  }
  return false;
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
