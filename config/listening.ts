import ipaddr from "ipaddr.js";
import { splitIdentifiers } from "../postgres/settings/lists.js";

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

/** As /proc/net/tcp and tcp6 write an address on a little-endian machine, which is what PostgreSQL is packaged for today. */
export function inProc(address: string): string {
  const bytes = ipaddr.parse(address).toByteArray();
  const words = Array.from({ length: bytes.length / 4 }, (_, word) => bytes.slice(word * 4, word * 4 + 4).reverse());
  return Buffer.from(words.flat()).toString("hex").toUpperCase();
}

/** One spelling for each; an IPv4 address inside IPv6 is the IPv4 address. */
export function canonical(address: string): string {
  return ipaddr.process(address).toString();
}
