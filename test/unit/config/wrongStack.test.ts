import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { resolveStack } from "../../../config/resolve.js";
import { type Fault, faults, rawOf, rightStack } from "../../support/wrongStack.js";

/* All problems of a stack file come in one preview: each once, with its path and a remedy, and nothing that is none. */

function errorsOf(some: readonly Fault[]) {
  const values = rightStack();
  for (const { make } of some) make(values);
  return resolveStack("site", rawOf(values)).problems.filter(({ severity }) => severity === "error");
}

/** What is not said once, and what is said beside it. Several keys that are none stand in one line. */
function missed(some: readonly Fault[]) {
  const errors = errorsOf(some);
  const tells = (one: (typeof errors)[number], { place, path = place, says }: Fault) =>
    one.path === path && says.test(one.message);
  return {
    notOnce: some.filter((fault) => errors.filter((one) => tells(one, fault)).length !== 1).map(({ name }) => name),
    phantoms: errors
      .filter((one) => !some.some((fault) => tells(one, fault)))
      .map(({ path, message }) => `${path}: ${message}`),
  };
}

/** No place is within another's, and none points into one. */
function apart(some: readonly Fault[]): boolean {
  const within = (one: string, other: string) =>
    one === other || one.startsWith(`${other}.`) || one.startsWith(`${other}[`);
  return some.every((one, index) =>
    some.every(
      (other, at) =>
        at === index || !(within(one.place, other.place) || within(other.place, one.place) || one.into === other.place),
    ),
  );
}

describe("a stack file", () => {
  it("is right without faults", () => {
    expect(errorsOf([])).toEqual([]);
  });

  it.each(faults)("with $name is told so, and nothing else", (fault) => {
    expect(missed([fault])).toEqual({ notOnce: [], phantoms: [] });
  });

  it("with up to six faults is told each of them, and nothing else", { timeout: 60_000 }, () => {
    const several = fc.uniqueArray(fc.constantFrom(...faults), { minLength: 2, maxLength: 6 }).filter(apart);
    fc.assert(
      fc.property(several, (some) => {
        expect(missed(some)).toEqual({ notOnce: [], phantoms: [] });
      }),
      { numRuns: 200 },
    );
  });
});
