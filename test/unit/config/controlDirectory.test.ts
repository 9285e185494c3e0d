import { readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { describe, expect, it } from "vitest";
import {
  archiveNames,
  asideName,
  controlDirectoryOf,
  controlNames,
  drillMark,
  incomingFolder,
  incompleteMarker,
  installNames,
  keptDirectory,
  keptNames,
  leftOverName,
  replacedName,
  runbookEnding,
  temporaryEnding,
  upgradeNames,
} from "../../../config/controlDirectory.js";
import { outside } from "../../../toolchain/floors.mjs";
import { treeOf } from "../../../toolchain/imports.mjs";
import { checkout } from "../../../toolchain/paths.mjs";

/** Where the names stand. */
const home = ["config/controlDirectory.ts", "hosts/temporary.ts"];

const endings = [
  controlDirectoryOf(""),
  asideName(""),
  leftOverName(""),
  replacedName(""),
  keptDirectory("", ""),
  runbookEnding,
  temporaryEnding,
];
const all: readonly string[] = [
  ...endings,
  incompleteMarker,
  incomingFolder,
  ...[controlNames, keptNames, archiveNames, installNames, upgradeNames].flatMap((names) => Object.values(names)),
];
/** Names that stand for nothing else, wherever they are said (a server's certificate is called as PostgreSQL itself would). */
const distinct = all.filter(
  (name) => /[.-]/.test(name) && name !== controlNames.certificate && name !== controlNames.key,
);
/** What is a name only in a path. */
const words = all.filter((name) => !/[.-]/.test(name));

const escaped = (names: readonly string[]) => names.map((name) => name.replaceAll(".", "\\.")).join("|");
const saysName = new RegExp(`(${escaped(distinct)})(?![\\w-])|${escaped([keptDirectory("", "")])}`);
const beginsWithWord = new RegExp(`^/(${words.join("|")})(/|$)`);
const shellPath = /\$\{?control\}?\/\w/;

/** The texts of a file that say one of the names: `LINE: TEXT`. */
function namesIn(path: string, code: string): readonly string[] {
  const file = ts.createSourceFile(path, code, ts.ScriptTarget.Latest, true);
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (
      ts.isStringLiteralLike(node) ||
      ts.isTemplateHead(node) ||
      ts.isTemplateMiddle(node) ||
      ts.isTemplateTail(node)
    ) {
      if (saysName.test(node.text) || shellPath.test(node.text) || isPart(node)) {
        found.push(
          `${path}:${file.getLineAndCharacterOfPosition(node.getStart()).line + 1}: ${node.text.slice(0, 80)}`,
        );
      }
    } else if (ts.isRegularExpressionLiteral(node) && saysName.test(node.text.replaceAll("\\", ""))) {
      found.push(`${path}: ${node.text}`);
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return found;
}

/** Whether a text is a part of a path into a control directory: join(…controlDirectory, "staged"), `${controlDirectory}/staged`. */
function isPart(node: ts.Node & { readonly text: string }): boolean {
  const { parent } = node;
  if (ts.isCallExpression(parent)) {
    return (
      /\bjoin$/.test(parent.expression.getText()) && /control/i.test(parent.getText()) && words.includes(node.text)
    );
  }
  if (!ts.isTemplateSpan(parent)) return false;
  return /control/i.test(parent.expression.getText()) && beginsWithWord.test(node.text);
}

const tree = treeOf(checkout, outside);
const product = [...tree].filter(([path]) => path.endsWith(".ts") && !path.endsWith(".d.ts") && !home.includes(path));
/** What is installed as it stands in the repository. */
const scripts = [...tree.keys()]
  .filter((path) => path.startsWith("installed/") && !path.endsWith(".ts"))
  .map((path) => [path, readFileSync(join(checkout, path), "utf8")] as const);

describe("the names of what pgsite keeps on a host", () => {
  it("stand in one file", () => {
    expect(product.length).toBeGreaterThan(300);
    expect(product.flatMap(([path, code]) => namesIn(path, code))).toEqual([]);
  });

  it.each([
    'join(directories.controlDirectory, "identity.json")',
    'const name = "start.log";',
    'const is = { "adopted.json": 1 };',
    `const path = \`\${server.dataDirectory}.pgsite\`;`,
    `const path = \`\${dataDirectory}.pgsite/start.log\`;`,
    `const path = \`\${server.controlDirectory}/staged\`;`,
    'const path = join(server.controlDirectory, "tablespaces", oid);',
    `const kept = \`\${dataDirectory}.diverged-\${time}\`;`,
    "const script = '[ -e \"$control/lock\" ]';",
    'const path = "/srv/db/pgsite.incomplete";',
    "const is = /\\.pgsite-new$/;",
    `log(\`\${what} (README.pgsite in it says what it is)\`);`,
  ])("are found where they stand elsewhere: %s", (code) => {
    expect(namesIn("elsewhere.ts", code)).toHaveLength(1);
  });

  it.each([
    'const manager = service ?? "none"; const kind = { kind: "initdb" };',
    'join(binDirectory, "initdb")',
    `const path = \`\${controlPath(server, "staged")}/\${name}\`;`,
    "/** Leaves start.log as it is. */",
    'const table = "public.pgsite_demo";',
  ])("are not seen in what is none of them: %s", (code) => {
    expect(namesIn("elsewhere.ts", code)).toEqual([]);
  });

  it("are each used", () => {
    const text = [...product.map(([, code]) => code), ...scripts.map(([, code]) => code)].join("\n");
    const unused = Object.entries(controlNames).filter(
      ([key, name]) =>
        !text.includes(`, "${key}")`) && !text.includes(`controlNames.${key}`) && !text.includes(`$control/${name}`),
    );
    expect(unused).toEqual([]);
  });
});

describe("the runbook's scripts", () => {
  const saidIn = (pattern: RegExp) =>
    [...new Set(scripts.flatMap(([, code]) => [...code.matchAll(pattern)].map(([, name = ""]) => name)))].sort();

  it("say the same names in the control directory", () => {
    const said = saidIn(/\$control\/([\w.-]*[\w-])/g);
    expect(said.length).toBeGreaterThan(3);
    expect(said.filter((name) => !all.includes(name))).toEqual([]);
  });

  it("say the same endings, and the same name in what they keep", () => {
    expect(saidIn(/\$\w+(\.[a-z]+-[a-z]*)/g)).toEqual([
      keptDirectory("", ""),
      leftOverName(""),
      replacedName(""),
      runbookEnding,
    ]);
    expect(saidIn(/([\w.]*\bpgsite\.\w+|\w+\.pgsite\b)/g)).toEqual([
      // Of the folder "$1".
      controlDirectoryOf("1"),
      keptNames.report,
      drillMark,
      incompleteMarker,
    ]);
  });
});
