import { type HbaName, type HbaRule, hasSigil } from "./rule.js";

/**
 * pg_hba.conf: a header of comments, then one rule a line in the order given, in aligned columns. Ends with a line break.
 * The bytes depend on the arguments alone, and `parseHba` reads the same rules back.
 * @throws for a rule with a line break or NUL in it, which no file can hold
 */
export function renderHba(rules: readonly HbaRule[], options: { readonly header?: readonly string[] } = {}): string {
  const comments = (options.header ?? []).flatMap((line) => line.split(/[\r\n]+/));
  const rows = rules.map(columns);
  const widths = [0, 1, 2, 3].map((column) =>
    Math.max(0, ...rows.map((row) => row[column]?.length ?? 0).filter((width) => width <= widest)),
  );
  const lines = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
  // The empty line also ends a comment that a backslash at its end would continue (14 and later).
  return [...comments.map((line) => `# ${line}`.trimEnd()), ...(comments.length > 0 ? [""] : []), ...lines, ""].join(
    "\n",
  );
}

/** A longer cell stands out of its column, lest it make every line too long for the servers that limit them. */
const widest = 60;

/** A rule as one line, its columns two blanks apart. @throws as `renderHba` */
export function renderHbaLine(rule: HbaRule): string {
  return columns(rule)
    .filter((cell) => cell !== "")
    .join("  ");
}

function columns({ type, databases, users, address, mask, method, options }: HbaRule): string[] {
  const place = [address, mask].flatMap((part) => (part === undefined ? [] : [word(part)])).join(" ");
  const settings = options.map(({ name, value }) => `${word(name)}=${value === "" ? "" : word(value)}`);
  return [
    word(type),
    databases.map(name).join(","),
    users.map(name).join(","),
    place,
    [word(method), ...settings].join(" "),
  ];
}

/** A quote at the very beginning would take the meaning of +role, @file and /expression away: it comes after the sign. */
function name({ text, literal }: HbaName): string {
  if (literal) return inQuotes(text);
  return hasSigil(text) && text.length > 1 ? text.slice(0, 1) + word(text.slice(1)) : word(text);
}

function word(text: string): string {
  return text === "" || /[\s\0,#"\\]/.test(text) ? inQuotes(text) : text;
}

function inQuotes(text: string): string {
  if (/[\r\n\0]/.test(text)) throw new Error("pg_hba.conf cannot hold a line break or NUL");
  return `"${text.replaceAll('"', '""')}"`;
}
