import type { HbaName, HbaRule } from "./rule.js";

/**
 * pg_hba.conf: a header of comments, then one rule a line in the order given, in aligned columns. Ends with a line break.
 * @throws for a name or option with a line break or NUL, which no file can hold
 */
export function renderHba(rules: readonly HbaRule[], options: { readonly header?: readonly string[] } = {}): string {
  const { header = [] } = options;
  const rows = rules.map(columns);
  const widths = [0, 1, 2, 3].map((column) => Math.max(0, ...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
  return [...header.map((line) => `# ${line}`), ...(header.length > 0 ? [""] : []), ...lines, ""].join("\n");
}

/** A rule as one line, its columns two blanks apart. */
export function renderHbaLine(rule: HbaRule): string {
  return columns(rule)
    .filter((cell) => cell !== "")
    .join("  ");
}

function columns({ type, databases, users, address, mask, method, options }: HbaRule): string[] {
  const place = [address, mask].filter((part) => part !== undefined).join(" ");
  const settings = options.map(({ name, value }) => `${name}=${needsQuotes(value) ? inQuotes(value) : value}`);
  return [type, databases.map(name).join(","), users.map(name).join(","), place, [method, ...settings].join(" ")];
}

function name({ text, literal }: HbaName): string {
  return literal || needsQuotes(text) ? inQuotes(text) : text;
}

function needsQuotes(text: string): boolean {
  return text === "" || /[\s,#"\\]/.test(text);
}

function inQuotes(text: string): string {
  if (/[\r\n\0]/.test(text)) throw new Error("pg_hba.conf cannot hold a line break or NUL");
  return `"${text.replaceAll('"', '""')}"`;
}
