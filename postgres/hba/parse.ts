import { isIP } from "node:net";
import { error, type Problem } from "../problem.js";
import { type HbaName, type HbaOption, type HbaRule, hasMeaning } from "./rule.js";
import { type Token, tokenize } from "./tokens.js";

/** One record or include directive of a file. */
export interface HbaEntry {
  /** Number of its first line, counted from 1. */
  readonly line: number;
  readonly rule?: HbaRule;
  /** `include`, `include_if_exists` or `include_dir` (16 and later) with its path. */
  readonly include?: { readonly directive: string; readonly path: string };
}

/**
 * Reads a whole pg_hba.conf. Lines that end in a backslash go on (14 and later; before, none of them does, and such a line
 * is a record that no server accepts). What cannot be read is a problem with the path `line N`.
 */
export function parseHba(text: string): {
  readonly entries: readonly HbaEntry[];
  readonly problems: readonly Problem[];
} {
  const entries: HbaEntry[] = [];
  const problems: Problem[] = [];
  const lines = text.split(/\r?\n/);
  for (let index = 0; index < lines.length; index++) {
    const line = index + 1;
    let logical = lines[index] as string;
    while (logical.endsWith("\\") && index + 1 < lines.length) logical = logical.slice(0, -1) + lines[++index];
    if (tokenize(logical)?.length === 0) continue;
    const include = /^\s*(include|include_if_exists|include_dir)\s+(\S.*?)\s*$/.exec(logical);
    if (include !== null) {
      const path = (include[2] as string).replace(/^"(.*)"$/, "$1");
      entries.push({ line, include: { directive: include[1] as string, path } });
      continue;
    }
    const parsed = parseHbaLine(logical, `line ${line}`);
    problems.push(...parsed.problems);
    if (parsed.rule !== undefined) entries.push({ line, rule: parsed.rule });
  }
  return { entries, problems };
}

/** Reads one record, as a line of pg_hba.conf or of a stack file's `access`. Problems have the path given. */
export function parseHbaLine(
  line: string,
  path: string,
): { readonly rule?: HbaRule; readonly problems: readonly Problem[] } {
  const refuse = (message: string) => ({ problems: [error(path, `"${line.trim()}": ${message}`)] });
  if (/[\r\n\0]/.test(line)) return refuse("a rule is one line");
  const fields = tokenize(line);
  if (fields === undefined) return refuse("a double quote is not closed");
  const [typeField, databases, users, ...rest] = fields;
  if (typeField === undefined || databases === undefined || users === undefined) {
    return refuse("a rule has a type, databases, users, an address (unless local) and a method");
  }
  const columns = rest.map((field) => field.map(({ text }) => text).join(","));
  const type = (typeField[0] as Token).text;
  const { address, mask, remaining } = type === "local" ? { remaining: columns } : place(columns);
  const [method, ...optionTexts] = remaining;
  if (type !== "local" && address === undefined) return refuse("an address is missing after the users");
  if (method === undefined) return refuse("the method is missing");
  const options = optionTexts.map(option);
  const bad = optionTexts.find((_, index) => options[index] === undefined);
  if (bad !== undefined) return refuse(`the option "${bad}" is not of the form name=value`);
  return {
    rule: {
      type,
      databases: databases.map(name),
      users: users.map(name),
      ...(address === undefined ? {} : { address }),
      ...(mask === undefined ? {} : { mask }),
      method,
      options: options as HbaOption[],
    },
    problems: [],
  };
}

/** An address may be followed by its mask in a column of its own. */
function place(columns: readonly string[]): { address?: string; mask?: string; remaining: readonly string[] } {
  const [address, mask, ...rest] = columns;
  if (address === undefined) return { remaining: [] };
  if (isIP(address) !== 0 && mask !== undefined && isIP(mask) !== 0) return { address, mask, remaining: rest };
  return { address, remaining: columns.slice(1) };
}

function name({ text, quoted }: Token): HbaName {
  return { text, literal: quoted && hasMeaning(text) };
}

function option(text: string): HbaOption | undefined {
  const equals = text.indexOf("=");
  return equals < 1 ? undefined : { name: text.slice(0, equals), value: text.slice(equals + 1) };
}
