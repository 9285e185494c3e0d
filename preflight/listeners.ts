import ipaddr from "ipaddr.js";
import { canonical } from "../config/listening.js";

/** An address as /proc/net/tcp and tcp6 write it: words of 32 bits in the host's byte order, in hexadecimal. */
export function parseAddress(hex: string, byteOrder: "little" | "big"): string {
  const bytes = (hex.match(/.{8}/g) ?? []).flatMap((word) => {
    const four = [...Buffer.from(word, "hex")];
    return byteOrder === "little" ? four.reverse() : four;
  });
  return canonical(ipaddr.fromByteArray(bytes).toString());
}

/** Whether two sockets on one port are in each other's way. The IPv6 wildcard takes IPv4 with it, as Linux has it by default. */
export function collide(one: string, other: string): boolean {
  return one === other || covers(one, other) || covers(other, one);
}

function covers(wildcard: string, address: string): boolean {
  return wildcard === "::" || (wildcard === "0.0.0.0" && !address.includes(":"));
}
