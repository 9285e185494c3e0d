import { error, type Problem } from "../problem.js";
import { quotedLine } from "../secrets/text.js";

/**
 * A value in single quotes, as guc-file.l of every version from 9.0 to 18 reads it back: quotes are doubled, backslashes too
 * (in quotes they begin an escape), and a line break is \n or \r because a quoted value ends with its line.
 *
 * @throws where the value holds a NUL character, which no version can read.
 */
export function quoteValue(value: string): string {
  if (value.includes("\0")) throw new Error("a value with a NUL character cannot be written to a configuration file");
  const escaped = value.replaceAll("\\", "\\\\").replaceAll("'", "''").replaceAll("\n", "\\n").replaceAll("\r", "\\r");
  return `'${escaped}'`;
}

/** Bytes and not code units decide the order, so that every machine renders the same. */
function byName([a]: readonly [string, string], [b]: readonly [string, string]): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

const writtenByPgsite =
  "Written by pgsite. Change the stack file, then run `pulumi up`: edits made here are reported and undone.";

/**
 * postgresql.conf, or recovery.conf, from names and values: a header of comments, then one setting a line, sorted, every value
 * quoted (9.0's recovery.conf takes no other). Ends with a line break. `header` replaces pgsite's own line; a line break
 * within one of its lines starts another comment.
 */
export function renderConfiguration(
  values: Readonly<Record<string, string>>,
  options: { readonly header?: readonly string[] } = {},
): string {
  const comments = (options.header ?? [writtenByPgsite]).flatMap((line) => line.split(/[\r\n]+/));
  const lines = Object.entries(values)
    .sort(byName)
    .map(([name, value]) => `${name} = ${quoteValue(value)}`);
  return [...comments.map((line) => `# ${line}`.trimEnd()), ...(comments.length > 0 ? [""] : []), ...lines, ""].join(
    "\n",
  );
}

/** One setting as a file holds it. */
export interface ConfigurationLine {
  /** As written: PostgreSQL compares names without regard to case. */
  readonly name: string;
  /** Without its quotes and escapes. */
  readonly value: string;
  /** Counted from 1. */
  readonly line: number;
}

export interface Include {
  readonly directive: "include" | "include_if_exists" | "include_dir";
  readonly path: string;
  readonly line: number;
}

export interface ParsedConfiguration {
  /** The value in force for each name, in the spelling of its last line: the last line wins. */
  readonly values: Readonly<Record<string, string>>;
  /** Every setting in the file, in its order, those that a later one overrides too. */
  readonly lines: readonly ConfigurationLine[];
  /** Files that the server would read too; they are not followed. */
  readonly includes: readonly Include[];
  /** Lines that the server would refuse; `path` is `line 12`. */
  readonly problems: readonly Problem[];
}

/**
 * The words of a line, as guc-file.l of every version has them; a character that is none of ASCII's is a letter. Of two that
 * begin at the same place the longer one counts, of two as long the one that stands here first.
 */
const words = {
  name: /[a-z_\u0080-\uffff][a-z0-9_\u0080-\uffff]*/iy,
  qualified: /[a-z_\u0080-\uffff][a-z0-9_\u0080-\uffff]*\.[a-z_\u0080-\uffff][a-z0-9_\u0080-\uffff]*/iy,
  quoted: /'(?:[^'\\]|\\.|'')*'/sy,
  bare: /[a-z_\u0080-\uffff][a-z0-9_\u0080-\uffff\-._:/]*/iy,
  integer: /[-+]?(?:0x[0-9a-fA-F]+|[0-9]+)[a-zA-Z]*/y,
  real: /[-+]?[0-9]*\.[0-9]*(?:[eE][-+]?[0-9]+)?/y,
  equals: /=/y,
} as const;

type Kind = keyof typeof words;

/** White space between words: a carriage return, as Windows' editors leave it, is some; what else Unicode calls a space is none. */
const space = /[ \t\r]*/y;

interface Word {
  readonly kind: Kind;
  readonly text: string;
  readonly start: number;
}

const kinds = Object.entries(words) as readonly (readonly [Kind, RegExp])[];

/** A setting has a name, perhaps a sign of equality, and a value. */
const most = 3;

/** The words of a line up to its comment; undefined where something else stands in it, or more than a setting has. */
function wordsOf(line: string): readonly Word[] | undefined {
  const found: Word[] = [];
  for (let start = after(space, line, 0); start < line.length && line[start] !== "#"; ) {
    const word = found.length < most ? wordAt(line, start) : undefined;
    if (word === undefined) return undefined;
    found.push(word);
    start = after(space, line, start + word.text.length);
  }
  return found;
}

function wordAt(line: string, start: number): Word | undefined {
  let [longest, end]: [Kind | undefined, number] = [undefined, start];
  for (const [kind, pattern] of kinds) {
    const ends = after(pattern, line, start);
    if (ends > end) [longest, end] = [kind, ends];
  }
  return longest && { kind: longest, start, text: line.slice(start, end) };
}

