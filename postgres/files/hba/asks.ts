import { type Comer, candidates } from "./matches.js";
import type { HbaRule } from "./rule.js";

export type { Comer } from "./matches.js";

/** How a server may ask whoever logs in for a proof, by libpq's names (require_auth); `none`: it asks for nothing. */
export type Asks = (typeof known)[number];

/** The safest first. */
const known = ["scram-sha-256", "oauth", "gss", "sspi", "md5", "password", "none"] as const;

const asksBy: Readonly<Record<string, readonly Asks[]>> = {
  "scram-sha-256": ["scram-sha-256"],
  // Whoever has a SCRAM verifier is asked by SCRAM under this rule too, from 10 on.
  md5: ["scram-sha-256", "md5"],
  ...{ password: ["password"], ldap: ["password"], pam: ["password"], radius: ["password"], bsd: ["password"] },
  ...{ trust: ["none"], ident: ["none"], peer: ["none"], cert: ["none"] },
  ...{ gss: ["gss"], sspi: ["sspi"], oauth: ["oauth"] },
};

/**
 * How a server with these rules may ask: by every rule that could be the first one that matches. An address that somebody
 * comes from (unless it is given), the members of a group, files and regular expressions are not known, so rules of theirs could match.
 */
export function asksOf(rules: readonly HbaRule[], comer: Comer): readonly Asks[] {
  const found = new Set<Asks>();
  for (const { rule } of candidates(rules, comer)) {
    for (const one of asksOfMethod(rule.method)) found.add(one);
  }
  return sortedAsks([...found]);
}

/** How a rule with this method asks. */
export function asksOfMethod(method: string): readonly Asks[] {
  return asksBy[method] ?? [];
}

export function sortedAsks(asks: readonly Asks[]): readonly Asks[] {
  return known.filter((one) => asks.includes(one));
}
