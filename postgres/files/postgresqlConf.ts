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

const assignment =
  /^[ \t\r\f\v]*([A-Za-z_\u0080-\uffff][A-Za-z0-9_\u0080-\uffff]*(?:\.[A-Za-z_\u0080-\uffff][A-Za-z0-9_\u0080-\uffff]*)?)(?:[ \t\r\f\v]*=[ \t\r\f\v]*|[ \t\r\f\v]+|(?=['+]))(.*)$/s;
const quoted = /^'((?:[^'\\\n]|\\[^\n]|'')*)'(.*)$/s;
const bare =
  /^([-+]?(?:0[xX][0-9a-fA-F]+|[0-9]+)[A-Za-z]*|[-+]?[0-9]*\.[0-9]*(?:[eE][-+]?[0-9]+)?|[A-Za-z_\u0080-\uffff][A-Za-z0-9_\u0080-\uffff\-._:/]*)(?=[ \t\r\f\v#]|$)(.*)$/s;

/** White space and a comment, which ends with its line alone: a carriage return, as Windows' editors leave it, is white space. */
const nothing = /^[ \t\r\f\v]*(?:#.*)?$/s;

const escapes: Readonly<Record<string, string>> = { b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" };

/** What stands between the quotes, as GUC_scanstr reads it: '' and \' are quotes, \b \f \n \r \t and octal as in C. */
function unescapeQuoted(inner: string): string {
  return inner.replaceAll(/''|\\([0-7]{1,3}|.)/gs, (whole, after: string | undefined) => {
    if (after === undefined || whole === "''") return "'";
    if (/^[0-7]/.test(after)) return String.fromCharCode(Number.parseInt(after, 8) & 0xff);
    return escapes[after] ?? after;
  });
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
    if (nothing.test(raw)) continue;
    const read = readLine(raw);
    if (read === undefined) {
      problems.push(
        error(`line ${line}`, `"${quotedLine(raw)}" is not a setting; allowed: name = value, or name = 'value'`),
      );
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

function readLine(raw: string): Pick<ConfigurationLine, "name" | "value"> | undefined {
  const written = writtenIn(raw);
  if (written === undefined) return undefined;
  const { name, quoted: inQuotes, inner } = written;
  return { name, value: inQuotes ? unescapeQuoted(inner) : inner };
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
export function writtenIn(raw: string): WrittenSetting | undefined {
  const [whole, name, rest] = assignment.exec(raw) ?? [];
  if (whole === undefined || name === undefined || rest === undefined) return undefined;
  const inQuotes = quoted.exec(rest);
  const [, inner, after] = inQuotes ?? bare.exec(rest) ?? [];
  if (inner === undefined || after === undefined || !nothing.test(after)) return undefined;
  const start = raw.length - rest.length + (inQuotes === null ? 0 : 1);
  return { name, quoted: inQuotes !== null, inner, start };
}

/** Which piece of what is written between quotes each character of the value comes from. */
export function piecesOf(inner: string): readonly string[] {
  return inner.match(/''|\\(?:[0-7]{1,3}|[\s\S])|[\s\S]/g) ?? [];
}

export { unescapeQuoted };
