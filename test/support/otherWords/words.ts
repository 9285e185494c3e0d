/*
 * Other words in the place of pgsite's own: each letter is one of another alphabet, and what is none stays. Two texts that
 * differ still do, and a text in other words is its own.
 */

export function otherWords(text: string): string {
  return text.replace(/[A-Za-z]/g, (letter) => {
    const [from, to] = letter <= "Z" ? ["A", "А"] : ["a", "а"];
    return String.fromCharCode(letter.charCodeAt(0) - from.charCodeAt(0) + to.charCodeAt(0));
  });
}

/** Properties that hold words, in what makes sentences returns. */
const words = new Set(["message", "object", "there", "declared", "cause", "remedy"]);

/** The same value, with its words replaced: a text, texts, or what has them in properties for people. */
export function inOtherWords<T>(value: T): T {
  return replaced(value) as T;
}

function replaced(value: unknown): unknown {
  if (typeof value === "string") return otherWords(value);
  if (Array.isArray(value)) return value.map(replaced);
  if (typeof value === "function") return (...args: unknown[]) => replaced(value(...args));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, words.has(key) ? replaced(one) : one]));
}

const Original = globalThis.Error;

/** What our own sources construct as errors. Anything that is an error is one of these; our own classes stay apart. */
export class OtherError extends Original {
  constructor(message?: string, options?: ErrorOptions) {
    super(message === undefined ? message : otherWords(message), options);
  }
}

Object.defineProperty(OtherError, Symbol.hasInstance, {
  value(this: unknown, value: unknown): boolean {
    return this === OtherError ? value instanceof Original : Function.prototype[Symbol.hasInstance].call(this, value);
  },
});
