// Writing the page of three servers against pgsite status and pgsite drift; how soon a browser shows it, and searches in it.
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { execa } from "execa";
import type { Rehearsal } from "../cli/rehearsal/rehearsal.js";
import type { PageReport } from "../servers/page/model.js";
import { noBrowser, Reader } from "../test/support/browser.js";
import { healthy, hundred } from "../test/support/syntheticReport.js";
import { checkout } from "../toolchain/paths.mjs";
import { compare, median, say, seconds, timed } from "./support/compare.js";
import { oneStackOfThree, programsOf15, withRehearsal } from "./support/site.js";

const stack = "three";

async function writing(rounds: number): Promise<void> {
  const options = { name: "bench-page", block: 202, texts: { [stack]: oneStackOfThree() }, ...programsOf15 };
  await withRehearsal(options, async (rehearsal: Rehearsal) => {
    await rehearsal.up(stack);
    const path = join(rehearsal.folder, "site.html");
    const pgsite = async (...args: readonly string[]) => {
      await execa(process.execPath, [join(checkout, "dist", "pgsite.js"), ...args], {
        cwd: rehearsal.project,
        env: { ...rehearsal.environment },
        extendEnv: false,
        stdin: "ignore",
      });
    };
    const page = (drift: "now" | "none") => timed(() => pgsite("page", "--out", path, "--drift", drift));
    // Everything is in the page cache from here on.
    for (const args of [
      ["status", "--json"],
      ["drift", "--json"],
      ["page", "--out", path],
    ])
      await pgsite(...args);
    await compare({
      ...{ name: "page", target: 1.3, rounds },
      reference: () => timed(() => pgsite("status", "--json")),
      subject: () => page("none"),
    });
    await compare({
      ...{ name: "page-drift", target: 1.3, rounds },
      reference: () => timed(() => pgsite("drift", "--json")),
      subject: () => page("now"),
    });
    say(`size of a page of three servers: ${Math.ceil((await stat(path)).size / 1000)} kB, target 500 kB`);
  });
}

/** In a real browser, from disk; each round in one that has seen none of it. */
async function showing(rounds: number): Promise<void> {
  if (noBrowser !== undefined) throw new Error(noBrowser);
  const reader = await Reader.start();
  try {
    const sites: readonly (readonly [string, PageReport, number])[] = [
      ["3 servers", healthy(), 1],
      ["100 servers", hundred(), 2],
    ];
    for (const [name, report, most] of sites) {
      const path = await reader.write(report);
      say(`size of a page of ${name}: ${Math.ceil((await stat(path)).size / 1000)} kB`);
      const found = { paint: [] as number[], search: [] as number[] };
      for (let round = 0; round < rounds; round += 1) {
        const { page } = await reader.open(pathToFileURL(path).href);
        found.paint.push(await page.evaluate<number>(firstPaint));
        found.search.push(await page.evaluate<number>(searching(round % 2 === 0 ? "work_mem" : "server9")));
        await page.context().close();
      }
      say(`first paint of ${name} ${seconds(median(found.paint))} target ${most.toFixed(2)} s`);
      say(`search in ${name} ${median(found.search).toFixed(0)} ms target 100 ms`);
    }
  } finally {
    await reader.close();
  }
}

/** In the browser: milliseconds from the navigation until something of the page is seen. */
const firstPaint = `new Promise((resolve) => {
  const look = () => {
    const [entry] = performance.getEntriesByName("first-contentful-paint");
    if (entry) resolve(entry.startTime);
    else setTimeout(look, 10);
  };
  look();
})`;

/** In the browser: milliseconds from a typed word until what it finds is painted. */
function searching(word: string): string {
  return `new Promise((resolve) => {
    const field = document.querySelector('input[type="search"]');
    field.focus();
    const began = performance.now();
    field.value = ${JSON.stringify(word)};
    field.dispatchEvent(new Event("input", { bubbles: true }));
    requestAnimationFrame(() => requestAnimationFrame(() => resolve(performance.now() - began)));
  })`;
}

async function main(rounds: number): Promise<void> {
  await showing(rounds);
  await writing(rounds);
}

main(Number(process.argv[2] ?? 5)).catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
