import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { checkout } from "../../toolchain/paths.mjs";
import { brokenLinks, filesOf, missingPaths, type Tree, treeOf } from "../support/documents.js";

/** A tree of documents, and of other files by their paths. */
function planted(documents: Readonly<Record<string, string>>, files: readonly string[] = []): Tree {
  const paths = [...Object.keys(documents), ...files];
  return {
    documents: new Map(Object.entries(documents)),
    has: (path) => (path.endsWith("/") ? paths.some((one) => one.startsWith(path)) : paths.includes(path)),
  };
}

const tree = treeOf(checkout);
const documents = [...tree.documents.keys()].sort();

describe("links", () => {
  it.each(documents)("of %s lead somewhere", (document) => {
    expect(brokenLinks(tree, document)).toEqual([]);
  });

  it("are read: there are many", () => {
    expect(documents).toEqual(expect.arrayContaining(["ARCHITECTURE.md", "README.md", "docs/design/rollout.md"]));
    const links = [...tree.documents.values()].join("\n").match(/\]\(/g) ?? [];
    expect(links.length).toBeGreaterThan(100);
  });

  it("to a file that is not there are named", () => {
    const site = planted({ "docs/a.md": "[b](b.md), [c](../c.md), [d](https://example.org/d.md), `[e](e.md)`" });
    expect(brokenLinks(site, "docs/a.md")).toEqual([
      "docs/a.md: b.md: there is no docs/b.md",
      "docs/a.md: ../c.md: there is no c.md",
    ]);
  });

  it("to a heading that is not there are named", () => {
    const heading = "# One & `two`\n\n## Three, [four](x.md): five?\n\n## Same\n\n## Same\n\n```\n# none\n```\n";
    const good = "[1](b.md#one--two) [2](b.md#three-four-five) [3](b.md#same-1) [4](#here)\n\n# Here\n";
    expect(brokenLinks(planted({ "a.md": good, "b.md": heading }), "a.md")).toEqual([]);
    expect(
      brokenLinks(planted({ "a.md": "[1](b.md#none) [2](b.md#same-2) [3](#here)", "b.md": heading }), "a.md"),
    ).toEqual([
      "a.md: b.md#none: b.md has no heading #none",
      "a.md: b.md#same-2: b.md has no heading #same-2",
      "a.md: #here: a.md has no heading #here",
    ]);
  });
});

describe("every page is reached", () => {
  const pages = (folder: RegExp) => documents.filter((path) => folder.test(path));

  it.each([
    ["README.md", pages(/^docs\/[^/]+$/)],
    ["ARCHITECTURE.md", pages(/^docs\/design\//)],
  ])("from %s", (start, all) => {
    expect(all.length).toBeGreaterThan(15);
    const text = tree.documents.get(start) ?? "";
    expect(all.filter((page) => !text.includes(`](${page}`))).toEqual([]);
  });
});

/** These say where things are in the code; the others are for who uses pgsite. */
const ofTheCode = documents.filter((path) => /^(?:ARCHITECTURE|CONTRIBUTING)\.md$|^docs\/design\//.test(path));

describe("paths of the project", () => {
  it.each(ofTheCode)("that %s names are there", (document) => {
    expect(missingPaths(tree, document)).toEqual([]);
  });

  it("that are not there are named, also where a section's folder is left out", () => {
    const files = ["hosts/ssh/client.ts", "hosts/quote.ts", "installed/guard"];
    const good = "`hosts/`: `quote.ts`, `ssh/client.ts`. `hosts/ssh/`: `client.ts`. `installed/guard`\n";
    expect(missingPaths(planted({ "a.md": good }, files), "a.md")).toEqual([]);
    const bad = "`hosts/ssh/gone.ts`, `gone/`, `installed/gone`, `client.ts`, `soon.ts` *(new)*, `site/server`\n";
    expect(missingPaths(planted({ "a.md": bad }, files), "a.md")).toEqual([
      "a.md: there is no hosts/ssh/gone.ts",
      "a.md: there is no gone/",
      "a.md: there is no installed/gone",
      "a.md: there is no client.ts",
    ]);
    expect(missingPaths(planted({ "a.md": "# A\n`hosts/ssh/`\n# B\n`client.ts`" }, files), "a.md")).toHaveLength(1);
  });
});

/** Everything but this file, whose examples are not there. */
const sources = filesOf(checkout, /(?:\.(?:[cm]?[jt]s|go|sh|ya?ml)|^[^.]+)$/)
  .filter((path) => path !== "test/unit/documents.test.ts")
  .map((path) => ({ path, text: readFileSync(join(checkout, path), "utf8") }));

describe("the code", () => {
  it("names only documents that are there", () => {
    expect(sources.length).toBeGreaterThan(500);
    const named = sources.flatMap(({ path, text }) =>
      [...text.matchAll(/\b(?:docs\/[\w./-]+|ARCHITECTURE|CONTRIBUTING)\.md\b/g)]
        .filter(([name]) => !tree.has(name))
        .map(([name]) => `${path}: there is no ${name}`),
    );
    expect(named).toEqual([]);
  });

  it("names only folders and files that are there, in its comments", () => {
    const named = sources.flatMap(({ path, text }) =>
      [...text.matchAll(/^ *(?:\/?\*|\/\/).*/gm)]
        .flatMap(([comment]) => [...comment.matchAll(/`([\w-]+\/)([\w./-]*)`/g)])
        .filter(([, top = "", rest = ""]) => tree.has(top) && !rest.includes("NAME") && !isThere(`${top}${rest}`))
        .map(([name]) => `${path}: there is no ${name}`),
    );
    expect(named).toEqual([]);
  });
});

function isThere(path: string): boolean {
  return tree.has(path) || tree.has(`${path}.ts`);
}
