/** A stretch of a text. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** What stands for a secret. */
export const mask = "********";

/** What is said of a value that looks the same, its secret masked, and is another. */
export const anotherSecret = "(with another secret)";

const masks = /\*{8,}/g;

/** A text with its secrets masked, and what the masks stand for, in order. */
export interface Masked {
  readonly text: string;
  readonly secrets: readonly string[];
}

/** A text without what stands at `spans`. `unmasked` gives it back. */
export function maskedAt(text: string, spans: readonly Span[]): Masked {
  const parts: string[] = [];
  const secrets: string[] = [];
  let end = 0;
  for (const span of apart(text, spans)) {
    parts.push(text.slice(end, span.start), mask);
    secrets.push(text.slice(span.start, span.end));
    end = span.end;
  }
  return { text: [...parts, text.slice(end)].join(""), secrets };
}

/** The reverse of `maskedAt`. */
export function unmasked(text: string, secrets: readonly string[]): string {
  let index = 0;
  return text.replace(masks, (found) => secrets[index++] ?? found);
}

/**
 * In order, none within or beside another; asterisks that are there already count as one more, and those beside a secret
 * as part of it, so that each mask of the result is one of ours.
 */
function apart(text: string, spans: readonly Span[]): Span[] {
  const there = [...text.matchAll(masks)].map(({ index, 0: found }) => ({ start: index, end: index + found.length }));
  const wide = spans
    .filter(({ start, end }) => end > start)
    .map(({ start, end }) => {
      let [from, to] = [start, end];
      while (text[from - 1] === "*") from--;
      while (text[to] === "*") to++;
      return { start: from, end: to };
    });
  const found: { start: number; end: number }[] = [];
  for (const span of [...wide, ...there].sort((left, right) => left.start - right.start)) {
    const last = found.at(-1);
    if (last !== undefined && span.start <= last.end) last.end = Math.max(last.end, span.end);
    else found.push({ ...span });
  }
  return found;
}
