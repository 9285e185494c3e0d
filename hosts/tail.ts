/** The last part of a text that may be without end: what a program said before it ended is what tells of a failure. */
export class Tail {
  #text = "";
  #left = 0;

  /** @param limit in characters */
  constructor(private readonly limit: number) {}

  push(text: string): void {
    const all = this.#text + text;
    const over = Math.max(0, all.length - this.limit);
    this.#left += over;
    this.#text = all.slice(over);
  }

  /** From here on, as if what was there until then had not been said. @param length in characters */
  drop(length: number): void {
    this.#text = this.#text.slice(length);
    this.#left = 0;
  }

  /** What is kept of it, without a word of ours. */
  get kept(): string {
    return this.#text;
  }

  get text(): string {
    return this.#left === 0 ? this.#text : `(${this.#left} characters left out)\n${this.#text}`;
  }
}
