import { error, type Problem } from "../../problem.js";
import { atLeast, type Major } from "../../versions.js";
import { withoutSecrets } from "./options.js";
import { addressKeywords, type HbaName, type HbaOption, type HbaRule, hasMeaning } from "./rule.js";
import { type Token, tokenize } from "./tokens.js";
import { continuedLines, includes, spans, whenKnown } from "./versions.js";

/** One record or include directive of a file. */
export interface HbaEntry {
  /** Number of its first line, counted from 1. */
  readonly line: number;
  readonly rule?: HbaRule;
  /** `include`, `include_if_exists` or `include_dir` (16 and later) with its path. */
  readonly include?: { readonly directive: string; readonly path: string };
}

export interface HbaParseOptions {
  /** Whose reading of the file is asked for: before 14 no line goes on, before 16 nothing is included. @default the newest */
  readonly major?: Major;
}

/**
 * Reads a whole pg_hba.conf as tokenize_file and parse_hba_line of hba.c do. Lines that end in a backslash go on, within
 * comments too. Nothing is thrown: what cannot be read is a problem with the path `line N`, and the rest is read all the
 * same. Whether a version takes what a rule says is asked of `validateHba`.
 */
export function parseHba(
  text: string,
  options: HbaParseOptions = {},
): { readonly entries: readonly HbaEntry[]; readonly problems: readonly Problem[] } {
  const { major = "18" } = options;
  const entries: HbaEntry[] = [];
  const problems: Problem[] = [];
  for (const { line, text: logical } of logicalLines(text, major)) {
    const path = `line ${line}`;
    const unreadable = unreadableIn(logical);
    if (unreadable !== undefined) {
      problems.push(error(path, `"${withoutSecrets(logical.trim())}" ${unreadable}`));
      continue;
    }
    const fields = tokenize(logical);
    if (fields?.length === 0) continue;
    const include = fields === undefined ? undefined : includeOf(fields);
    if (include !== undefined) {
      if (spans(includes, major)) entries.push({ line, include });
      else problems.push(error(path, `"${logical.trim()}": ${include.directive} ${whenKnown(includes, major)}`));
      continue;
    }
    const parsed = parseHbaLine(logical, path);
    problems.push(...parsed.problems);
    if (parsed.rule !== undefined) entries.push({ line, rule: parsed.rule });
  }
  return { entries, problems };
}

/** What a line holds that no stack file can say, nor pgsite be sure of. */
function unreadableIn(line: string): string | undefined {
  // In a comment too: from 14 on the server does not see where such a line ends, and loses the next one in it.
  if (line.includes("\0")) return "has a NUL character, and the server loses what stands behind it: take it out";
  const ruled = (tokenize(line) ?? []).flat().some(({ text }) => text.includes("\ufffd"));
  return ruled ? "has bytes that are no UTF-8: write the file in UTF-8" : undefined;
}

function logicalLines(text: string, major: Major): { readonly line: number; readonly text: string }[] {
  const physical = text.split("\n").map((one) => one.replace(/\r+$/, ""));
  const logical: { line: number; text: string }[] = [];
  let goesOn = false;
  for (const [index, one] of physical.entries()) {
    const continues = atLeast(major, continuedLines.from) && one.endsWith("\\");
    const own = continues ? one.slice(0, -1) : one;
    const last = logical.at(-1);
    if (goesOn && last !== undefined) last.text += own;
    else logical.push({ line: index + 1, text: own });
    goesOn = continues;
  }
  return logical;
}

/** A line of exactly two words, the first of them a directive; anything longer is a record of an unknown type. */
function includeOf(fields: readonly Token[][]): HbaEntry["include"] {
  const [first, second, ...more] = fields;
  const directive = first?.[0]?.text ?? "";
  const path = second?.[0]?.text;
  if (path === undefined || more.length > 0 || first?.length !== 1 || second?.length !== 1) return undefined;
  return /^include(_if_exists|_dir)?$/.test(directive) ? { directive, path } : undefined;
}

/** Reads one record, as a line of pg_hba.conf or of a stack file's `access`. Problems have the path given. */
export function parseHbaLine(
  line: string,
  path: string,
): { readonly rule?: HbaRule; readonly problems: readonly Problem[] } {
  const shown = withoutSecrets(line.trim());
  const refuse = (message: string) => ({ problems: [error(path, `"${shown}": ${message}`)] });
  if (/[\n\0]/.test(line.trim())) return refuse("a rule is one line");
  const fields = tokenize(line.replace(/\n$/, ""));
  if (fields === undefined) return refuse("a double quote is not closed");
  const [typeField, databases, users, ...rest] = fields;
  if (typeField === undefined || databases === undefined || users === undefined) {
    return refuse("a rule has a type, databases, users, an address (unless local) and a method");
  }
  const type = (typeField[0] as Token).text;
  const { address, mask, remaining } = type === "local" ? { remaining: rest } : place(rest);
  const [method, ...optionFields] = remaining;
  if (type !== "local" && address === undefined) return refuse("an address is missing after the users");
  if (method === undefined) return refuse("the method is missing");
  const single = { type: typeField, address: address ?? [], mask: mask ?? [], method };
  const several = Object.entries(single).find(([, field]) => field.length > 1);
  if (several !== undefined) {
    const [column, field] = several;
    return refuse(`${field.map(({ text }) => text).join(",")} are several; a rule has one ${column}`);
  }
  const host = address?.[0];
  if (host?.quoted === true && addressKeywords.has(host.text)) {
    return refuse(`in quotes ${host.text} is the name of a host: write it without them`);
  }
  // Commas separate options as blanks do: a comma within a value stands in quotes.
  const words = optionFields.flat().map(({ text }) => text);
  const options = words.map(option);
  const bad = words.find((_, index) => options[index] === undefined);
  if (bad !== undefined) {
    if (type === "local" && bad === words[0]) return refuse("a local rule has no address");
    // It may be the rest of a secret that was to stand in quotes.
    const which = shown === line.trim() ? `the option "${bad}"` : "an option";
    return refuse(`${which} is not of the form name=value`);
  }
  const maskText = mask?.[0]?.text;
  return {
    rule: {
      type,
      databases: databases.map(name),
      users: users.map(name),
      ...(host === undefined ? {} : { address: host.text }),
      ...(maskText === undefined ? {} : { mask: maskText }),
      method: (method[0] as Token).text,
      options: options as HbaOption[],
    },
    problems: [],
  };
}

/** An address may be followed by its mask in a column of its own. */
function place(columns: readonly Token[][]): { address?: Token[]; mask?: Token[]; remaining: readonly Token[][] } {
  const [address, mask, ...rest] = columns;
  if (address === undefined) return { remaining: [] };
  // What looks like a mask is one, be it a wrong one: no method looks so.
  const numeric = (field: readonly Token[] | undefined) => /^[0-9.]+$|^[0-9a-f.:%]*:/i.test(field?.[0]?.text ?? "");
  const masked = numeric(address) && !address[0]?.text.includes("/") && numeric(mask);
  if (mask !== undefined && masked) return { address, mask, remaining: rest };
  return { address, remaining: columns.slice(1) };
}

function name({ text, quoted }: Token): HbaName {
  return { text, literal: quoted && hasMeaning(text) };
}

function option(text: string): HbaOption | undefined {
  const equals = text.indexOf("=");
  return equals < 1 ? undefined : { name: text.slice(0, equals), value: text.slice(equals + 1) };
}
