import { join } from "node:path";
import { execa } from "execa";
import { expect, it } from "vitest";
import { checkout } from "../../toolchain/paths.mjs";

/** As `npm run faults`, with a seed that CI keeps: docs/design/faults.md. */
it("loses nothing in four minutes of acts and faults, and every up ends well or says why", {
  timeout: 600_000,
}, async () => {
  const words = ["--seed", "3", "--minutes", "4", "--shrink-minutes", "0", "--block", "147"];
  const argv = [join(checkout, "toolchain", "run.mjs"), "faults", ...words];
  const began = Date.now();
  const { exitCode, all } = await execa(process.execPath, argv, { all: true, reject: false, timeout: 540_000 });
  expect(exitCode, all).toBe(0);
  expect(all).toMatch(/^lost rows: 0$/m);
  const counted = /^acts: (\d+)[\s\S]*^faults: (\d+)[\s\S]*^ups: \d+, of which (\d+) ended well/m.exec(all);
  const [acts = 0, , well = 0] = counted?.slice(1).map(Number) ?? [];
  // A slow machine does less; it keeps the time all the same.
  expect(acts).toBeGreaterThan(0);
  expect(well).toBeGreaterThan(0);
  expect((Date.now() - began) / 60_000).toBeLessThan(6);
  console.log(all.slice(all.indexOf("\nacts: ") + 1));
});
