/** Classes of characters as [[:alpha:]] names them. */
const known: ReadonlySet<string> = new Set(
  "alnum alpha ascii blank cntrl digit graph lower print punct space upper xdigit word".split(" "),
);

/**
 * What is wrong with a regular expression of pg_hba.conf (16 and later), or undefined. PostgreSQL's are "advanced" ones; what
 * JavaScript takes as well is taken, and what begins with a director or options of PostgreSQL's own is left to the server.
 */
export function regexProblem(text: string): string | undefined {
  if (/^(?:\*\*\*|\(\?[a-z]+\))/.test(text)) return undefined;
  const bounds = [...text.matchAll(/\{(\d+)(?:,(\d*))?\}/g)].flatMap(([, least, most]) => [least, most]);
  if (bounds.some((bound) => Number(bound ?? 0) > 255)) return "a bound is 255 at most";
  const classes = [...text.matchAll(/\[:([^\]]*):\]/g)].map(([, name]) => name ?? "");
  const unknown = classes.find((name) => !known.has(name));
  if (unknown !== undefined) return `there is no class [:${unknown}:]`;
  const plain = text.replace(/\(\?#[^)]*\)/g, "");
  if (/(?:^|[^\\])(?:\\\\)*\(\?(?:<[^=!]|P)/.test(plain)) return "groups have no names";
  try {
    new RegExp(plain);
    return undefined;
  } catch (failure) {
    return (failure as Error).message.replace(/^Invalid regular expression: .*: /s, "").toLowerCase();
  }
}
