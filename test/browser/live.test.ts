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
        expect(await page.getByRole("article", { name: "sispi: all is well" }).count()).toBe(1);
        report = { ...failover(), generatedAt: "2026-11-30T06:10:10.000Z" };
        await page.getByRole("article", { name: "sispi: something is wrong" }).waitFor({ timeout: 30_000 });
        expect(await page.getByText(/last answered \d\d:\d\d:\d\d UTC/).count()).toBe(1);
        expect(new Set(requests)).toEqual(new Set([`${served.url}report.json`]));
        expect(faults).toEqual([]);
        await served.close();
        open = false;
        await page.getByRole("alert").filter({ hasText: "pgsite cannot be reached" }).waitFor({ timeout: 30_000 });
        // What was known stays.
        expect(await page.getByRole("article", { name: "sispi: something is wrong" }).count()).toBe(1);
      } finally {
        if (open) await served.close();
      }
    });
  },
);
