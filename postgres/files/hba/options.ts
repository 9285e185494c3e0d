import { error, nearest, type Problem } from "../../problem.js";
import { accessSecrets } from "../../secrets/positions.js";
import { splitList } from "../../settings/lists.js";
import { atLeast, type Major } from "../../versions.js";
import type { HbaOption, HbaRule } from "./rule.js";
import { methods, type OptionRow, rowOf, options as rows, spans, whenKnown } from "./versions.js";

/** A rule's line as a problem may quote it: what follows the name of an option that holds a secret is left out. */
export function withoutSecrets(line: string): string {
  return line.replace(secretOption, "$1$2…");
}

const secretOption = new RegExp(`(${accessSecrets.join("|")})(["\\s]*=).*$`, "is");

/** The options after the method: names, where they belong, values, and what a method needs or does not take together. */
export function checkOptions(rule: HbaRule, major: Major, at: string): Problem[] {
  const method = rowOf(methods, rule.method);
  const messages = rule.options.flatMap((option) => checkOption(option, rule, major));
  // What an unknown method needs cannot be known; its name is a problem already.
  const together = method === undefined || !spans(method, major) ? [] : checkTogether(rule, major);
  return [...messages, ...together].map((message) => error(at, message));
}

function checkOption({ name, value }: HbaOption, rule: HbaRule, major: Major): string[] {
  const row = rowOf(rows, name);
  if (row === undefined) {
    const allowed = Object.keys(rows).filter((one) => takes(rowOf(rows, one), rule, major));
    const near = nearest(name, Object.keys(rows));
    const list = allowed.length === 0 ? `${rule.method} takes none` : `allowed: ${allowed.join(", ")}`;
    return [`"${name}" is no option; ${list}${near === undefined ? "" : ` (did you mean ${near}?)`}`];
  }
  if (!spans(row, major)) return [`${name} ${whenKnown(row, major)}`];
  if (row.methods !== undefined && !row.methods.includes(rule.method)) {
    return [`${name} does not belong to ${rule.method}; it belongs to ${row.methods.join(", ")}`];
  }
  if (row.types !== undefined && !row.types.includes(rule.type)) {
    return [`${name} does not work on ${rule.type} connections; it works on ${row.types.join(", ")}`];
  }
  // A password or a secret may stand here: such a value is never quoted back.
  if (/[\r\n\0]/.test(value)) return [`${name} has a line break or NUL in it, which pg_hba.conf cannot hold`];
  const allowed = wrongValue(row, value, rule, major);
  return allowed === undefined ? [] : [`${name}: "${value}" will not do; allowed: ${allowed}`];
}

function takes(row: OptionRow | undefined, { method, type }: HbaRule, major: Major): boolean {
  return (
    row !== undefined &&
    spans(row, major) &&
    (row.methods?.includes(method) ?? true) &&
    (row.types?.includes(type) ?? true)
  );
}

/** What is allowed, where the value is not. */
function wrongValue({ value: kind }: OptionRow, value: string, rule: HbaRule, major: Major): string | undefined {
  if (kind === undefined) return undefined;
  if (kind === "flag") return value === "0" || value === "1" ? undefined : "0, 1";
  if (kind === "port") return isPort(value) ? undefined : "1 to 65535";
  if (kind === "ports") {
    const ports = splitList(value) ?? [];
    return ports.length > 0 && ports.every(isPort) ? undefined : "1 to 65535, or a list of such numbers";
  }
  const known = kind.filter((one) => spans(one, major)).map(({ text }) => text);
  // cert checks the certificate and its name whatever is said; some words contradict it.
  const contradicting = rule.method === "cert" ? ["0", "no-verify", "verify-ca"] : [];
  const words = known.filter((text) => !contradicting.includes(text));
  return words.includes(value) ? undefined : words.join(", ");
}

function isPort(text: string): boolean {
  return /^\d{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= 65535;
}

function checkTogether(rule: HbaRule, major: Major): string[] {
  const value = (name: string) => rule.options.findLast((option) => option.name === name)?.value;
  const given = (...names: string[]) => names.filter((name) => value(name) !== undefined);
  const missing = (...names: string[]) =>
    names.filter((name) => value(name) === undefined).map((name) => `${rule.method} needs ${name}`);
  switch (rule.method) {
    case "ldap":
      return checkLdap(given, major);
    case "radius":
      return atLeast(major, "10")
        ? [...missing("radiusservers", "radiussecrets"), ...checkLists(value)]
        : missing("radiusserver", "radiussecret");
    case "oauth":
      return [
        ...missing("issuer", "scope"),
        ...(value("delegate_ident_mapping") === "1" && value("map") !== undefined
          ? ["map and delegate_ident_mapping exclude each other"]
          : []),
      ];
    default:
      return [];
  }
}

/** Simple bind (ldapprefix, ldapsuffix) or search and bind (ldapbasedn and the rest), never both. */
function checkLdap(given: (...names: string[]) => string[], major: Major): string[] {
  if (given("ldapurl").length > 0) return [];
  const simple = given("ldapprefix", "ldapsuffix");
  const search = given("ldapbasedn", "ldapbinddn", "ldapbindpasswd", "ldapsearchattribute", "ldapsearchfilter");
  const messages: string[] = [];
  // From 12 a build with OpenLDAP finds the servers in DNS.
  if (given("ldapserver").length === 0 && !atLeast(major, "12")) messages.push("ldap needs ldapserver");
  if (simple.length > 0 && search.length > 0) {
    messages.push(`${[...simple, ...search].join(", ")}: a simple bind and search and bind exclude each other`);
  }
  if (simple.length === 0 && given("ldapbasedn").length === 0) {
    messages.push("ldap needs ldapbasedn, ldapprefix or ldapsuffix");
  }
  if (given("ldapsearchattribute", "ldapsearchfilter").length === 2) {
    messages.push("ldapsearchattribute and ldapsearchfilter exclude each other");
  }
  return messages;
}

/** Lists beside radiusservers have one element, or one for each server. */
function checkLists(value: (name: string) => string | undefined): string[] {
  const count = (name: string) => splitList(value(name) ?? "")?.length;
  const servers = count("radiusservers");
  return ["radiusservers", "radiussecrets", "radiusports", "radiusidentifiers"].flatMap((name) => {
    if (value(name) === undefined) return [];
    const own = count(name);
    if (own === undefined) return [`${name} is no list of words separated by commas, unusual ones in double quotes`];
    const empty = own === 0 && (name === "radiusservers" || name === "radiussecrets");
    if (empty) return [`${name} is empty`];
    return own > 1 && own !== servers ? [`${name} has ${own} elements for ${servers} servers`] : [];
  });
}
