import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { documentProblems, problemsOf, tableOf, withTable } from "../../toolchain/architecture.mjs";
import { floors, outside, rooms } from "../../toolchain/floors.mjs";
import { treeOf } from "../../toolchain/imports.mjs";
import { checkout } from "../../toolchain/paths.mjs";

/** A house with one file `a.ts` in every room (index.ts is one itself), which imports that of each lower room; and what is changed in it. */
function house(changes: Readonly<Record<string, string>> = {}): ReadonlyMap<string, string> {
  const fileOf = (room: string) => (room.endsWith("/") ? `${room}a.ts` : room);
  const files = floors.flatMap((floor, index) =>
    floor.map(({ room }): [string, string] => {
      const way = room.endsWith("/") ? "../" : "./";
      const lower = floors.slice(index + 1).flat();
      return [
        fileOf(room),
        lower.map((each) => `import "${way}${fileOf(each.room).replace(".ts", ".js")}";`).join("\n"),
      ];
    }),
  );
  return new Map([...files, ...Object.entries(changes)]);
}

const culprit = (tree: ReadonlyMap<string, string>) => {
  const problems = problemsOf(tree);
  expect(problems).toHaveLength(1);
  return problems[0];
};

describe("the imports of a tree", () => {
  it("may all lead to lower floors, to packages, and inside a room", () => {
    const code = `
      import { readFileSync } from "node:fs";
      import type { A } from "../hosts/a.js";
      import words from "./words.json";
      export { b } from "./inner/b.js";
      export type Later = import("../toolchain/later.mjs").Later;
      const lazy = () => import(\`../postgres/a.js\`);
      const text = 'import "../cli/a.js"'; // import "../cli/a.js"
    `;
    const tree = house({
      "config/b.ts": code,
      "config/words.json": "",
      "config/inner/b.ts": "export const b = 1;",
      "toolchain/later.mjs": "",
      "toolchain/later.d.mts": "export type Later = 1;",
    });
    expect(problemsOf(tree)).toEqual([]);
  });

  it.each([
    ["a value", 'import { a } from "../../cli/a.js";', 'import … from "../../cli/a.js"'],
    ["a type", 'import type { A } from "../../cli/a.js";', 'import type … from "../../cli/a.js"'],
    ["a type among values", 'import { b, type A } from "../../cli/a.js";', 'import … from "../../cli/a.js"'],
    ["an export", 'export * from "../../cli/a.js";', 'export … from "../../cli/a.js"'],
    ["an export of types", 'export type { A } from "../../cli/a.js";', 'export type … from "../../cli/a.js"'],
    ["a lazy import", 'const a = () => import("../../cli/a.js");', 'import("../../cli/a.js")'],
    ["a type by its file", 'let a: import("../../cli/a.js").A;', 'the type import("../../cli/a.js")'],
    ["typeof a file", 'let a: typeof import("../../cli/a.js");', 'the type import("../../cli/a.js")'],
    ["require", 'const a = require("../../cli/a.js");', 'require("../../cli/a.js")'],
    ["import = require", 'import a = require("../../cli/a.js");', 'require("../../cli/a.js")'],
    ["an augmented module", 'declare module "../../cli/a.js" { interface A {} }', 'declare module "../../cli/a.js"'],
    ["no extension", 'import { a } from "../../cli/a";', 'import … from "../../cli/a"'],
  ])("upwards, by %s, is named", (_what, code, text) => {
    expect(culprit(house({ "servers/sql/b.ts": `\n${code}` }))).toBe(
      `servers/sql/b.ts:2: ${text}: upwards, from servers/ (floor 5) to cli/ (floor 6): move what it needs down to servers/ or lower, or let the caller hand it in`,
    );
  });

  it("sideways is named", () => {
    expect(culprit(house({ "postgres/b.ts": 'import type { A } from "../hosts/a.js";' }))).toBe(
      'postgres/b.ts:1: import type … from "../hosts/a.js": sideways, from postgres/ to hosts/, which share floor 2: move what both need to a lower floor, or let a higher room bring them together',
    );
  });

  it("upwards from plain Node is named, by code and by declaration", () => {
    expect(culprit(house({ "toolchain/b.mjs": 'import { a } from "../index.js";' }))).toContain("toolchain/b.mjs:1");
    const declared = { "toolchain/b.mjs": "", "toolchain/b.d.mts": 'export type A = import("../config/a.js").A;' };
    expect(culprit(house(declared))).toContain("toolchain/b.d.mts:1");
  });

  it("to a test, to nothing, and to what only the program knows are named", () => {
    expect(culprit(house({ "cli/b.ts": 'import "../test/support/a.js";' }))).toContain(
      'cli/b.ts:1: import … from "../test/support/a.js": test/ is no part of the product',
    );
    expect(culprit(house({ "cli/b.ts": 'import "./c.js";' }))).toContain("there is no such file");
    expect(culprit(house({ "cli/b.ts": "const a = import(name);" }))).toContain("cli/b.ts:1: import(…): ");
  });
});

