// Builds the page: one script, one style and the HTML that takes them. Nothing in it is loaded from anywhere.
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { checkout } from "./paths.mjs";
import { ToolchainError } from "./steps.mjs";

/** What `pgsite page` puts together, below the checkout. */
export const pageFiles = ["dist/page/page.js", "dist/page/page.css", "dist/page/template.html"];

export async function buildPage() {
  const esbuild = await import("esbuild");
  const result = await esbuild
    .build({
      entryPoints: { page: join(checkout, "page", "main.tsx"), style: join(checkout, "page", "style", "page.css") },
      absWorkingDir: checkout,
      bundle: true,
      write: false,
      outdir: "dist/page",
      platform: "browser",
      // Of 2021: what observatories' machines have.
      target: ["chrome96", "firefox95", "safari15"],
      format: "iife",
      minify: true,
      // An end of a tag within a text would end the script or style that it stands in: esbuild writes it otherwise.
      supported: { "inline-script": true, "inline-style": true },
      legalComments: "none",
      jsx: "automatic",
      jsxImportSource: "preact",
      logLevel: "silent",
    })
    .catch((error) => {
      const told = (error.errors ?? []).map(({ text, location }) => `  ${location?.file}:${location?.line}: ${text}`);
      throw new ToolchainError(["page/ cannot be built", ...(told.length > 0 ? told : [String(error)])].join("\n"));
    });
  const out = (end) => result.outputFiles.find(({ path }) => path.endsWith(end)).contents;
  const template = readFileSync(join(checkout, "page", "template.html"));
  const contents = [out("page.js"), out("style.css"), template];
  pageFiles.forEach((path, index) => {
    place(join(checkout, path), contents[index]);
  });
}

function place(path, content) {
  mkdirSync(dirname(path), { recursive: true });
  const temporary = `${path}.${process.pid}`;
  writeFileSync(temporary, content);
  renameSync(temporary, path);
}
