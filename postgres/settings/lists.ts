import { atLeast, type Major } from "../versions.js";

/**
 * The elements of a comma-separated list as SplitIdentifierString and SplitGUCList (varlena.c) read it: double quotes
 * around an element, doubled inside; white space around elements. Undefined where the server would say "list syntax is
 * invalid". Letter case is kept.
 */
export function splitList(text: string): readonly string[] | undefined {
  return split(text, /^[^ \t\n\r\f\v,"][^ \t\n\r\f\v,]*/, false);
}

/** As `splitList`, with unquoted elements in lower case, as names of SQL are. */
export function splitIdentifiers(text: string): readonly string[] | undefined {
  return split(text, /^[^ \t\n\r\f\v,"][^ \t\n\r\f\v,]*/, true);
}

/** As `splitList`, for lists of paths (SplitDirectoriesString): an unquoted element may hold spaces. */
export function splitPaths(text: string): readonly string[] | undefined {
  return split(text, /^[^ \t\n\r\f\v,"](?:[^,]*[^ \t\n\r\f\v,])?/, false);
}

const leadingSpace = /^[ \t\n\r\f\v]+/;

function split(text: string, bare: RegExp, fold: boolean): readonly string[] | undefined {
  let rest = text.replace(leadingSpace, "");
  if (rest === "") return [];
  const elements: string[] = [];
  for (;;) {
    const quoted = /^"((?:[^"]|"")*)"/.exec(rest);
    const match = quoted ?? bare.exec(rest);
    if (match === null) return undefined;
    const plainText = fold ? match[0].toLowerCase() : match[0];
    elements.push(quoted === null ? plainText : (quoted[1] ?? "").replaceAll('""', '"'));
    rest = rest.slice(match[0].length).replace(leadingSpace, "");
    if (rest === "") return elements;
    if (!rest.startsWith(",")) return undefined;
    rest = rest.slice(1).replace(leadingSpace, "");
  }
}

/** A list written so that every version's splitting gives the same elements; names that are not plain are quoted. */
export function joinList(elements: readonly string[]): string {
  return elements
    .map((element) => (/^[a-z0-9_./:*-]+$/.test(element) ? element : `"${element.replaceAll('"', '""')}"`))
    .join(", ");
}

/** Settings whose value is a list of names, and so may be given as a YAML list. */
const nameLists: ReadonlySet<string> = new Set([
  "createrole_self_grant",
  "datestyle",
  "debug_io_direct",
  "listen_addresses",
  "log_connections",
  "log_destination",
  "oauth_validator_libraries",
  "restrict_nonsystem_relation_kind",
  "search_path",
  "synchronized_standby_slots",
  "temp_tablespaces",
  "wal_consistency_checking",
]);

const pathLists: ReadonlySet<string> = new Set([
  "local_preload_libraries",
  "session_preload_libraries",
  "shared_preload_libraries",
  "unix_socket_directories",
]);

/** How a setting's list is split, or undefined where its value is no list. */
export function listKind(name: string): "names" | "paths" | undefined {
  const key = name.toLowerCase();
  if (nameLists.has(key)) return "names";
  return pathLists.has(key) ? "paths" : undefined;
}

/** A list of standbys, as `synchronous_standby_names` writes it. */
export interface SynchronousStandbys {
  /** `names` is the list of 9.1 on, which waits for one standby; `count` is `2 (a, b)` of 9.6 on. */
  readonly form: "names" | "count" | "first" | "any";
  readonly number: number;
  readonly names: readonly string[];
}

const standbyNames = String.raw`(?:"(?:[^"]|"")*"|\*|[0-9]+|[A-Za-z_\u0080-\uffff][A-Za-z0-9_$\u0080-\uffff]*)`;
const standbyList = String.raw`\s*(${standbyNames}(?:\s*,\s*${standbyNames})*)\s*`;
const counted = new RegExp(String.raw`^\s*(?:(first|any)\s+)?([0-9]+)\s*\(${standbyList}\)\s*$`, "i");
const plain = new RegExp(`^${standbyList}$`);

/**
 * `synchronous_standby_names` as a version reads it (syncrep_gram.y): `a, b` from 9.1, `1 (a, b)` from 9.6, `FIRST 1 (a, b)`
 * and `ANY 1 (a, b)` from 10. An empty text is `{form: "names", number: 1, names: []}`; undefined where it is not understood.
 */
export function parseSynchronousStandbys(major: Major, text: string): SynchronousStandbys | undefined {
  if (/^[ \t\n\r\f\v]*$/.test(text)) return { form: "names", number: 1, names: [] };
  if (!atLeast(major, "9.6")) {
    const names = splitList(text);
    return names === undefined ? undefined : { form: "names", number: 1, names };
  }
  const match = counted.exec(text);
  const [, method, count, within] = match ?? [];
  const list = match === null ? (plain.exec(text)?.[1] ?? "") : (within ?? "");
  const names = splitList(list) ?? [];
  // From 10 on first and any are words of the grammar: a standby of such a name is written in quotes.
  const keyword =
    atLeast(major, "10") && /(?:^|,)\s*(?:first|any)\s*(?:,|$)/i.test(list.replaceAll(/"(?:[^"]|"")*"/g, "x"));
  if (names.length === 0 || keyword) return undefined;
  if (match === null) return { form: "names", number: 1, names };
  const number = Number(count);
  if ((method !== undefined && !atLeast(major, "10")) || number < 1 || number >= 2 ** 31) return undefined;
  const word = method?.toLowerCase();
  return { form: word === "first" || word === "any" ? word : "count", number, names };
}