describe("a circle", () => {
  const of = (a: string, b: string) => culprit(house({ "config/b.ts": a, "config/c.ts": b }));
  const ring = "circle of imports: config/b.ts → config/c.ts → config/b.ts: move what they share into a file";

  it("of types alone is named", () => {
    const message = of('import type { C } from "./c.js";', 'import type { B } from "./b.js";');
    expect(message).toContain(ring);
    expect(message).toContain(
      '\n    config/b.ts:1: import type … from "./c.js"\n    config/c.ts:1: import type … from',
    );
  });

  it("by a lazy import is named", () => {
    expect(of('import { c } from "./c.js";', 'const b = () => import("./b.js");')).toContain(ring);
  });

  it("by a type's file is named", () => {
    expect(of('import { c } from "./c.js";', 'let b: import("./b.js").B;')).toContain(ring);
  });

  it("of one file is named", () => {
    expect(culprit(house({ "config/b.ts": 'import type { B } from "./b.js";' }))).toContain(
      "config/b.ts → config/b.ts",
    );
  });

  it("is the shortest one, and the others are named beside it", () => {
    const tree = house({
      "config/b.ts": 'import "./c.js"; import "./a.js";',
      "config/c.ts": 'import "./d.js";',
      "config/d.ts": 'import "./e.js"; import "./b.js";',
      "config/e.ts": 'import "./c.js";',
      "config/f.ts": 'import "./b.js";',
    });
    const message = culprit(tree);
    expect(message).toContain("config/b.ts → config/c.ts → config/d.ts → config/b.ts: ");
    expect(message).toContain("in further circles with these: config/e.ts");
  });

  it("through a declaration beside plain Node is named", () => {
    const files = {
      "toolchain/b.mjs": 'import "./c.mjs";',
      "toolchain/c.mjs": "",
      "toolchain/c.d.mts": 'export * from "./b.mjs";',
    };
    expect(culprit(house(files))).toContain("toolchain/b.mjs → toolchain/c.mjs → toolchain/b.mjs");
  });

  it.each(["one", "two"])("stands beside another: each is named (%s)", (name) => {
    const two = (of: string) => ({ [`${of}/b.ts`]: 'import "./c.js";', [`${of}/c.ts`]: 'import "./b.js";' });
    const problems = problemsOf(house({ ...two("config"), ...two("hosts") }));
    expect(problems).toHaveLength(2);
    expect(problems.join()).toContain(name === "one" ? "config/b.ts" : "hosts/b.ts");
  });
});

