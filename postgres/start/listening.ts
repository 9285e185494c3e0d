import { BlockList, isIPv4, isIPv6 } from "node:net";
import { splitList } from "../settings/lists.js";
import type { NetworkFacts, StartObstacle, Unbound } from "./model.js";

/** Where a server is to listen. */
export interface Listening {
  readonly port: number;
  /** By which others come to it. */
  readonly address: string;
  /** listen_addresses */
  readonly addresses: string;
}

/** The names among them, which the host is asked for. */
export function namesIn(addresses: string): readonly string[] {
  return (splitList(addresses) ?? []).filter((one) => one !== "*" && one !== "" && !isIPv4(one) && !isIPv6(one));
}

/**
 * A server starts if it can listen on one address; one that cannot on that by which others come starts for nobody. The kernel's
 * own rules: who listens on all addresses has each of them.
 */
export function cannotListen({ port, address, addresses }: Listening, facts: NetworkFacts): StartObstacle | undefined {
  const asked = splitList(addresses) ?? [];
  if (asked.length === 0) return undefined;
  const found = asked.map((one) => ({ address: one, why: whyUnbound(one, port, facts) }));
  const unbound = found.flatMap(({ address: one, why }): Unbound[] =>
    why === undefined ? [] : [{ address: one, why }],
  );
  const own = unbound.filter((one) => one.address === address || one.address === "*" || one.address === "0.0.0.0");
  const stopped = unbound.length === asked.length ? unbound : own;
  return stopped.length === 0 ? undefined : { code: "listen", port, addresses: stopped };
}

function whyUnbound(asked: string, port: number, facts: NetworkFacts): Unbound["why"] | undefined {
  if (facts.unprivileged !== undefined && port < facts.unprivileged) return "privileged";
  if (asked === "*") return isTaken("0.0.0.0", port, facts) ? "taken" : undefined;
  const isAddress = isIPv4(asked) || isIPv6(asked);
  const addresses = isAddress ? [asked] : facts.names[asked];
  // Nobody was asked.
  if (addresses === undefined) return undefined;
  if (addresses.length === 0) return "no such name";
  const reasons = addresses.map((one) => {
    if (isTaken(one, port, facts)) return "taken";
    return isHere(one, facts) ? undefined : "not here";
  });
  return reasons.includes(undefined) ? undefined : reasons[0];
}

function isTaken(address: string, port: number, { taken }: NetworkFacts): boolean {
  const family = isIPv4(address);
  const all = (one: string) => one === "0.0.0.0" || canonical(one) === "::";
  return taken.some(
    (other) =>
      other.port === port &&
      isIPv4(other.address) === family &&
      (canonical(other.address) === canonical(address) || all(other.address) || all(address)),
  );
}

function isHere(address: string, { own, anywhere }: NetworkFacts): boolean {
  if (own === undefined || anywhere || address === "0.0.0.0" || canonical(address) === "::") return true;
  const family = isIPv4(address) ? "ipv4" : "ipv6";
  const known = own.filter((one) => isIPv4(one.split("/")[0] ?? "") === (family === "ipv4"));
  // Of a family of which nothing is known nothing is said.
  if (known.length === 0) return true;
  const list = new BlockList();
  for (const one of known) {
    const [network = "", prefix = ""] = one.split("/");
    list.addSubnet(network, Number(prefix), family);
  }
  return list.check(address.split("%")[0] ?? address, family);
}

/** One form of each IPv6 address. */
function canonical(address: string): string {
  return isIPv6(address) && !address.includes("%") ? new URL(`http://[${address}]/`).hostname.slice(1, -1) : address;
}
