import { error, nearest, type Problem, warning } from "../../problem.js";
import type { Major } from "../../versions.js";
import { checkAddress, staysHere } from "./addresses.js";
import { checkOptions } from "./options.js";
import { regexProblem } from "./regex.js";
import { renderHbaLine } from "./render.js";
import type { HbaName, HbaRule } from "./rule.js";
import {
  closedTypes,
  limits,
  type Method,
  membersInQuotes,
  methods,
  regularExpressions,
  rowOf,
  type Span,
  spans,
  sslNeeded,
  types,
  whenKnown,
} from "./versions.js";

export interface HbaFacts {
  /** Whether the server's ssl is on: without, hostssl never matches, and is refused until 9.6. @default not known, nothing is said */
  readonly sslOn?: boolean;
  /** What oauth_validator_libraries names: oauth is refused without. @default not known, nothing is said */
  readonly oauthValidators?: readonly string[];
}

/**
 * Everything in a rule that a server of this version would refuse (errors), or take and not do what was meant (warnings).
 * `path` is the rule's own: `access[2]`; its columns follow as `access[2].method`. What only the host knows is not asked
 * here: whether its build has a method (gss, ldap, pam, bsd, sspi), whether a host name resolves.
 */
export function validateHba(rule: HbaRule, major: Major, path: string, facts: HbaFacts = {}): Problem[] {
  return [
    ...checkType(rule, major, `${path}.type`, facts),
    ...checkNames(rule.databases, major, `${path}.database`),
    ...checkNames(rule.users, major, `${path}.user`),
    ...checkAddress(rule, major, `${path}.address`),
    ...checkMethod(rule, major, `${path}.method`, facts),
    ...checkOptions(rule, major, `${path}.options`),
    ...checkLength(rule, major, path),
  ];
}

function checkType({ type }: HbaRule, major: Major, at: string, { sslOn }: HbaFacts): Problem[] {
  const known = rowOf(types, type);
  const allowed = `allowed at ${major}: ${namesAt(types, major).join(", ")}`;
  if (known === undefined)
    return [error(at, `"${type}" is no connection type; ${allowed}${meant(type, types, major)}`)];
  if (!spans(known, major)) return [error(at, `${type} ${whenKnown(known, major)}; ${allowed}`)];
  if (type !== "hostssl" || sslOn !== false) return [];
  return spans(sslNeeded, major)
    ? [error(at, `${major} refuses hostssl while ssl is off: set ssl: true`)]
    : [warning(at, "hostssl never matches while ssl is off: set ssl: true")];
}

function checkNames(names: readonly HbaName[], major: Major, at: string): Problem[] {
  if (names.length === 0) return [error(at, "names nothing; allowed: a name, several, or all")];
  return names.flatMap((name) => checkName(name, major, at));
}

function checkName({ text, literal }: HbaName, major: Major, at: string): Problem[] {
  if (text === "") return [error(at, "is an empty name")];
  if (/[\r\n\0]/.test(text)) {
    return [error(at, `${JSON.stringify(text)} has a line break or NUL in it, which pg_hba.conf cannot hold`)];
  }
  if (literal && text.startsWith("/") && spans(regularExpressions, major)) {
    return [
      error(at, `"${text}" is a regular expression from 16 on, in quotes too: write one that matches this name alone`),
    ];
  }
  if (literal && text.startsWith("+") && spans(membersInQuotes, major)) {
    return [error(at, `"${text}" means the members of ${text.slice(1)} until 9.1, in quotes too: rename the role`)];
  }
  const plain = !literal && text.startsWith("+") ? text.slice(1) : text;
  const isName = literal || !/^[@/]/.test(text);
  if (isName && Buffer.byteLength(plain) > 63) {
    return [
      warning(at, `"${plain}" has ${Buffer.byteLength(plain)} bytes; a name has 63 at most, so that it never matches`),
    ];
  }
  if (literal || !text.startsWith("/")) return [];
  if (spans(regularExpressions, major)) {
    const wrong = regexProblem(text.slice(1));
    return wrong === undefined ? [] : [error(at, `"${text}" is no regular expression: ${wrong}`)];
  }
  return [warning(at, `"${text}" is a regular expression from 16 on; at ${major} it is a name, and never matches`)];
}

