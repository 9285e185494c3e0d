import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { checkout } from "../../../toolchain/paths.mjs";
import { documented } from "../../support/canary/document.js";
import { kinds } from "../../support/canary/secrets.js";

const folders = { "docs/security.md": join(checkout, "docs"), "SECURITY.md": checkout };

describe.each(Object.entries(folders))("%s", (path, folder) => {
  const text = readFileSync(join(checkout, path), "utf8");

  it("names only tests and documents that there are", () => {
    const tests = text.match(/\btest\/[\w./-]+\.ts\b/g) ?? [];
    const links = [...text.matchAll(/\]\(([^):]+)\)/g)].map(([, target = ""]) => target);
    expect(links.length).toBeGreaterThan(0);
    expect(tests.filter((test) => !existsSync(join(checkout, test)))).toEqual([]);
    expect(links.filter((target) => !existsSync(join(folder, target)))).toEqual([]);
  });
});

describe("the tables of where secrets are", () => {
  it("can be read, and no file among them may be read by others", () => {
    const { files, processes } = documented();
    expect(files.map(({ mode }) => mode & 0o077)).toEqual(files.map(() => 0));
    expect(processes.length).toBeGreaterThan(5);
  });

  it("say nothing of kinds that may be in no file and no process in the clear", () => {
    const { files, processes } = documented();
    const somewhere = new Set([...files, ...processes].flatMap(({ holds }) => holds));
    expect(kinds.filter((kind) => !somewhere.has(kind))).toEqual(["authority's key"]);
  });
});
