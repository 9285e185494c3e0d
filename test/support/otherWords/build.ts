import { readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import type { Plugin } from "esbuild";
import { targets } from "../../../toolchain/build.mjs";
import { bundle } from "../../../toolchain/bundle.mjs";
import { checkout } from "../../../toolchain/paths.mjs";

const runtime = join(checkout, "test", "support", "otherWords", "words.ts");

/** Where sentences are made, beside `servers/words/`: of problems of the stack file and of hosts. */
const places = ["postgres/problem.ts", "preflight/finding.ts"];

/** Where text leaves the provider and the program for people: what it says of a run's progress is no longer ours to read. */
const edges = ["provider/protocol/engine.ts", "provider/protocol/serve.ts", "cli/find.ts"];

const ours = /^(?:components|provider|cli|servers|preflight|installed|config|postgres|hosts|toolchain)\/|^index\.ts$/;

/**
 * Builds the program, the provider and `pgsite` once more, below `folder` of the checkout, with another text for every
 * sentence at the place where it is made: what `servers/words/` returns, the messages of errors, and what is logged.
 */
export async function buildInOtherWords(folder: string): Promise<void> {
  const others = targets.map((target) => {
    return { ...target, output: join(folder, relative("dist", target.output)), plugins: [inOtherWords] };
  });
  await Promise.all(others.map(bundle));
}

const inOtherWords: Plugin = {
  name: "other words",
  setup({ onLoad }) {
    onLoad({ filter: /\.(?:ts|mjs)$/ }, ({ path }) => {
      const file = relative(checkout, path);
      if (!ours.test(file)) return undefined;
      const loader = path.endsWith(".ts") ? "ts" : "js";
      return { contents: changed(file, readFileSync(path, "utf8")), loader, resolveDir: dirname(path) };
    });
  },
};

/** A source file of ours with other words in it. */
export function changed(file: string, source: string): string {
  const names = "OtherError as Error, inOtherWords as inOtherWords$, otherWords as otherWords$";
  const isPlace = file.startsWith("servers/words/") || places.includes(file);
  const body = isPlace ? exportingOtherWords(source) : edges.includes(file) ? showingOtherWords(file, source) : source;
  return `import { ${names} } from ${JSON.stringify(runtime)};\n${body}`;
}

function exportingOtherWords(source: string): string {
  const names: string[] = [];
  const body = source.replace(/^export ((?:function|const) (\w+))/gm, (_, declaration: string, name: string) => {
    names.push(name);
    return declaration;
  });
  const wrapped = names.map((name) => `const ${name}$ = inOtherWords$(${name});\nexport { ${name}$ as ${name} };`);
  return [body, ...wrapped].join("\n");
}

function showingOtherWords(file: string, source: string): string {
  const found = /^import \{ (.*\bshown\b.*) \} from "(.*\/shown\.js)";$/m.exec(source);
  if (found === null)
    throw new Error(`${file} does not show by postgres/shown.ts: the build in other words must know by what`);
  const [line, names = "", path] = found;
  const rest = source.replace(line, `import { ${names.replace(/\bshown\b/, "shown as shown$")} } from "${path}";`);
  return `${rest}\nfunction shown(text: string): string { return otherWords$(shown$(text)); }`;
}
