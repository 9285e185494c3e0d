import { closest, distance } from "fastest-levenshtein";

/**
 * One thing wrong (or worth a warning) in a description. All problems of an input are collected and reported
 * together; a message never contains a secret's value.
 */
export interface Problem {
  /** Where in the stack file, as an administrator would write it: `servers.server2.settings.max_connections`. */
  readonly path: string;
  /** What was received, what is allowed, and the remedy, in one sentence or two. */
  readonly message: string;
  /** An `error` fails the preview; a `warning` is printed and the preview goes on. */
  readonly severity: "error" | "warning";
  /** Other places of the stack file that it rests on: "there is no server db1" on `servers.db1`. @default its own alone */
  readonly rests?: readonly string[];
}

export function error(path: string, message: string, ...rests: readonly string[]): Problem {
  return { path, message, severity: "error", ...(rests.length === 0 ? {} : { rests }) };
}

export function warning(path: string, message: string): Problem {
  return { path, message, severity: "warning" };
}

/** The known name nearest to a misspelt one, or undefined where none is near enough to be what was meant. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  if (known.length === 0) return undefined;
  const best = closest(name.toLowerCase(), known);
  return distance(name.toLowerCase(), best.toLowerCase()) <= Math.max(2, Math.floor(name.length / 3))
    ? best
    : undefined;
}
