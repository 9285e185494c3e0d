import { resolve } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import { hostOf } from "../../hosts/index.js";
import { shownInLine } from "../../postgres/shown.js";
import { say } from "../find.js";
import { interrupted } from "../load.js";
import { type Collected, collectPage, type PageOptions } from "../page/collect.js";
import { dataOf, type PageParts, readParts, renderPage } from "../page/html.js";
import { LiveSites } from "../page/live.js";
import { servePage } from "../page/serve.js";
import { writeWhole } from "../page/write.js";

interface Flags {
  readonly out?: string;
  readonly toViewers?: true;
  readonly stack?: string[];
  readonly drift: PageOptions["drift"];
  readonly serve?: true;
  readonly port?: number;
}

/** `pgsite page`: the sites as one HTML file, or served to this machine's own browser. */
export function pageCommand(): Command {
  return new Command("page")
    .description("write a page that shows the sites into one HTML file, or serve it to a browser of this machine")
    .option("--out <file>", "the file: whole or not at all, and for its owner alone")
    .option("--to-viewers", "to the web viewers that a stack declares, as the file that it names (viewers.page)")
    .option("--stack <name...>", "the stacks (default: all)")
    .addOption(
      new Option("--drift <when>", "whether previews look for differences; they take longer than all the rest")
        .choices(["now", "none"])
        .default("now"),
    )
    .option("--serve", "serve it on 127.0.0.1, made anew while somebody looks, until Ctrl-C")
    .option("--port <number>", "where (default: any that is free)", portOf)
    .action(async (flags: Flags) => {
      const { out, serve, port, drift, stack, toViewers } = flags;
      const isWritten = out !== undefined || toViewers === true;
      if (isWritten === (serve === true)) throw new Error("pgsite page takes --out FILE, --to-viewers, or --serve");
      if (port !== undefined && serve === undefined) throw new Error("--port is of --serve");
      const parts = await readParts();
      const options: PageOptions = { drift, ...(stack === undefined ? {} : { stacks: stack }) };
      if (serve === true) await serveUntilEnded(parts, options, port ?? 0);
      else await writePage(parts, await collectPage({ ...options, progress: note }), flags);
    });
}

function portOf(text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65_535) return port;
  throw new InvalidArgumentError("a port is a number up to 65535.");
}

/** For whoever waits: what is printed is the outcome. */
function note(line: string): void {
  process.stderr.write(`${shownInLine(line)}\n`);
}

async function writePage(
  parts: PageParts,
  { report, secrets, viewers }: Collected,
  { out, toViewers }: Flags,
): Promise<void> {
  const html = renderPage(parts, dataOf(report, secrets), false);
  const what = `${report.stacks.map(({ stack }) => stack).join(", ")}, ${Math.ceil(html.length / 1000)} kB`;
  if (out !== undefined) {
    const path = resolve(out);
    await writeWhole(path, html);
    say(`${path}: ${what}`);
  }
  if (toViewers !== true) return;
  const named = viewers.flatMap(({ host, page }) => (page === undefined ? [] : [{ host, page }]));
  if (named.length === 0) {
    throw new Error(
      "no stack here says where its web viewers have the page (viewers: page: html/site.html): docs/viewers.md",
    );
  }
  for (const { host, page } of named) {
    // Its folder is what an `up` makes; httpd runs as the file's owner.
    await hostOf(host).writeFile(page, html, { mode: 0o600 });
    say(`${page} on ${host.name}: ${what}`);
  }
}

async function serveUntilEnded(parts: PageParts, options: PageOptions, port: number): Promise<void> {
  const ended = interrupted();
  const sites = new LiveSites(options);
  const served = await servePage({ parts, port, report: note, collect: () => sites.collect() });
  say(`${served.url} (Ctrl-C ends it)`);
  await new Promise<void>((done) => ended.addEventListener("abort", () => done(), { once: true }));
  await served.close();
}
