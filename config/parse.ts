import type * as z from "zod";
import { error, type Problem } from "../postgres/problem.js";
import { type Major, majorOf } from "../postgres/versions.js";
import { type Formed, formed } from "./form.js";
import type { Holes } from "./holes.js";
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
 * Reads a stack's configuration. Every problem of form is reported; something that is right stands for what is wrong, so that
 * the next stage can report its problems in the same run.
 */
export function parseStack(raw: RawConfiguration): Formed<StackDescription> {
  const values: Record<string, unknown> = {};
  for (const [key, text] of Object.entries(raw)) {
    if (!key.startsWith(namespace)) continue;
    const name = key.slice(namespace.length);
    const isSecret = name.startsWith(passwordPrefix) || name.startsWith(privateKeyPrefix);
    if (!isSecret) values[name] = decode(text);
  }
  const { description, problems, ...found } = formed(stackSchema, values);
  const placed = placeServers(description, found.holes);
  return { description: placed.description, problems: [...problems, ...placed.problems], ...found };
}

type Placed = Pick<z.output<typeof stackSchema>["servers"][string], "layout" | "dataDirectory">;

/** Puts each server where its layout does, unless it says where. Of one that nobody places it is told. */
function placeServers(
  described: z.output<typeof stackSchema>,
  holes: Holes,
): { readonly description: StackDescription; readonly problems: readonly Problem[] } {
  const version = majorOf(described.postgresql) as Major;
  const problems: Problem[] = [];
  const place = (name: string, { layout = described.layout, dataDirectory }: Placed) => {
    const found = dataDirectory ?? dataDirectoryIn(layout, version);
    if (found !== undefined) return found;
    const path = `servers.${name}.dataDirectory`;
    if (!holes.has(path))
      problems.push(error(path, "is missing; say where it has its data, or a layout that does (layout: debian)"));
    holes.add(path);
    return `/stand-in/${name}`;
  };
  const servers = Object.entries(described.servers).map(([name, { configurationDirectory: said, ...server }]) => {
    const dataDirectory = place(name, server);
    const layout = server.layout ?? described.layout;
    const found = said ?? configurationDirectoryIn(layout, dataDirectory, version);
    const apart = found !== undefined && found !== dataDirectory;
    const placed: ServerDescription = { ...server, dataDirectory, ...(apart ? { configurationDirectory: found } : {}) };
    return [name, placed] as const;
  });
  return { description: { ...described, ...headOf(described), servers: Object.fromEntries(servers) }, problems };
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
