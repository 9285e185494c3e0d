import { isIP } from "node:net";
import ipaddr from "ipaddr.js";
import { error, type Problem } from "../../problem.js";
import type { Major } from "../../versions.js";
import { addressKeywords, type HbaRule } from "./rule.js";
import { namesAsAddress, spans } from "./versions.js";

/** The address column, as parse_hba_line of hba.c reads it; stricter where a server would take a slip for a host name. */
export function checkAddress({ type, address, mask }: HbaRule, major: Major, at: string): Problem[] {
  const refuse = (message: string) => [error(at, message)];
  if (type === "local") return address === undefined ? [] : refuse("a local rule has no address");
  if (address === undefined) return refuse("is missing");
  if (/%/.test(address)) return refuse(`"${address}": write the address without its zone, which is never compared`);
  if (mask !== undefined) return checkMask(address, mask, at);
  const slash = address.indexOf("/");
  const network = slash < 0 ? address : address.slice(0, slash);
  const family = isIP(network);
  const looksNumeric = /^[0-9.]+$/.test(network) || network.includes(":");
  if (slash >= 0) {
    if (family === 0) {
      return refuse(`"${address}": ${looksNumeric ? "is no IP address" : "a host name has no prefix length"}`);
    }
    const length = address.slice(slash + 1);
    const most = family === 4 ? 32 : 128;
    return /^\d+$/.test(length) && Number(length) <= most
      ? []
      : refuse(`"${address}": "${length}" is no prefix length of an IPv${family} address; allowed: 0 to ${most}`);
  }
  if (family !== 0) {
    const one = `${address}/${family === 4 ? 32 : 128}`;
    return refuse(`"${address}" needs a prefix length (${one} for this one host) or a mask`);
  }
  if (address === "samehost" || address === "samenet") return [];
  if (looksNumeric) return refuse(`"${address}" is no IP address`);
  if (!/^\.?[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_.])?$/.test(address)) {
    return refuse(`"${address}" is neither an address nor a host name`);
  }
  if (spans(namesAsAddress, major)) return [];
  const { from } = namesAsAddress;
  return address === "all"
    ? refuse(`"all": "all" as an address comes with ${from}; write 0.0.0.0/0`)
    : refuse(`"${address}": host names come with ${from}; map the name to an address under hosts:`);
}

/** Whether a rule's address holds none but the server's own machine, so that what it says crosses no network. */
export function staysHere({ address = "", mask }: Pick<HbaRule, "address" | "mask">): boolean {
  if (address === "samehost") return true;
  const [network = "", prefix] = address.split("/");
  const family = isIP(network);
  if (family === 0 || network.includes("%")) return false;
  const bits =
    mask === undefined
      ? Number(prefix ?? Number.NaN)
      : isIP(mask) === 0
        ? null
        : ipaddr.parse(mask).prefixLengthFromSubnetMask();
  return ipaddr.parse(network).range() === "loopback" && bits !== null && bits >= (family === 4 ? 8 : 128);
}

function checkMask(address: string, mask: string, at: string): Problem[] {
  if (addressKeywords.has(address) || isIP(address) === 0) {
    return [error(at, `"${address}" has the mask "${mask}"; only an IP address without prefix length has one`)];
  }
  if (isIP(mask) === 0 || mask.includes("%")) return [error(at, `"${mask}" is no network mask`)];
  if (isIP(address) !== isIP(mask)) return [error(at, `"${address}" and the mask "${mask}" are not of one family`)];
  return ipaddr.parse(mask).prefixLengthFromSubnetMask() === null ? [error(at, `"${mask}" is no network mask`)] : [];
}
