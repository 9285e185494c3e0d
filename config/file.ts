import { parse } from "yaml";
import { passwordKey, privateKeyKey, type RawConfiguration, rolesWithPassword, serversWithKey } from "./parse.js";

/** What stands in the place of an encrypted value where nobody has the passphrase. */
export const sealed = "[encrypted]";

/** A stack file, read without Pulumi. */
export interface StackText {
  /** As Pulumi hands it to a program; a password or key that is encrypted is `sealed`. */
  readonly raw: RawConfiguration;
  /** Keys, without the namespace, whose whole value is encrypted, and which are none of those: nothing is known of them. */
  readonly unread: readonly string[];
  /** Keys, with the namespace, that are encrypted, or something within them. */
  readonly encrypted: readonly string[];
}

/**
 * Reads a stack file's text as Pulumi does, and opens nothing.
 * @param project Pulumi's name for the keys that have no namespace
 * @throws where it is no YAML, or no stack file
 */
export function readStackText(project: string, text: string): StackText {
  const file: unknown = parse(text, { merge: true }) ?? {};
  if (!isMap(file)) throw new Error("is not a stack file: it has no config:");
  const config = file.config ?? {};
  if (!isMap(config)) throw new Error("is not a stack file: config: is not a list of keys and values");
  const given = Object.entries(config).map(([key, value]) => [namespaced(project, key), value] as const);
  const all = Object.fromEntries(given.map(([key, value]) => [key, textOf(open(value))]));
  const known = [...rolesWithPassword(all).map(passwordKey), ...serversWithKey(all).map(privateKeyKey)];
  const unread = given.flatMap(([key, value]) => {
    const name = key.slice(key.indexOf(":") + 1);
    return isEncrypted(value) && key.startsWith(`${project}:`) && !known.includes(name) ? [name] : [];
  });
  const raw = Object.fromEntries(
    Object.entries(all).filter(([key]) => !unread.includes(key.slice(key.indexOf(":") + 1))),
  );
  const encrypted = given.flatMap(([key, value]) =>
    JSON.stringify(open(value)) === JSON.stringify(value) ? [] : [key],
  );
  return { raw, unread, encrypted };
}

function namespaced(project: string, key: string): string {
  return key.includes(":") ? key : `${project}:${key}`;
}

/** The value with `sealed` for whatever is encrypted in it. */
function open(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(open);
  if (isEncrypted(value)) return sealed;
  return isMap(value) ? Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, open(inner)])) : value;
}

function textOf(value: unknown): string {
  if (value === null) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** Pulumi's own form: a map with nothing but `secure`. */
export function isEncrypted(value: unknown): boolean {
  return isMap(value) && Object.keys(value).join() === "secure";
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