/** Where a word that begins at a place ends; there, where none does. */
function after(pattern: RegExp, line: string, start: number): number {
  pattern.lastIndex = start;
  return pattern.test(line) ? pattern.lastIndex : start;
}

const escapes: Readonly<Record<string, string>> = { b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" };

/** What one piece of `piecesOf` stands for. */
function meant(piece: string): string {
  if (piece === "''") return "'";
  if (!piece.startsWith("\\")) return piece;
  // Bytes by their octal numbers: several make one letter that is none of ASCII's.
  const bytes = [...piece.matchAll(/\\([0-7]{1,3})/g)].map(([, octal = ""]) => Number.parseInt(octal, 8) & 0xff);
  if (bytes.length > 0) return Buffer.from(bytes).toString("utf8");
  return escapes[piece.slice(1)] ?? piece.slice(1);
}

/** What stands between the quotes, as GUC_scanstr reads it: '' and \' are quotes, \b \f \n \r \t and octal as in C, where NUL ends a text. */
function unescapeQuoted(inner: string): string {
  if (!/['\\\0]/.test(inner)) return inner;
  const text = piecesOf(inner).map(meant).join("");
  const end = text.indexOf("\0");
  return end < 0 ? text : text.slice(0, end);
}

/**
 * Reads postgresql.conf, postgresql.auto.conf or recovery.conf as guc-file.l does: comments, an optional `=`, quoted and bare
 * values. Nothing is thrown: what the server would refuse is a problem, and the other lines are read all the same. Whether a
 * setting exists and its value will do is not asked here.
 */
export function parseConfiguration(text: string): ParsedConfiguration {
  const lines: ConfigurationLine[] = [];
  const includes: Include[] = [];
  const problems: Problem[] = [];
  for (const [index, raw] of text.split("\n").entries()) {
    const line = index + 1;
    const found = wordsOf(raw);
    if (found?.length === 0) continue;
    const read = settingIn(raw, found);
    if (typeof read === "string") {
      problems.push(error(`line ${line}`, `"${quotedLine(raw)}" ${read}`));
      continue;
    }
    const directive = /^(?:include|include_if_exists|include_dir)$/i.exec(read.name)?.[0]?.toLowerCase();
    if (directive === "include" || directive === "include_if_exists" || directive === "include_dir") {
      includes.push({ directive, path: read.value, line });
    } else {
      lines.push({ ...read, line });
    }
  }
  const last = new Map(lines.map((one) => [one.name.toLowerCase(), one]));
  const values: Record<string, string> = Object.create(null);
  for (const { name, value } of last.values()) values[name] = value;
  return { values: { ...values }, lines, includes, problems };
}

/** What a line sets, or why it cannot be read. */
function settingIn(
  line: string,
  found: readonly Word[] | undefined,
): Pick<ConfigurationLine, "name" | "value"> | string {
  const written = writtenWith(line, found);
  if (written === undefined) return "is not a setting; allowed: name = value, or name = 'value'";
  const { name, quoted, inner } = written;
  const value = quoted ? unescapeQuoted(inner) : inner;
  // The server takes both: bytes as they are, and up to somewhere before a NUL.
  if (inner.includes("\0")) return "has a NUL character in its value, which ends there: take it out";
  if (/\ufffd/.test(name + value)) return "has bytes that are no UTF-8: write the file in UTF-8";
  return { name, value };
}

/** A setting as a line writes it. */
export interface WrittenSetting {
  readonly name: string;
  readonly quoted: boolean;
  /** Between the quotes, escapes and all. */
  readonly inner: string;
  /** Where `inner` begins in the line. */
  readonly start: number;
}

/** The setting in a line; undefined where the server would refuse it. */
export function writtenIn(line: string): WrittenSetting | undefined {
  return writtenWith(line, wordsOf(line));
}

function writtenWith(line: string, found: readonly Word[] = []): WrittenSetting | undefined {
  const [name, ...rest] = found;
  const [value, more] = rest[0]?.kind === "equals" ? rest.slice(1) : rest;
  if (name === undefined || value === undefined || more !== undefined) return undefined;
  if (name.kind !== "name" && name.kind !== "qualified") return undefined;
  // A name of two parts is no value without quotes: `search_path = a.b` is refused.
  if (value.kind === "qualified" || value.kind === "equals") return undefined;
  const marks = value.kind === "quoted" ? 1 : 0;
  const [start, end] = [value.start + marks, value.start + value.text.length - marks];
  return { name: name.text, quoted: marks === 1, inner: line.slice(start, end), start };
}

/**
 * Which piece of what is written between quotes each character of the value comes from. Bytes that are written by their octal
 * numbers and make one letter are one piece.
 */
export function piecesOf(inner: string): readonly string[] {
  return inner.match(/''|\\3[0-7]{2}(?:\\2[0-7]{2})+|\\(?:[0-7]{1,3}|[\s\S])|[\s\S]/g) ?? [];
}

export { unescapeQuoted };
