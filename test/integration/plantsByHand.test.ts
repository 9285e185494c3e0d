import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { Rehearsal } from "../../cli/rehearsal/rehearsal.js";
import type { Major } from "../../postgres/versions.js";
import { InProcess } from "../support/engine.js";
import { triedAt } from "../support/everyRun.js";
import { Plot, plantSite } from "../support/plantSite.js";
import { byHand } from "../support/plants/byHand.js";
import { runPreview } from "../support/previews.js";

const clean = { said: [], found: [], changed: [], details: "" };
/** A version, and another one whose data no program of it starts on. */
const majors = triedAt<readonly [Major, Major]>(
  [
    ["11", "12"],
    ["15", "16"],
    ["18", "17"],
  ],
  "15",
);
const made: Rehearsal[] = [];

afterAll(async () => {
  for (const rehearsal of made) await rehearsal.down();
}, 120_000);

describe("what pgsite must not undo", () => {
  for (const [index, [major, other]] of majors.entries()) {
    it.concurrent(`is said with what to do by hand at ${major}, and left as it is`, { timeout: 300_000 }, async () => {
      const rehearsal = await plantSite(major, 83 + index, "by-hand");
      made.push(rehearsal);
      const engine = await InProcess.of(rehearsal, "plants");
      const plot = new Plot(major, engine);
      expect(await engine.preview()).toEqual(clean);
      await expectOtherVersion(engine, plot, other);
      for (const { name, plant, said: sentence, up, intact } of byHand) {
        const before = await plot.started();
        const undo = await plant(plot);
        const planted = await plot.started();
        const { said } = await engine.preview();
        expect(said, name).toContain(sentence);
        if ("leaves" in up) expect(await engine.up(), name).toContain(up.leaves);
        else await expect(engine.up(), name).rejects.toThrow(up.refuses);
        expect(await intact(plot), name).toBe(true);
        expect(await plot.started()).toEqual({ ...planted, server2: before.server2 });
        expect((await engine.preview()).said, name).toContain(sentence);
        await undo();
        expect(await engine.preview(), name).toEqual(clean);
      }
      if (major === "15") await throughTheEngine(rehearsal, plot, other);
    });
  }
});

/** Declared in process, with the programs of the version that runs: nothing is upgraded, and nothing touched. */
async function expectOtherVersion(engine: InProcess, plot: Plot, other: Major): Promise<void> {
  const started = await plot.started();
  await expect(engine.declaring(other).up()).rejects.toThrow(otherVersion(plot, other));
  expect(await plot.started()).toEqual(started);
  await engine.up();
  expect(await engine.preview()).toEqual(clean);
}

/** The preflight misses programs of a newer version; of an older one none would help. */
function otherVersion({ major }: Plot, other: Major): RegExp {
  return new RegExp(
    `is PostgreSQL ${major}[.0-9]*, and ${other} is declared|the upgrade of server2: PostgreSQL ${major} → ${other}`,
  );
}

/** As an administrator meets it: pulumi preview, an up that refuses, and then what the sentence says is to be done. */
async function throughTheEngine(rehearsal: Rehearsal, plot: Plot, other: Major): Promise<void> {
  const started = await plot.started();
  const stackFile = join(rehearsal.project, "Pulumi.plants.yaml");
  const text = readFileSync(stackFile, "utf8");
  const declared = text.replaceAll(/(postgresql"?: *)"?15"?(?=[\s,}])/g, `$1"${other}"`);
  expect(declared).not.toBe(text);
  writeFileSync(stackFile, declared);
  const wrong = await runPreview(rehearsal, "plants");
  expect(wrong.exitCode).not.toBe(0);
  await expect(rehearsal.up("plants")).rejects.toThrow(otherVersion(plot, other));
  expect(await plot.started()).toEqual(started);
  writeFileSync(stackFile, text);
  await rehearsal.up("plants");
  expect(await plot.started()).toEqual(started);

  const undo: (() => Promise<void>)[] = [];
  for (const { plant } of byHand) undo.push(await plant(plot));
  const planted = await plot.started();
  const { lines } = await runPreview(rehearsal, "plants");
  expect(byHand.filter((one) => !lines.includes(one.said)).map((one) => one.name)).toEqual([]);
  await expect(rehearsal.up("plants")).rejects.toThrow("the timeline of des10 is 2, and that of the primary, 1");
  expect(await Promise.all(byHand.map(({ intact }) => intact(plot)))).toEqual(byHand.map(() => true));
  expect(await plot.started()).toEqual(planted);

  for (const one of undo.slice(0, -1)) await one();
  await plot.stop("des10");
  rmSync(plot.server("des10").dataDirectory, { recursive: true });
  await rehearsal.up("plants");
  const after = await runPreview(rehearsal, "plants", "--expect-no-changes");
  expect(after.exitCode, after.lines.join("\n")).toBe(0);
}
