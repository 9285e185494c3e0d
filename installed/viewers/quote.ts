/**
 * The one function by which a text becomes a word of httpd's configuration. Within quotes a backslash keeps a quote, and 2.4 puts
 * a variable in the place of ${NAME}, which no quotes keep: such a text is refused.
 * @throws for what no word can hold
 */
export function httpdWord(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a line break would begin another directive
  if (/[\x00-\x1f\x7f]/.test(text)) throw new Error("a word of httpd's configuration has no control character in it");
  if (text.includes("${")) throw new Error(`${JSON.stringify(text)} has a variable of httpd's in it`);
  return `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}

/** A text as Python writes it, for a directive that takes an expression of Python's. */
export function pythonString(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a line break would end the string
  if (/[\x00-\x1f\x7f]/.test(text)) throw new Error("a string in httpd's configuration has no control character in it");
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
