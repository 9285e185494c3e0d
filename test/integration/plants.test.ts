import { afterAll, describe, expect, it } from "vitest";
import type { Rehearsal } from "../../cli/rehearsal/rehearsal.js";
import type { Major } from "../../postgres/versions.js";
import { atLeast } from "../../postgres/versions.js";
import { InProcess } from "../support/engine.js";
import { tried, triedAt } from "../support/everyRun.js";
import { Plot, plantSite } from "../support/plantSite.js";
import { contradictions, type Plant, plants, saysSo } from "../support/plants/index.js";
import { runPreview } from "../support/previews.js";
import { ranAt } from "../support/ran.js";

const majors = triedAt<Major>(["11", "15", "18"], "15");
const clean = { said: [], found: [], changed: [], details: "" };
const made: Rehearsal[] = [];

afterAll(async () => {
  for (const rehearsal of made) await rehearsal.down();
}, 120_000);

const plantsOf = (major: Major) =>
  plants.filter(({ from, asRoot }) => {
    return (from === undefined || atLeast(major, from)) && (asRoot !== true || process.getuid?.() === 0);
  });

/** What a preview leaves out of what was planted, with what it says instead. */
function unsaid(said: readonly string[], planted: readonly Plant[], plot: Plot): readonly unknown[] {
  const missing = planted.filter((plant) => !saysSo(said, plant, plot)).map(({ name }) => name);
  return missing.length === 0 ? [] : [{ missing, said }];
}

describe("changes behind pgsite's back", () => {
  for (const [index, major] of majors.entries()) {
    it.concurrent(`are each said with their consequence at ${major}, healed, and then gone`, {
      timeout: 900_000,
    }, async ({ task }) => {
      const rehearsal = await plantSite(major, 80 + index);
      made.push(rehearsal);
      const engine = await InProcess.of(rehearsal, "plants");
      const plot = new Plot(major, engine);
      expect(await engine.preview()).toEqual(clean);
      const planted = plantsOf(major);
      expect(planted.length).toBeGreaterThanOrEqual(atLeast(major, "10") ? 60 : 48);

      for (const plant of tried(planted, ({ together }, index) => together === false || index % 3 === 0)) {
        await plant.plant(plot);
        expect((await plant.inForce?.(plot)) ?? true, plant.name).toBe(true);
        const { said, found } = await engine.preview();
        expect(unsaid(said, [plant], plot)).toEqual([]);
        expect(contradictions(found), plant.name).toEqual([]);
        expect(said.filter((line) => /undefined|null|NaN/.test(line))).toEqual([]);
        await engine.up();
        expect(await engine.preview(), plant.name).toEqual(clean);
        expect((await plant.inForce?.(plot)) ?? false, plant.name).toBe(false);
      }

      const together = planted.filter((plant) => plant.together !== false);
      expect(together.length).toBeGreaterThanOrEqual(atLeast(major, "10") ? 40 : 29);
      for (const plant of together) await plant.plant(plot);
      if (major === "15") await throughTheEngine(rehearsal, together, plot);
      else {
        const { said } = await engine.preview();
        expect(unsaid(said, together, plot)).toEqual([]);
        await engine.up();
      }
      expect(await engine.preview()).toEqual(clean);
      await expectRefused(engine, plot);
      await ranAt(major, "plants", task.meta);
    });
  }
});

/** A plain preview, an up and another preview, as an administrator runs them. */
async function throughTheEngine(rehearsal: Rehearsal, planted: readonly Plant[], plot: Plot): Promise<void> {
  const preview = await runPreview(rehearsal, "plants");
  expect(preview.exitCode, preview.stdout).toBe(0);
  expect(unsaid(preview.lines, planted, plot)).toEqual([]);
  await rehearsal.up("plants");
  const after = await runPreview(rehearsal, "plants", "--expect-no-changes");
  expect(after.exitCode, `${after.stdout}${after.stderr}`).toBe(0);
  expect(after.stdout).not.toContain("Diagnostics:");
}

/** A server that hangs is said in bounded time, the others are read all the same, and up changes nothing. */
async function expectRefused(engine: InProcess, plot: Plot): Promise<void> {
  await plot.append("server2", "postgresql.conf", "work_mem = 64MB");
  await plot.signal("des10", "SIGSTOP");
  try {
    const began = Date.now();
    const { said } = await engine.preview();
    expect(Date.now() - began).toBeLessThan(8000);
    expect(said).toContain("des10: the server is running and does not answer within a few seconds: by hand");
    expect(said.some((line) => line.startsWith("server2: postgresql.conf work_mem is 64MB"))).toBe(true);
    const before = plot.read("server2", "postgresql.conf");
    await expect(engine.up()).rejects.toThrow(/des10 runs and does not answer within a few seconds/);
    expect(plot.read("server2", "postgresql.conf")).toBe(before);
  } finally {
    await plot.signal("des10", "SIGCONT");
  }
  await engine.up();
  expect(await engine.preview()).toEqual(clean);
}
