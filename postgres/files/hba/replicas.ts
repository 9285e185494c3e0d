import { parseHba } from "./parse.js";
import { renderHbaLine } from "./render.js";
import type { HbaRule } from "./rule.js";

/** A way in for standbys: a rule for them, of one that takes connections with and without TLS one for each. */
interface WayIn {
  readonly rule: HbaRule;
  readonly ways: readonly string[];
}

/**
 * How standbys may come by the rules of a pg_hba.conf: a text for each way in. By which method they are asked does not count:
 * the first rule that matches decides that.
 */
export function waysOfReplicas(text: string): readonly string[] {
  return [...new Set(waysIn(text).flatMap(({ ways }) => ways))].sort();
}

/** What a pg_hba.conf declares, and below it the rules of another by which standbys come otherwise: both let theirs in. */
export function lettingBothIn(declared: string, now: string): string {
  const known = new Set(waysOfReplicas(declared));
  const others = waysIn(now).filter(({ ways }) => ways.some((way) => !known.has(way)));
  if (others.length === 0) return declared;
  const comment = "# How standbys came before: kept by pgsite until all of them come as declared above.";
  return [declared, comment, ...others.map(({ rule }) => renderHbaLine(rule)), ""].join("\n");
}

function waysIn(text: string): readonly WayIn[] {
  return parseHba(text).entries.flatMap(({ rule }) => {
    if (rule === undefined || rule.method === "reject" || !isForReplicas(rule)) return [];
    const { type, databases: _databases, users, address, mask } = rule;
    const types = type === "host" ? ["hostssl", "hostnossl"] : [type];
    return [{ rule, ways: types.map((one) => JSON.stringify([one, users, address, mask])) }];
  });
}

function isForReplicas({ type, databases }: HbaRule): boolean {
  return type !== "local" && databases.some(({ text, literal }) => !literal && text === "replication");
}
