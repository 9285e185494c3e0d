/**
 * The one function by which a text becomes a word of a POSIX shell: everything of ours that a remote shell reads has
 * gone through it. The word takes one line, since remote shells read requests line by line: a line break is `$nl`.
 * @throws for what no program's argument can hold
 */
export function quote(text: string): string {
  if (text.includes("\0")) throw new Error("an argument of a program has no NUL in it");
  return `'${text.replaceAll("'", `'\\''`).replaceAll("\n", `'"$nl"'`)}'`;
}

/** Words of a command. */
export function quoteAll(words: readonly string[]): string {
  return words.map(quote).join(" ");
}

/** Sets a variable for the program that follows, where its name is one. @throws where it is not */
export function exportLine(name: string, value: string): string {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) throw new Error(`${JSON.stringify(name)} is no name of a variable`);
  return `export ${name}=${quote(value)}`;
}
