import ipaddr from "ipaddr.js";
import { splitIdentifiers } from "../postgres/settings/lists.js";

/** An address as /proc/net/tcp and tcp6 write it: words of 32 bits in the host's byte order, in hexadecimal. */
export function parseAddress(hex: string, byteOrder: "little" | "big"): string {
  const bytes = (hex.match(/.{8}/g) ?? []).flatMap((word) => {
    const four = [...Buffer.from(word, "hex")];
    return byteOrder === "little" ? four.reverse() : four;
  });
  return canonical(ipaddr.fromByteArray(bytes).toString());
}

/**
 * The addresses on which a server listens, by its listen_addresses: a name other than localhost is known on its host
 * alone, so the server's own address stands for it.
 */
export function wantedAddresses(listenAddresses: string, address: string): readonly string[] {
  const names = splitIdentifiers(listenAddresses) ?? [];
  return names.flatMap((name) => {
    if (name === "*") return ["0.0.0.0", "::"];
    if (name === "localhost") return ["127.0.0.1", "::1"];
    return [ipaddr.isValid(name) ? name : address].filter((one) => ipaddr.isValid(one)).map(canonical);
  });
}

/** Whether two sockets on one port are in each other's way. The IPv6 wildcard takes IPv4 with it, as Linux has it by default. */
export function collide(one: string, other: string): boolean {
  return one === other || covers(one, other) || covers(other, one);
}

function covers(wildcard: string, address: string): boolean {
  return wildcard === "::" || (wildcard === "0.0.0.0" && !address.includes(":"));
}

/** One spelling for each; an IPv4 address inside IPv6 is the IPv4 address. */
function canonical(address: string): string {
  return ipaddr.process(address).toString();
}
