import type { Problem } from "../postgres/problem.js";

/**
 * Where a stack file is wrong in form, so that nothing is known of what belongs there. What is said of the rest must not come
 * of that: "there is no server db1" of a server whose name was misspelt.
 */
export class Holes {
  readonly #paths = new Set<string>();

  add(path: string): void {
    this.#paths.add(path);
  }

  get isEmpty(): boolean {
    return this.#paths.size === 0;
  }

  has(path: string): boolean {
    return this.#paths.has(path);
  }

  /** Those that are so whatever belongs into the holes. */
  certain<One extends Problem>(problems: readonly One[]): readonly One[] {
    if (this.isEmpty) return problems;
    return problems.filter(({ path, rests = [] }) => ![...this.#paths].some((hole) => isAbout(path, rests, hole)));
  }
}

/** Whether what is said at a path would be otherwise with something else in a hole. */
function isAbout(path: string, rests: readonly string[], hole: string): boolean {
  return isWithin(path, hole) || isWithin(hole, path) || rests.some((one) => isWithin(one, hole));
}

/** Whether a place is another, or in it. */
export function isWithin(path: string, outer: string): boolean {
  return path === outer || path.startsWith(`${outer}.`) || path.startsWith(`${outer}[`);
}
