/** A line that a program of `installed/` prints for programs: a word, and what it says more. */
export interface JobEvent {
  readonly word: string;
  readonly fields: readonly string[];
}

/** Fields are separated by tabs; a tab, a line break or a backslash in one is escaped. */
export function parseEvent(line: string): JobEvent {
  const [word = "", ...fields] = line.split("\t").map(unescaped);
  return { word, fields };
}

function unescaped(field: string): string {
  const meant: Readonly<Record<string, string>> = { t: "\t", n: "\n", r: "\r", b: "\b", f: "\f", v: "\v" };
  return field.replace(/\\(.)/g, (_, letter: string) => meant[letter] ?? letter);
}

/** A number of a field; undefined where it stands for none (`-`). */
export function numberIn(field: string | undefined): number | undefined {
  return field === undefined || !/^\d+$/.test(field) ? undefined : Number(field);
}
