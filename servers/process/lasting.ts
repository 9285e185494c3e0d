/** How long something has been so without a break. */
export class Lasting {
  #since: number | undefined;

  /** Notes whether it is so now. @returns milliseconds */
  for(isSo: boolean): number {
    this.#since = isSo ? (this.#since ?? Date.now()) : undefined;
    return this.#since === undefined ? 0 : Date.now() - this.#since;
  }
}
