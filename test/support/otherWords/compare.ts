import { inOtherWords, wordsIn } from "./words.js";

/**
 * Where two values differ otherwise than in their words: paths, each with both values. `words`: properties that hold words;
 * in other words they are the first one's, letter by letter.
 */
export function differing(one: unknown, other: unknown, words: ReadonlySet<string> = wordsIn): readonly string[] {
  const found: string[] = [];
  const visit = (path: string, left: unknown, right: unknown, isWords: boolean): void => {
    if (isObject(left) && isObject(right) && Array.isArray(left) === Array.isArray(right)) {
      for (const key of new Set([...Object.keys(left), ...Object.keys(right)])) {
        visit(`${path}.${key}`, left[key], right[key], isWords || words.has(key));
      }
      return;
    }
    const expected = isWords ? inOtherWords(left) : left;
    if (expected !== right) found.push(`${path}: ${JSON.stringify(left)} and ${JSON.stringify(right)}`);
  };
  visit("", one, other, false);
  return found;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
