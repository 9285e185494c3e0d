import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { dataOf, readParts, renderPage } from "../../cli/page/html.js";
import type { PageReport } from "../../servers/page/model.js";

const program = "/usr/bin/chromium";

/** Why this machine cannot show a page; undefined where it can. */
export const noBrowser = existsSync(program) ? undefined : `there is no ${program} (package chromium)`;

/** A page that is open, and what it did that nobody should see. */
export interface Opened {
  readonly page: Page;
  /** Requests for anything but the page itself. */
  readonly requests: readonly string[];
  /** What the page threw or logged as an error, and what its policy held back. */
  readonly faults: readonly string[];
}

/** The real Chromium, without a window. Each page has a context of its own: nothing is kept between two of them. */
export class Reader {
  private constructor(
    private readonly browser: Browser,
    readonly folder: string,
  ) {}

  static async start(): Promise<Reader> {
    // Root has no sandbox; a container has little of /dev/shm.
    const args = ["--no-sandbox", "--disable-dev-shm-usage", "--font-render-hinting=none"];
    const browser = await chromium.launch({ executablePath: program, args });
    return new Reader(browser, mkdtempSync(join(tmpdir(), "pgsite-page-")));
  }

  async close(): Promise<void> {
    try {
      await this.browser.close();
    } finally {
      rmSync(this.folder, { recursive: true, force: true });
    }
  }

  /** Writes a report as `pgsite page --out` does, and returns the file. */
  async write(report: PageReport, name = "page.html"): Promise<string> {
    const path = join(this.folder, name);
    writeFileSync(path, renderPage(await readParts(), dataOf(report), false));
    return path;
  }

  /** Opens a report from a file. */
  async show(report: PageReport, options: BrowserContextOptions = {}): Promise<Opened> {
    return this.open(pathToFileURL(await this.write(report)).href, options);
  }

  async open(url: string, options: BrowserContextOptions = {}): Promise<Opened> {
    const context = await this.browser.newContext({ locale: "en-GB", timezoneId: "America/Santiago", ...options });
    await watched(context);
    const page = await context.newPage();
    const [requests, faults]: [string[], string[]] = [[], []];
    context.on("request", (request) => {
      if (request.url() !== url && !request.url().startsWith("data:")) requests.push(request.url());
    });
    page.on("pageerror", (error) => faults.push(`${error}`));
    page.on("console", (message) => {
      if (message.type() === "error" || message.text().startsWith(refused)) faults.push(message.text());
    });
    await page.goto(url);
    await page.getByRole("main").waitFor();
    return { page, requests, faults };
  }
}

const refused = "refused by the policy:";

/** Whatever the policy holds back is said. */
async function watched(context: BrowserContext): Promise<void> {
  await context.addInitScript(`
    document.addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) => {
      console.log(${JSON.stringify(refused)}, violatedDirective, blockedURI);
    });
  `);
}

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** What the rules of axe-core find wrong, a line each. The page's policy lets no script in: it comes as the debugger's does. */
export async function violations(page: Page): Promise<readonly string[]> {
  await page.evaluate(axe);
  return page.evaluate(`axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) =>
    violations.flatMap(({ id, help, nodes }) => nodes.map(({ target }) => id + ": " + help + ": " + target.join(" "))))`);
}

/** Whether something of the page lies beyond its right edge. */
export async function widerThanWindow(page: Page): Promise<readonly string[]> {
  return page.evaluate(`(() => {
    const room = document.documentElement.clientWidth;
    const beyond = [...document.querySelectorAll("body *")].filter((element) => {
      const box = element.getBoundingClientRect();
      return box.width > 0 && box.right > room + 1 && !element.closest("svg") && getComputedStyle(element).position !== "absolute";
    });
    return [
      ...(document.documentElement.scrollWidth > room ? ["the page as a whole: " + document.documentElement.scrollWidth] : []),
      ...beyond.map((element) => element.tagName + "." + element.getAttribute("class") + ": " + element.textContent.slice(0, 40)),
    ];
  })()`);
}
