/** Milliseconds for which a read trusts what another read of the same refresh found: too short for a change in between. */
const trusted = 3000;

/** Answers that several resources of one refresh ask for: each is asked once. */
export class Recent<T> {
  static readonly #all = new Set<Recent<unknown>>();
  readonly #answers = new Map<string, { readonly at: number; readonly answer: Promise<T> }>();

  constructor() {
    Recent.#all.add(this as Recent<unknown>);
  }

  /** @param fresh as it is now, not as another resource read it a moment ago */
  get(key: string, ask: () => Promise<T>, fresh = false): Promise<T> {
    const known = this.#answers.get(key);
    if (!fresh && known !== undefined && Date.now() - known.at < trusted) return known.answer;
    const answer = ask();
    this.#answers.set(key, { at: Date.now(), answer });
    return answer;
  }

  /** Nothing that was found a moment ago is true any more: something was changed. */
  static forgetAll(): void {
    for (const one of Recent.#all) one.#answers.clear();
  }
}
