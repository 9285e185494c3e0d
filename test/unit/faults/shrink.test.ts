import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { shortest } from "../../faults/shrink.js";

describe("the shortest sequence that still fails", () => {
  it("is what the failure needs, and nothing else", async () => {
    const steps = Array.from({ length: 40 }, (_, index) => index);
    const tried: number[] = [];
    const found = await shortest(steps, async (shorter) => {
      tried.push(shorter.length);
      return [7, 8, 31].every((step) => shorter.includes(step));
    });
    expect(found).toEqual([7, 8, 31]);
    expect(tried.length).toBeLessThan(40);
  });

  it("fails, is a part in the same order, and loses its failure with any one step", async () => {
    const sequence = fc.uniqueArray(fc.nat(60), { minLength: 1, maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(sequence, fc.nat(), fc.nat(), async (steps, one, other) => {
        const needed = [steps[one % steps.length], steps[other % steps.length]];
        const fails = async (shorter: readonly number[]) => needed.every((step) => shorter.includes(step as number));
        const found = await shortest(steps, fails);
        expect(found).toEqual(steps.filter((step) => needed.includes(step)));
      }),
    );
  });

  it("is what was found when the time is over", async () => {
    let asked = 0;
    const found = await shortest(
      [1, 2, 3, 4],
      async (shorter) => {
        asked += 1;
        return shorter.includes(3);
      },
      () => asked < 2,
    );
    expect(found).toEqual([3, 4]);
  });
});
