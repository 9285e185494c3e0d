import { error, nearest, type Problem } from "../postgres/problem.js";
import type { StackDescription } from "./schema.js";

/** A host that is named somewhere, and that hosts: has no address for. */
export function unknownHost(hosts: StackDescription["hosts"], path: string, host: string): Problem[] {
  if (host in hosts) return [];
  const known = Object.keys(hosts).join(", ");
  return [error(path, `the host "${host}" has no address: add it to hosts (known: ${known})`, `hosts.${host}`)];
}

/** What a stack file has by name. */
const holders = { server: "servers", role: "roles", database: "databases" } as const;

/** A name at a path that nothing of the stack has. @param known names that may stand there */
export function unknownName(
  kind: keyof typeof holders,
  path: string,
  name: string,
  known: readonly string[],
): Problem[] {
  if (known.includes(name)) return [];
  const meant = nearest(name, known);
  const remedy =
    kind === "server"
      ? `; allowed: ${known.join(", ")}`
      : `${meant === undefined ? "" : ` (did you mean ${meant}?)`}: describe it in ${holders[kind]}:`;
  return [error(path, `there is no ${kind} "${name}" in this stack${remedy}`, `${holders[kind]}.${name}`)];
}
