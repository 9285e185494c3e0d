import { error, type Problem } from "../postgres/problem.js";
import type { StackDescription } from "./schema.js";

/** A host that is named somewhere, and that hosts: has no address for. */
export function unknownHost(hosts: StackDescription["hosts"], path: string, host: string): Problem[] {
  if (host in hosts) return [];
  const known = Object.keys(hosts).join(", ");
  return [error(path, `the host "${host}" has no address: add it to hosts (known: ${known})`)];
}