describe("a room", () => {
  it("without a floor is named, and so is a loose file", () => {
    expect(culprit(house({ "backups/run.ts": 'import "../cli/a.js";' }))).toBe(
      "backups/ holds product code (backups/run.ts) and stands on no floor: give it one in toolchain/floors.mjs, or put its code into a room that has one",
    );
    expect(culprit(house({ "main.ts": "" }))).toContain("main.ts holds product code (main.ts) and stands on no floor");
    expect(problemsOf(house({ "notes/today.md": "", "Pulumi.yaml": "" }))).toEqual([]);
  });

  it("without code is named", () => {
    const tree = new Map(house());
    tree.delete("index.ts");
    expect(culprit(tree)).toBe("index.ts has a floor in toolchain/floors.mjs and holds no code: remove it there");
  });
});

describe("ARCHITECTURE.md", () => {
  const place = "# Architecture\n\n<!-- floors -->\n<!-- /floors -->\n\nwords\n";
  const good = withTable(place) ?? "";

  it("shows the table, with all rooms in order and what each may import", () => {
    expect(documentProblems(good)).toEqual([]);
    expect(good).toContain(`<!-- floors -->\n${tableOf()}\n<!-- /floors -->\n\nwords\n`);
    expect(
      tableOf()
        .match(/^\| `[^`]+`/gm)
        ?.map((cell) => cell.slice(3, -1)),
    ).toEqual(rooms);
    expect(tableOf()).toMatch(/\| `config\/` \| .* \| `postgres\/`, `hosts\/` and below \|\n/);
    expect(tableOf()).toMatch(/\| `toolchain\/` \| .* \| nothing of ours \|$/);
  });

  it.each([
    ["another right", good.replace("`postgres/`, `hosts/` and below", "`servers/` and below")],
    ["a row less", good.replace(/\| `cli\/`.*\n/, "")],
    ["none", place],
  ])("with a table that is not true (%s) is named, and mended", (_what, text) => {
    expect(documentProblems(text)).toEqual([
      "the table of floors in ARCHITECTURE.md is not the one of toolchain/floors.mjs: node toolchain/architecture.mjs --write",
    ]);
    expect(withTable(text)).toBe(good);
  });

  it("without a place for the table is named", () => {
    const message = "ARCHITECTURE.md has no place for the table of floors: <!-- floors --> … <!-- /floors -->";
    expect(documentProblems("# Architecture\n")).toEqual([message]);
    expect(documentProblems("<!-- /floors -->\n<!-- floors -->\n")).toEqual([message]);
  });

  it("of 901 words is named, of 900 is not", () => {
    const words = (count: number) => `${good}${"word\n".repeat(count - good.split(/\s+/).filter(Boolean).length)}`;
    expect(documentProblems(words(900))).toEqual([]);
    expect(documentProblems(words(901))).toEqual([
      "ARCHITECTURE.md has 901 words, and at most 900 are read: move something to docs/design/",
    ]);
  });
});

describe("this repository", () => {
  const folder = mkdtempSync(join(tmpdir(), "pgsite-unit-"));
  afterAll(() => rmSync(folder, { recursive: true }));

  it("is read as a tree: all product code, and nothing else", () => {
    for (const path of ["cli/inner", "test", ".git", "node_modules/x"])
      mkdirSync(join(folder, path), { recursive: true });
    for (const path of ["index.ts", "cli/inner/a.ts", "cli/script.sh", "test/a.ts", ".git/a.ts", "node_modules/x/a.ts"])
      writeFileSync(join(folder, path), path);
    expect(Object.fromEntries(treeOf(folder, outside))).toEqual({
      "index.ts": "index.ts",
      "cli/inner/a.ts": "cli/inner/a.ts",
      "cli/script.sh": "",
    });
  });

  it("keeps to its floors, without a circle", () => {
    const tree = treeOf(checkout, outside);
    expect(tree.size).toBeGreaterThan(300);
    expect(problemsOf(tree)).toEqual([]);
  });

  it("shows its floors", () => {
    expect(documentProblems(readFileSync(join(checkout, "ARCHITECTURE.md"), "utf8"))).toEqual([]);
  });
});
