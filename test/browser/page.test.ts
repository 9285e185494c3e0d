import { statSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { printable } from "../../postgres/printable.js";
import { noBrowser, type Opened, Reader, violations, widerThanWindow } from "../support/browser.js";
import { written } from "../support/syntheticParts.js";
import { drifted, failover, healthy, hostile, hostileTexts, hundred, threeSites } from "../support/syntheticReport.js";

/** The page in a real Chromium, from a file: by what somebody sees, hears and presses. */
describe.skipIf(noBrowser !== undefined)(
  `the page in a browser${noBrowser ? ` (${noBrowser})` : ""}`,
  { timeout: 60_000 },
  () => {
    let reader: Reader;
    const all: Opened[] = [];
    const show: Reader["show"] = async (...args) => {
      const opened = await reader.show(...args);
      all.push(opened);
      return opened;
    };
    beforeAll(async () => {
      reader = await Reader.start();
    }, 60_000);
    afterAll(async () => reader?.close());

    const answer = (page: Opened["page"], question: string) =>
      page.locator(".answers > div").filter({ hasText: question }).locator("dd").first();

    it("answers at once what is asked first: of a site that is well", async () => {
      const { page } = await show(healthy());
      await expect(page.getByRole("article", { name: "sispi: all is well" }).count()).resolves.toBe(1);
      expect(await answer(page, "Who takes writes").innerText()).toContain("server2, on timeline 3");
      expect(await answer(page, "Who lags").innerText()).toContain("nobody; the largest: des10, 16.4 kB, 2s");
      expect(await answer(page, "What differs").innerText()).toContain("nothing");
      expect(await answer(page, "Last drill").innerText()).toMatch(
        /2026-11-23 13:02 UTC.*10:02 local.*6 d 17 h before/,
      );
      expect(await answer(page, "Last 24 hours").innerText()).toContain("1 backup");
      expect(await page.title()).toBe("sispi – pgsite");
    });

    it("answers at once what is asked first: in the middle of a failover", async () => {
      const { page } = await show(failover());
      await expect(page.getByRole("article", { name: "sispi: something is wrong" }).count()).resolves.toBe(1);
      expect(await answer(page, "Who takes writes").innerText()).toContain(
        "server3, on timeline 4; it is declared standby",
      );
      expect(await answer(page, "Who lags").innerText()).toContain(
        "des10 is 48.4 MB, 3h 15m behind, and does not stream from server2",
      );
      expect(await answer(page, "Last 24 hours").innerText()).toMatch(/3 incidents open, 1 role change/);
      expect(await answer(page, "Last 24 hours").innerText()).toContain(
        "server3 took over from server2 (runbook/failover): timeline 4 begins, from 3 at 0/5D2A9F8, by hand",
      );
      expect(await page.locator(".next").innerText()).toContain("pulumi up would refuse: server3 takes writes");
      const links = page.getByRole("list", { name: "Servers" }).getByRole("link");
      expect(await links.count()).toBe(3);
      expect(await page.getByRole("img", { name: /des10 does not stream from server2/ }).count()).toBe(1);
    });

    it("shows drift by server, and settings side by side with only what differs", async () => {
      const { page } = await show(drifted());
      const table = page.getByRole("table", { name: "Differences of server3 in ctio" });
      expect(await table.getByRole("row").count()).toBe(6);
      expect(await table.getByRole("row", { name: /max_connections/ }).innerText()).toMatch(
        /300\s+400\s+restart in order/,
      );
      const first = page.locator(".answers > div").filter({ hasText: "What differs" }).locator("dd");
      expect(await first.locator(".says").innerText()).toBe("7 differences, and 1 setting waits for a restart");
      expect(await first.locator("li").first().innerText()).toContain("lets in without a password");
      expect(await page.getByRole("row", { name: /^wrong: server2/ }).count()).toBe(1);
      expect(await page.getByRole("row", { name: /^look: server3/ }).innerText()).toContain(
        "4 differences, and 1 setting waits",
      );
      const settings = page.getByRole("table", { name: "Settings of sispi" });
      expect(await settings.getByRole("columnheader").allTextContents()).toEqual([
        "Setting",
        "server2",
        "server3",
        "des10",
      ]);
      expect(await settings.getByRole("row", { name: /listen_addresses/ }).isVisible()).toBe(false);
      expect(await settings.getByRole("row", { name: /max_connections/ }).textContent()).toContain("not as declared");
      await page.getByRole("checkbox", { name: "Only differences" }).uncheck();
      expect(await settings.getByRole("row", { name: /listen_addresses/ }).isVisible()).toBe(true);
    });

    it("is used by keyboard alone: skip, search, jump, switch", async () => {
      const { page } = await show(drifted());
      await page.keyboard.press("Tab");
      expect(await page.evaluate("document.activeElement.textContent")).toContain("Skip");
      await page.keyboard.press("/");
      await page.keyboard.type("listen_addr");
      expect(await page.getByRole("status").filter({ hasText: "result" }).innerText()).toBe("1 result in 1 section");
      await page.keyboard.press("ArrowDown");
      await page.keyboard.press("Enter");
      // It was filtered out: it comes into sight, and has the focus.
      const row = page.getByRole("row", { name: /listen_addresses/ });
      await row.waitFor({ state: "visible" });
      await expect.poll(() => page.evaluate("document.activeElement.tagName")).toBe("TR");
      expect(await page.evaluate("document.activeElement.textContent")).toContain("listen_addresses");
      await expect
        .poll(() => page.evaluate("document.activeElement.getBoundingClientRect().bottom <= innerHeight"))
        .toBe(true);
      await page.keyboard.press("/");
      await page.keyboard.type("nothing has these words");
      expect(await page.getByText("Nothing has all of these words.").count()).toBe(1);
      await page.keyboard.press("Escape");
      expect(await page.getByRole("searchbox").inputValue()).toBe("");
      const background = () => page.evaluate("getComputedStyle(document.documentElement).backgroundColor");
      const light = await background();
      await page.getByRole("combobox", { name: /Colours/ }).focus();
      await page.keyboard.press("End");
      await expect.poll(() => page.evaluate("document.documentElement.dataset.theme")).toBe("dark");
      expect(await background()).not.toBe(light);
      await page.getByRole("link", { name: /^server3 standby/ }).focus();
      await page.keyboard.press("Enter");
      await expect.poll(() => page.evaluate("document.activeElement.id")).toBe("server-0-1");
    });

    it("breaks no rule of axe-core, in the light and in the dark", async () => {
      const ways = [
        [drifted, "light", "server"],
        [threeSites, "light", ""],
        [failover, "dark", "server"],
      ] as const;
      for (const [make, colorScheme, sought] of ways) {
        const { page } = await show(make(), { colorScheme });
        await page.getByRole("checkbox", { name: "Only differences" }).uncheck();
        await page.getByText("What they mean here").click();
        await page.getByRole("searchbox").fill(sought);
        expect(await violations(page)).toEqual([]);
        await page.context().close();
      }
    });

    it("has nothing beyond its edge, on a phone, a tablet, a desk", async () => {
      for (const report of [failover(), drifted(), threeSites(), hostile()]) {
        const { page } = await show(report);
        await page.getByRole("checkbox", { name: "Only differences" }).uncheck();
        for (const width of [1440, 768, 375]) {
          await page.setViewportSize({ width, height: 800 });
          expect(await widerThanWindow(page), `${width}`).toEqual([]);
        }
        await page.context().close();
      }
    });

    it("shows hostile names and values as text", async () => {
      const { page, faults, requests } = await show(hostile());
      expect(await page.evaluate("window.pwned")).toBeUndefined();
      expect(await page.locator("img, iframe, object").count()).toBe(0);
      expect(await page.locator("script").count()).toBe(2);
      const shown = Object.values(hostileTexts).map(printable);
      for (const text of shown) {
        expect(await page.getByText(text, { exact: false }).count(), text).toBeGreaterThan(0);
      }
      await page.keyboard.press("/");
      await page.keyboard.type("<img");
      expect(await page.getByRole("status").filter({ hasText: "result" }).innerText()).toMatch(/^\d+ results/);
      expect({ faults, requests }).toEqual({ faults: [], requests: [] });
    });

    it("prints all of it: on light paper, with the settings that a filter hides, without what only a screen can do", async () => {
      const { page } = await show(drifted(), { colorScheme: "dark" });
      await page.emulateMedia({ media: "print" });
      expect(await page.getByRole("row", { name: /listen_addresses/ }).isVisible()).toBe(true);
      expect(await page.getByText(/^\d+ settings, \d+ with differences$/).isVisible()).toBe(true);
      expect(await page.getByRole("navigation").isVisible()).toBe(false);
      expect(await page.evaluate("getComputedStyle(document.querySelector('.card')).backgroundColor")).toBe(
        "rgb(255, 255, 255)",
      );
      expect((await page.pdf({ format: "A4" })).length).toBeGreaterThan(20_000);
    });

    it("says that it is old, and what an age counts from", async () => {
      const young = await show(healthy());
      await young.page.clock.setFixedTime(new Date(Date.parse(written) + 3_600_000));
      await young.page.reload();
      await young.page.getByRole("main").waitFor();
      expect(await young.page.getByText(/may be true no longer/).count()).toBe(0);
      const old = await show(healthy());
      await old.page.clock.setFixedTime(new Date(Date.parse(written) + 3 * 86_400_000));
      await old.page.reload();
      expect(await old.page.getByText(/This page was written 3 d ago/).innerText()).toContain("may be true no longer");
    });

    it("draws a hundred servers as their stacks, opens one on demand, and searches them all in less than 100 ms", async () => {
      const { page } = await show(hundred());
      const servers = page.getByRole("list", { name: "Servers" }).getByRole("link");
      expect(await servers.count()).toBe(4);
      await page.getByRole("button", { name: "region3: show 10 servers" }).click();
      expect(await servers.count()).toBe(13);
      // What is well is out of sight until somebody jumps there, and so are older rollouts.
      const rows = page.getByRole("table", { name: "Servers of region0" }).getByRole("row");
      const seen = async () =>
        (await Promise.all((await rows.all()).map((row) => row.isVisible()))).filter(Boolean).length;
      expect(await seen()).toBe(7);
      expect(await rows.nth(1).innerText()).toContain("node0-07");
      const older = page.getByRole("row", { name: /pulumi up: 40 update/ });
      expect(await older.first().isVisible()).toBe(false);
      await page.getByRole("button", { name: "show 50 older" }).first().click();
      expect(await older.first().isVisible()).toBe(true);
      await page.evaluate("location.hash = 'server-0-1'");
      await expect.poll(seen).toBe(41);
      await page.setViewportSize({ width: 375, height: 800 });
      expect(await widerThanWindow(page)).toEqual([]);
      await page.setViewportSize({ width: 1280, height: 800 });
      // From a key to the painted results: the best of five, since others work on this machine too.
      const tries = await page.evaluate(`(async () => {
        const field = document.querySelector("input[type=search]");
        const type = (text) => {
          field.value = text;
          field.dispatchEvent(new InputEvent("input", { bubbles: true }));
        };
        const until = (holds) => new Promise((resolve) => {
          const look = () => requestAnimationFrame(() => (holds() ? resolve() : look()));
          look();
        });
        const results = () => document.querySelector(".results a") !== null;
        const took = [];
        field.focus();
        for (const text of ["node2 work_mem", "custom_setting 7", "stopped", "192.0.2", "node0-00 shared"]) {
          const start = performance.now();
          type(text);
          await until(results);
          took.push(performance.now() - start);
          type("");
          await until(() => !results());
        }
        return took;
      })()`);
      expect(tries).toHaveLength(5);
      expect(Math.min(...(tries as number[]))).toBeLessThan(100);
    });

    it("is small: 500 kB for three servers, 3 MB for a hundred", async () => {
      expect(statSync(await reader.write(drifted())).size).toBeLessThan(500_000);
      expect(statSync(await reader.write(hundred(), "hundred.html")).size).toBeLessThan(3_000_000);
    });

    it("asks for nothing from anywhere, and its policy had nothing to hold back", () => {
      expect(all.length).toBeGreaterThan(10);
      expect(all.flatMap(({ requests }) => requests)).toEqual([]);
      expect(all.flatMap(({ faults }) => faults)).toEqual([]);
    });
  },
);
