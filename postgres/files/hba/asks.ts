import { isIP } from "node:net";
import ipaddr from "ipaddr.js";
import type { HbaRule } from "./rule.js";

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

/** Who comes over TCP, as far as that is known. */
export interface Comer {
  readonly user: string;
  /** Whether it wants to replicate; else any database. */
  readonly replicates: boolean;
  /** The address of the server that it comes to: to a loopback address nobody comes from elsewhere. */
  readonly to: string;
  /** The address that it comes from. @default not known */
  readonly from?: string;
  /** Whether it comes by TLS. @default not known */
  readonly encrypted?: boolean;
}

/**
 * How a server with these rules may ask: by every rule that could be the first one that matches. An address that somebody
 * comes from (unless it is given), the members of a group, files and regular expressions are not known, so rules of theirs could match.
 */
export function asksOf(rules: readonly HbaRule[], comer: Comer): readonly Asks[] {
  const found = new Set<Asks>();
  for (const rule of rules) {
    const columns = [ofType(rule, comer), fromThere(rule, comer), forDatabase(rule, comer), forUser(rule, comer)];
    if (columns.includes("no")) continue;
    for (const one of asksOfMethod(rule.method)) found.add(one);
    if (columns.every((column) => column === "yes")) break;
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

type Matches = "yes" | "no" | "perhaps";

function ofType({ type }: HbaRule, { encrypted }: Comer): Matches {
  if (type === "host") return "yes";
  if (type === "hostgssenc") return "perhaps";
  if (type !== "hostssl" && type !== "hostnossl") return type === "hostnogssenc" ? "perhaps" : "no";
  if (encrypted === undefined) return "perhaps";
  return (type === "hostssl") === encrypted ? "yes" : "no";
}

function fromThere({ address = "all", mask }: HbaRule, { to, from }: Comer): Matches {
  const local = isIP(to) !== 0 && isLoopback(to);
  const [network = "", length] = address.split("/");
  if (isIP(network) === 0) return address === "all" ? "yes" : "perhaps";
  const bits = mask === undefined ? Number(length) : ipaddr.parse(mask).prefixLengthFromSubnetMask();
  if (bits === 0) return isIP(to) === isIP(network) ? "yes" : isIP(to) === 0 ? "perhaps" : "no";
  if (from !== undefined) {
    return bits !== null && isIP(network) === isIP(from) && covers(network, bits, from) ? "yes" : "no";
  }
  if (local !== isLoopback(network)) return "no";
  // On Linux whoever comes to 127.0.0.9 comes from 127.0.0.1.
  const source = isIP(to) === 4 ? "127.0.0.1" : "::1";
  return local && bits !== null && isIP(network) === isIP(source) && covers(network, bits, source) ? "yes" : "perhaps";
}

function isLoopback(address: string): boolean {
  return ipaddr.process(address).range() === "loopback";
}

function covers(network: string, bits: number, address: string): boolean {
  return ipaddr.parse(address).match(ipaddr.parse(network), bits);
}

function forDatabase({ databases }: HbaRule, { replicates }: Comer): Matches {
  const isReplication = ({ text, literal }: HbaRule["databases"][number]) => !literal && text === "replication";
  if (replicates) return databases.some(isReplication) ? "yes" : "no";
  if (databases.some(({ text, literal }) => !literal && text === "all")) return "yes";
  return databases.every(isReplication) ? "no" : "perhaps";
}

function forUser({ users }: HbaRule, { user }: Comer): Matches {
  if (users.some(({ text, literal }) => text === user || (!literal && text === "all"))) return "yes";
  return users.some(({ text, literal }) => !literal && /^[+@/]/.test(text)) ? "perhaps" : "no";
}