function checkMethod(rule: HbaRule, major: Major, at: string, { oauthValidators }: HbaFacts): Problem[] {
  const { type, method } = rule;
  const known = rowOf(methods, method);
  const allowed = `allowed at ${major}: ${namesAt(methods, major).join(", ")}`;
  if (known === undefined) {
    return [error(at, `"${method}" is no authentication method; ${allowed}${meant(method, methods, major)}`)];
  }
  if (!spans(known, major)) return [error(at, `${method} ${whenKnown(known, major)}; ${allowed}`)];
  if (known.types !== undefined && !known.types.includes(type)) {
    const works = namesAt(types, major).filter((name) => known.types?.includes(name));
    return [error(at, `${method} does not work on ${type} connections; it works on ${works.join(", ")}`)];
  }
  const refused = method === "oauth" && oauthValidators !== undefined ? checkValidator(rule, at, oauthValidators) : [];
  return refused.length > 0 ? refused : weaknessOf(rule, known, at);
}

/** What a server takes, and what whoever listens or stands at that address makes of it. */
function weaknessOf(rule: HbaRule, { weakness }: Method, at: string): Problem[] {
  const { type, method } = rule;
  if (weakness === undefined || type === "local") return [];
  if (weakness === "anyone") {
    return [warning(at, `${method} lets anyone at that address in as anyone, without a password`)];
  }
  if (staysHere(rule)) return [];
  if (weakness === "believes") {
    return [warning(at, `${method} believes what the machine at that address says of its users, without a password`)];
  }
  return closedTypes.has(type)
    ? []
    : [
        warning(
          at,
          `${method} has clients send the ${weakness} as it is, and ${type} lets them do so without encryption: make it hostssl (docs/tls.md)`,
        ),
      ];
}

/** check_oauth_validator of auth-oauth.c: one of the libraries, named where there are several. */
function checkValidator({ options }: HbaRule, at: string, libraries: readonly string[]): Problem[] {
  if (libraries.length === 0) return [error(at, "oauth needs a validator: set oauth_validator_libraries")];
  const named = options.findLast(({ name }) => name === "validator")?.value;
  const allowed = `allowed: ${libraries.join(", ")} (oauth_validator_libraries)`;
  if (named === undefined) {
    return libraries.length === 1 ? [] : [error(at, `oauth needs the option validator; ${allowed}`)];
  }
  return libraries.includes(named) ? [] : [error(at, `validator: "${named}" will not do; ${allowed}`)];
}

/** Older servers read words and lines up to a length only. */
function checkLength(rule: HbaRule, major: Major, path: string): Problem[] {
  const limit = limits.find((row) => spans(row, major));
  if (limit === undefined) return [];
  const { word, line } = limit;
  const words = [...rule.databases, ...rule.users].map(({ text }) => text);
  words.push(rule.address ?? "", ...rule.options.map(({ name, value }) => `${name}=${value}`));
  if (words.some((text) => Buffer.byteLength(text) > word)) {
    return [error(path, `has a name or option of more than the ${word} bytes that ${major} reads`)];
  }
  // Whatever stands where a word of PostgreSQL's belongs.
  if ([rule.type, rule.method, ...words].some((text) => /[\r\n\0]/.test(text))) return [];
  const bytes = Buffer.byteLength(renderHbaLine(rule));
  return bytes > line ? [error(path, `has ${bytes} bytes; ${major} reads lines of ${line}`)] : [];
}

function namesAt(table: Readonly<Record<string, Span>>, major: Major): string[] {
  return Object.entries(table).flatMap(([name, span]) => (spans(span, major) ? [name] : []));
}

/** The nearest name, and since or until when it exists where this version lacks it. */
function meant(name: string, table: Readonly<Record<string, Span>>, major: Major): string {
  const near = nearest(name, namesAt(table, major)) ?? nearest(name, Object.keys(table));
  const span = near === undefined ? undefined : rowOf(table, near);
  if (near === undefined || span === undefined) return "";
  return spans(span, major) ? ` (did you mean ${near}?)` : ` (did you mean ${near}, which ${whenKnown(span, major)}?)`;
}
