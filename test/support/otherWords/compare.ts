import { inOtherWords } from "./words.js";

/** Properties of what programs are given that hold words for people, as texts. */
export const forPeople = new Set([
  ...["message", "object", "there", "declared", "reasons", "plan", "problems", "cause", "remedy"],
]);
const forPrograms = new Set(["message"]);

/** What is another at each look, whatever it is put in. */
const measured = new Set([
  ...["available", "ahead", "uncertainty", "free", "listeners", "lsn", "lagBytes", "lagSeconds"],
  ...["sourcePosition", "stackTrace", "created", "modified"],
]);

/** Lists whose order says nothing: of what is looked at all at once. */
const unordered = new Set(["differences", "dependencies", "told", "unknown"]);

/**
 * Where two values differ otherwise than in their words: paths, each with both values. `words`: properties that hold words;
 * those of the second are the first one's in other words, letter by letter.
 */
export function differing(one: unknown, other: unknown, words: ReadonlySet<string> = forPeople): readonly string[] {
  const found: string[] = [];
  const visit = (path: string, left: unknown, right: unknown, known: ReadonlySet<string>, isWords: boolean): void => {
    if (isObject(left) && isObject(right) && Array.isArray(left) === Array.isArray(right)) {
      const isList = Array.isArray(left);
      for (const key of new Set([...Object.keys(left), ...Object.keys(right)])) {
        if (measured.has(key)) continue;
        const anyOrder = unordered.has(key) || path.endsWith(".propertyDependencies");
        const [here, there] = anyOrder ? [sorted(left[key]), sorted(right[key])] : [left[key], right[key]];
        visit(`${path}.${key}`, here, there, key === "facts" ? forPrograms : known, isList ? isWords : known.has(key));
      }
      return;
    }
    const expected = isWords ? inOtherWords(left) : left;
    if (expected !== right) found.push(`${path}: ${JSON.stringify(left)} and ${JSON.stringify(right)}`);
  };
  visit("", one, other, words, false);
  return found;
}

/** By what programs read. */
function sorted(list: unknown): unknown {
  if (!Array.isArray(list)) return list;
  const key = (one: unknown) => {
    if (!isObject(one)) return JSON.stringify(one);
    const { urn, server, facts, difference, code } = one;
    return JSON.stringify([urn, server, facts, difference, code]);
  };
  return list.toSorted((left, right) => (key(left) < key(right) ? -1 : 1));
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
