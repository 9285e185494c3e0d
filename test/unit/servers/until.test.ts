import { afterEach, describe, expect, it } from "vitest";
import { until } from "../../../servers/process/until.js";

describe("waiting", () => {
  const warnings: Error[] = [];
  const hear = (warning: Error) => warnings.push(warning);
  afterEach(() => {
    process.off("warning", hear);
    warnings.length = 0;
  });

  it("leaves nothing with the signal, however often it looks", async () => {
    process.on("warning", hear);
    const { signal } = new AbortController();
    let looks = 0;
    const enough = async () => ++looks > 40;
    expect(await until(enough, { deadline: 60_000, interval: 1, signal })).toBe(true);
    // Warnings come in a later turn.
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(warnings).toEqual([]);
    looks = 0;
    expect(await until(enough, { deadline: 60_000, interval: 1 })).toBe(true);
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(warnings).toEqual([]);
  });

  it("ends at its deadline, by the signal at once, and with what the condition throws", async () => {
    expect(await until(async () => false, { deadline: 0 })).toBe(false);
    expect(await until(async () => false, { deadline: 20, interval: 5 })).toBe(false);
    const controller = new AbortController();
    const waiting = until(async () => false, { deadline: 60_000, interval: 60_000, signal: controller.signal });
    const reason = new Error("enough");
    setTimeout(() => controller.abort(reason), 5);
    await expect(waiting).rejects.toBe(reason);
    await expect(until(() => Promise.reject(reason), { deadline: 100 })).rejects.toBe(reason);
  });
});
