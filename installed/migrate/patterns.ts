/**
 * A pattern of a table as pg_dump and psql take it, since the dump leaves out by it what the migration brings: a schema and a table, in
 * which `*` is any text and `?` a character, capitals are small letters unless they are quoted, and the rest is a regular expression.
 */
export function regexesOf(pattern: string): readonly [string, string] {
  const parts = [""];
  let quoted = false;
  const add = (text: string) => {
    parts[parts.length - 1] += text;
  };
  for (let index = 0; index < pattern.length; index += 1) {
    const letter = pattern[index] as string;
    if (letter === '"') {
      if (quoted && pattern[index + 1] === '"') {
        add('"');
        index += 1;
      } else quoted = !quoted;
    } else if (quoted) add(/[|*+?()[\]{}.^$\\]/.test(letter) ? `\\${letter}` : letter);
    else if (letter === ".") parts.push("");
    else if (letter === "*") add(".*");
    else if (letter === "?") add(".");
    else if (letter === "$") add("\\$");
    else add(/[A-Z]/.test(letter) ? letter.toLowerCase() : letter);
  }
  const [first = "", ...rest] = parts;
  const [schema, table] = rest.length === 0 ? ["public", first] : [first, rest.join("\\.")];
  return [`^(${schema})$`, `^(${table})$`];
}
