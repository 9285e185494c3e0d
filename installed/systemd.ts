/** One word of a command line: no variable, beside what `word` does. */
export function argument(text: string): string {
  return word(text.replaceAll("$", "$$$$"));
}

/** One word of a list (systemd.syntax, "Quoting"; systemd.unit, "Specifiers"). */
export function word(text: string): string {
  const escaped = specifier(text).replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(escaped) ? escaped : `"${escaped}"`;
}

function specifier(text: string): string {
  return text.replaceAll("%", "%%");
}
