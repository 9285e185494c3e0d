import { isIP } from "node:net";
import ipaddr from "ipaddr.js";
import { error, nearest, type Problem, warning } from "../problem.js";
import type { Major } from "../versions.js";
import type { HbaRule } from "./rule.js";
import { methods, namesAsAddress, options, regularExpressions, spans, types, whenKnown } from "./versions.js";

export interface HbaFacts {
  /** Whether the server's ssl is on: hostssl never matches without. @default not known, nothing is said */
  readonly sslOn?: boolean;
}

/**
 * Everything in a rule that a server of this version would refuse (errors), or take and not do what was meant (warnings).
 * `path` is the rule's own: `access[2]`.
 */
export function validateHba(rule: HbaRule, major: Major, path: string, facts: HbaFacts = {}): Problem[] {
  return [
    ...checkType(rule, major, path, facts),
    ...checkNames(rule, major, path),
    ...checkAddress(rule, major, path),
    ...checkMethod(rule, major, path),
    ...checkOptions(rule, major, path),
  ];
}

function checkType({ type }: HbaRule, major: Major, path: string, { sslOn }: HbaFacts): Problem[] {
  const at = `${path}.type`;
  const known = types[type];
  if (known === undefined) {
    return [
      error(
        at,
        `"${type}" is no connection type; allowed: ${namesAt(types, major).join(", ")}${meant(type, namesAt(types, major))}`,
      ),
    ];
  }
  if (!spans(known, major))
    return [error(at, `${type} ${whenKnown(known, major)}; allowed at ${major}: ${namesAt(types, major).join(", ")}`)];
  return type === "hostssl" && sslOn === false
    ? [warning(at, "hostssl never matches while ssl is off: set ssl: true")]
    : [];
}

function checkNames({ databases, users }: HbaRule, major: Major, path: string): Problem[] {
  const columns = [
    ["database", databases],
    ["user", users],
  ] as const;
  return columns.flatMap(([column, names]) =>
    names.flatMap(({ text, literal }) => {
      if (text === "") return [error(`${path}.${column}`, "is an empty name")];
      if (Buffer.byteLength(text) > 63 && !/^[@/]/.test(text)) {
        return [error(`${path}.${column}`, `"${text}" has ${Buffer.byteLength(text)} bytes; a name has 63 at most`)];
      }
      return !literal && text.startsWith("/") && !spans(regularExpressions, major)
        ? [
            warning(
              `${path}.${column}`,
              `"${text}" is a regular expression from 16 on; at ${major} it is a name, and never matches`,
            ),
          ]
        : [];
    }),
  );
}

function checkAddress(rule: HbaRule, major: Major, path: string): Problem[] {
  const { type, address, mask } = rule;
  const at = `${path}.address`;
  if (type === "local") return address === undefined ? [] : [error(at, "a local rule has no address")];
  if (address === undefined) return [error(at, "is missing")];
  if (address === "samehost" || address === "samenet") return [];
  if (mask !== undefined) return checkMask(address, mask, at);
  const slash = address.indexOf("/");
  const network = slash < 0 ? address : address.slice(0, slash);
  const family = isIP(network);
  if (slash >= 0) {
    if (family === 0) {
      return [
        error(
          at,
          `"${address}": ${/^[0-9.]+$/.test(network) || network.includes(":") ? "is no IP address" : "a host name has no prefix length"}`,
        ),
      ];
    }
    const length = address.slice(slash + 1);
    const most = family === 4 ? 32 : 128;
    return /^\d+$/.test(length) && Number(length) <= most
      ? []
      : [error(at, `"${address}": "${length}" is no prefix length of an IPv${family} address; allowed: 0 to ${most}`)];
  }
  if (family !== 0) {
    return [
      error(
        at,
        `"${address}" needs a prefix length (${address}/${family === 4 ? 32 : 128} for this one host) or a mask`,
      ),
    ];
  }
  if (/^[0-9.]+$/.test(address) || address.includes(":")) return [error(at, `"${address}" is no IP address`)];
  if (!/^\.?[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_.])?$/.test(address))
    return [error(at, `"${address}" is neither an address nor a host name`)];
  return spans(namesAsAddress, major)
    ? []
    : [
        error(
          at,
          `"${address}": ${address === "all" ? '"all" as an address comes' : "host names come"} with ${namesAsAddress.from}; ${address === "all" ? "write 0.0.0.0/0" : "map the name to an address under hosts:"}`,
        ),
      ];
}

function checkMask(address: string, mask: string, at: string): Problem[] {
  if (isIP(address) !== isIP(mask)) return [error(at, `"${address}" and the mask "${mask}" are not of one family`)];
  return ipaddr.parse(mask).prefixLengthFromSubnetMask() === null ? [error(at, `"${mask}" is no network mask`)] : [];
}

function checkMethod({ type, method }: HbaRule, major: Major, path: string): Problem[] {
  const at = `${path}.method`;
  const known = methods[method];
  const allowed = namesAt(methods, major);
  if (known === undefined)
    return [
      error(
        at,
        `"${method}" is no authentication method; allowed at ${major}: ${allowed.join(", ")}${meant(method, allowed)}`,
      ),
    ];
  if (!spans(known, major))
    return [error(at, `${method} ${whenKnown(known, major)}; allowed at ${major}: ${allowed.join(", ")}`)];
  if (known.types !== undefined && !known.types.includes(type)) {
    return [
      error(
        at,
        `${method} does not work on ${type} connections; it works on ${known.types.filter((name) => types[name] !== undefined && spans(types[name], major)).join(", ")}`,
      ),
    ];
  }
  return method === "trust" && type !== "local"
    ? [warning(at, "trust lets anyone at that address in as anyone, without a password")]
    : [];
}

function checkOptions(rule: HbaRule, major: Major, path: string): Problem[] {
  const at = `${path}.options`;
  const unknown = rule.options.flatMap(({ name }) => {
    const known = options[name];
    return known !== undefined && !spans(known, major) ? [error(at, `${name} ${whenKnown(known, major)}`)] : [];
  });
  const needed = required[rule.method]?.(rule, major) ?? [];
  const missing = needed.filter((name) => !rule.options.some((option) => option.name === name));
  return [...unknown, ...missing.map((name) => error(at, `${rule.method} needs ${name}`))];
}

/** Options without which a server refuses the rule. */
const required: Readonly<Record<string, (rule: HbaRule, major: Major) => readonly string[]>> = {
  ldap: ({ options: given }) => (given.some(({ name }) => name === "ldapurl") ? [] : ["ldapserver"]),
  radius: (_, major) =>
    spans({ from: "10", until: "18" }, major) ? ["radiusservers", "radiussecrets"] : ["radiusserver", "radiussecret"],
  oauth: () => ["issuer", "scope"],
};

function namesAt(table: Readonly<Record<string, { from: Major; until: Major }>>, major: Major): string[] {
  return Object.entries(table).flatMap(([name, span]) => (spans(span, major) ? [name] : []));
}

function meant(name: string, known: readonly string[]): string {
  const near = nearest(name, known);
  return near === undefined ? "" : ` (did you mean ${near}?)`;
}
