import { uniformInt } from "pure-rand/distribution/uniformInt";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";

/** Draws; the same seed, the same draws. */
export class Random {
  readonly #generator;

  constructor(seed: number) {
    this.#generator = xoroshiro128plus(seed);
  }

  /** A whole number between both, these included. */
  between(least: number, most: number): number {
    return uniformInt(this.#generator, least, most);
  }

  /** True in so many of a hundred cases. */
  percent(cases: number): boolean {
    return this.between(1, 100) <= cases;
  }

  /** @throws where there is nothing to pick from */
  pick<T>(from: readonly T[]): T {
    if (from.length === 0) throw new Error("nothing to pick from");
    return from[this.between(0, from.length - 1)] as T;
  }

  /** One of them, each as often as its weight says. */
  weighted<T extends { readonly weight: number }>(from: readonly T[]): T {
    return this.pick(from.flatMap((one) => Array.from({ length: one.weight }, () => one)));
  }
}
