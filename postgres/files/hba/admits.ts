import type { Comer } from "./asks.js";
import { candidates } from "./matches.js";
import type { HbaRule } from "./rule.js";

/** How whoever comes can prove who it is. */
export interface Means {
  /** The form in which the server keeps its password. @default not known */
  readonly keptAs?: "md5" | "scram-sha-256";
  /** The OS user that it runs as on the server's own host, where it comes by a Unix socket. */
  readonly osUser?: string;
}

/** Whether rules let somebody in. Where they do not: the rule that is in the way; without one, none of them matches. */
export type Admission = { readonly lets: "yes" | "perhaps" } | { readonly lets: "no"; readonly rule?: HbaRule };

/**
 * Whether a server with these rules lets somebody in. `perhaps` where that hangs on what is not known: an address that somebody
 * comes from, the members of a group, a file, a password that is kept elsewhere.
 */
export function admits(rules: readonly HbaRule[], comer: Comer, means: Means = {}): Admission {
  let perhaps = false;
  let first: HbaRule | undefined;
  for (const { rule, certain } of candidates(rules, comer)) {
    const proof = canProve(rule, comer, means);
    if (certain && proof === "yes" && !perhaps && first === undefined) return { lets: "yes" };
    if (proof !== "no") perhaps = true;
    else first ??= rule;
    if (certain) break;
  }
  if (perhaps) return { lets: "perhaps" };
  return first === undefined ? { lets: "no" } : { lets: "no", rule: first };
}

/** Whether somebody who has a password, no certificate and no ticket can do what a rule's method asks for. */
function canProve(
  { type, method, options }: HbaRule,
  comer: Comer,
  { keptAs, osUser }: Means,
): "yes" | "no" | "perhaps" {
  const option = (name: string) => options.findLast((one) => one.name === name)?.value;
  if (["1", "verify-ca", "verify-full"].includes(option("clientcert") ?? "")) return "no";
  switch (method) {
    case "trust":
    case "md5":
      return "yes";
    case "scram-sha-256":
      return keptAs === "md5" ? "no" : "yes";
    case "password":
      // pgsite gives it in clear within TLS alone.
      return type === "hostssl" || comer.encrypted === true ? "yes" : comer.encrypted === false ? "no" : "perhaps";
    case "ldap":
    case "pam":
    case "radius":
    case "bsd":
      return comer.encrypted === false ? "no" : "perhaps";
    case "peer":
    case "ident":
      if (comer.socket !== true || osUser === undefined) return "no";
      if (option("map") !== undefined) return "perhaps";
      return osUser === comer.user ? "yes" : "no";
    default:
      return "no";
  }
}
