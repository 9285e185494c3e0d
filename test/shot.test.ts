import { it } from "vitest";
import { Reader } from "./support/browser.js";
import { drifted, failover, hundred, threeSites } from "./support/syntheticReport.js";

it("shots", { timeout: 120_000 }, async () => {
  const reader = await Reader.start();
  const out = "/work/h/W2shots";
  for (const [name, make, width] of [
    ["drifted", drifted, 1280],
    ["failover", failover, 1280],
    ["hundred", hundred, 375],
    ["three", threeSites, 1280],
  ] as const) {
    const { page } = await reader.show(make());
    await page.setViewportSize({ width, height: 1500 });
    await page.waitForTimeout(300);
    await page.screenshot({ path: `${out}/${name}.png`, fullPage: false });
    if (name === "hundred") {
      await page.locator("#topology").scrollIntoViewIfNeeded();
      await page.evaluate("document.querySelector('#topology').scrollIntoView()");
      await page.screenshot({ path: `${out}/${name}-t.png` });
    }
    if (name === "failover") await page.pdf({ path: `${out}/failover.pdf`, format: "A4" });
    await page.close();
  }
  await reader.close();
});
