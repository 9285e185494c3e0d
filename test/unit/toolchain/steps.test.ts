import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { locked } from "../../../toolchain/steps.mjs";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "pgsite-unit-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe("a lock", () => {
  it("lets one act after the other", async () => {
    const acts: string[] = [];
    const act = (name: string) =>
      locked(join(folder, "lock"), async () => {
        acts.push(`${name} begins`);
        await sleep(20);
        acts.push(`${name} ends`);
      });
    await Promise.all([act("one"), act("two")]);
    expect(acts.map((line) => line.split(" ")[1])).toEqual(["begins", "ends", "begins", "ends"]);
  });

  it("of a process that is gone is taken over", async () => {
    // A process id that the kernel never gives.
    writeFileSync(join(folder, "lock"), JSON.stringify({ pid: 2 ** 30, start: "1" }));
    await expect(locked(join(folder, "lock"), () => "done")).resolves.toBe("done");
  });

  it("of a process whose id another one got is taken over", async () => {
    writeFileSync(join(folder, "lock"), JSON.stringify({ pid: process.pid, start: "long ago" }));
    await expect(locked(join(folder, "lock"), () => "done")).resolves.toBe("done");
  });

  it("is gone afterwards, also when the act failed", async () => {
    const failing = locked(join(folder, "lock"), () => Promise.reject(new Error("no")));
    await expect(failing).rejects.toThrow("no");
    expect(readdirSync(folder)).toEqual([]);
  });
});
