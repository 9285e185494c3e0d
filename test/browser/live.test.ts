import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readParts } from "../../cli/page/html.js";
import { servePage } from "../../cli/page/serve.js";
import type { PageReport } from "../../servers/page/model.js";
import { noBrowser, Reader } from "../support/browser.js";
import { failover, healthy } from "../support/syntheticReport.js";

describe.skipIf(noBrowser !== undefined)(
  `a served page in a browser${noBrowser ? ` (${noBrowser})` : ""}`,
  { timeout: 60_000 },
  () => {
    let reader: Reader;
    beforeAll(async () => {
      reader = await Reader.start();
    }, 60_000);
    afterAll(async () => reader?.close());

    it("shows the newest report, asks for nothing else, and says so when nobody answers", async () => {
      let report: PageReport = healthy();
      const served = await servePage({
        parts: await readParts(),
        collect: async () => ({ report, secrets: [], viewers: [] }),
        port: 0,
      });
      let open = true;
      try {
        const { page, requests, faults } = await reader.open(served.url);
        // The page's clock is ours: ten seconds pass when we say so.
        await page.clock.install();
        await page.reload();
        await page.getByRole("main").waitFor();
        const later = (what: () => Promise<number>) => {
          const look = async () => {
            await page.clock.fastForward(10_000);
            return what();
          };
          // An answer of the server counts for five seconds.
          return expect.poll(look, { interval: 1000, timeout: 30_000 }).toBe(1);
        };
        expect(await page.getByRole("article", { name: "sispi: all is well" }).count()).toBe(1);
        report = { ...failover(), generatedAt: "2026-11-30T06:10:10.000Z" };
        await later(() => page.getByRole("article", { name: "sispi: something is wrong" }).count());
        expect(await page.getByText(/last answered \d\d:\d\d:\d\d UTC/).count()).toBe(1);
        expect(new Set(requests)).toEqual(new Set([`${served.url}report.json`]));
        expect(faults).toEqual([]);
        await served.close();
        open = false;
        await later(() => page.getByRole("alert").filter({ hasText: "pgsite cannot be reached" }).count());
        // What was known stays.
        expect(await page.getByRole("article", { name: "sispi: something is wrong" }).count()).toBe(1);
      } finally {
        if (open) await served.close();
      }
    });
  },
);
