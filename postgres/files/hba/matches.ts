import { isIP } from "node:net";
import ipaddr from "ipaddr.js";
import { type HbaName, type HbaRule, hasSigil } from "./rule.js";

/** Who comes, as far as that is known. */
export interface Comer {
  readonly user: string;
  /** Whether it wants to replicate; else a database. */
  readonly replicates: boolean;
  /** The database that it wants. @default any */
  readonly database?: string;
  /** The address of the server that it comes to: to a loopback address nobody comes from elsewhere. */
  readonly to: string;
  /** The address that it comes from, as the server sees it. @default not known */
  readonly from?: string;
  /** Whether it comes by TLS. @default not known */
  readonly encrypted?: boolean;
  /** By a Unix socket, not over TCP. @default false */
  readonly socket?: boolean;
}

/** Rules that could be the first one that matches, in order, up to the first that certainly does. */
export function* candidates(
  rules: readonly HbaRule[],
  comer: Comer,
): Generator<{ readonly rule: HbaRule; readonly certain: boolean }> {
  for (const rule of rules) {
    const columns = [ofType(rule, comer), fromThere(rule, comer), forDatabase(rule, comer), forUser(rule, comer)];
    if (columns.includes("no")) continue;
    const certain = columns.every((column) => column === "yes");
    yield { rule, certain };
    if (certain) return;
  }
}

type Matches = "yes" | "no" | "perhaps";

function ofType({ type }: HbaRule, { encrypted, socket = false }: Comer): Matches {
  if (socket || type === "local") return socket && type === "local" ? "yes" : "no";
  if (type === "host") return "yes";
  if (type === "hostgssenc") return "perhaps";
  if (type !== "hostssl" && type !== "hostnossl") return type === "hostnogssenc" ? "perhaps" : "no";
  if (encrypted === undefined) return "perhaps";
  return (type === "hostssl") === encrypted ? "yes" : "no";
}

function fromThere({ address = "all", mask }: HbaRule, { to, from, socket = false }: Comer): Matches {
  if (socket) return "yes";
  if (from !== undefined) return fromKnown({ address, mask }, to, from);
  const local = isIP(to) !== 0 && isLoopback(to);
  const [network = "", length] = address.split("/");
  if (isIP(network) === 0) return address === "all" ? "yes" : "perhaps";
  const bits = mask === undefined ? Number(length) : ipaddr.parse(mask).prefixLengthFromSubnetMask();
  if (bits === 0) return isIP(to) === isIP(network) ? "yes" : isIP(to) === 0 ? "perhaps" : "no";
  if (local !== isLoopback(network)) return "no";
  // On Linux whoever comes to 127.0.0.9 comes from 127.0.0.1.
  const source = isIP(to) === 4 ? "127.0.0.1" : "::1";
  return local && bits !== null && isIP(network) === isIP(source) && covers(network, bits, source) ? "yes" : "perhaps";
}

function fromKnown(
  { address, mask }: { address: string; mask: string | undefined },
  to: string,
  from: string,
): Matches {
  const [network = "", length] = address.split("/");
  if (isIP(network) === 0) {
    // A server listens on its own host's addresses alone.
    if (address === "all" || (/^same(?:host|net)$/.test(address) && (from === to || isLoopback(from)))) return "yes";
    return "perhaps";
  }
  const bits = mask === undefined ? Number(length) : ipaddr.parse(mask).prefixLengthFromSubnetMask();
  if (isIP(network) !== isIP(from)) return "no";
  return bits !== null && covers(network, bits, from) ? "yes" : "no";
}

function isLoopback(address: string): boolean {
  return ipaddr.process(address).range() === "loopback";
}

function covers(network: string, bits: number, address: string): boolean {
  return ipaddr.parse(address).match(ipaddr.parse(network), bits);
}

function forDatabase({ databases }: HbaRule, { user, replicates, database }: Comer): Matches {
  const isReplication = ({ text, literal }: HbaName) => !literal && text === "replication";
  if (replicates) return databases.some(isReplication) ? "yes" : "no";
  if (databases.some(({ text, literal }) => !literal && text === "all")) return "yes";
  const named = databases.filter((one) => !isReplication(one));
  if (database === undefined) return named.length === 0 ? "no" : "perhaps";
  const isIt = ({ text, literal }: HbaName) =>
    (!literal && text === "sameuser" ? user : text) === database && (literal || !hasSigil(text));
  if (named.some(isIt)) return "yes";
  const unknown = ({ text, literal }: HbaName) => !literal && (/^same(?:role|group)$/.test(text) || hasSigil(text));
  return named.some(unknown) ? "perhaps" : "no";
}

function forUser({ users }: HbaRule, { user }: Comer): Matches {
  if (users.some(({ text, literal }) => text === user || (!literal && text === "all"))) return "yes";
  return users.some(({ text, literal }) => !literal && /^[+@/]/.test(text)) ? "perhaps" : "no";
}
