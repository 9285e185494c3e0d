// Bundles the TypeScript sources under dist/. A Pulumi run must neither type-check nor load a thousand small files.
import { createHash } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { installPackages } from "./packages.mjs";
import { checkout } from "./paths.mjs";
import { locked, must, recall, remember, say, ToolchainError } from "./steps.mjs";

const dist = join(checkout, "dist");

// Starts the bundle beside it; Pulumi runs this as the plugin. To one that is called like the project it hands the whole
// configuration in its environment, passwords in clear: neither the plugin nor what it starts keeps that.
const launcher = `#!/bin/sh
unset PULUMI_CONFIG
exec node "\${0%/*}/main.js" "$@"
`;

/** What is built. `launcher`: the name under which Pulumi looks for the plugin. */
const targets = [
  // The program shares its instance of the SDK with Pulumi's own runner, which loads it from node_modules.
  // It runs what a CommonJS program exports as a whole: our default export.
  {
    entry: "index.ts",
    output: "index.js",
    external: ["@pulumi/pulumi"],
    footer: "module.exports = module.exports.default;",
  },
  { entry: "cli/main.ts", output: "pgsite.js", executable: true },
  { entry: "provider/main.ts", output: "provider/main.js", launcher: "pulumi-resource-pgsite" },
  { entry: "toolchain/command-plugin/main.ts", output: "command-plugin/main.js", launcher: "pulumi-resource-command" },
];

/** Folders and files whose content goes into the bundles. */
const sources =
  "index.ts config postgres components handover hosts preflight servers adoption provider cli rehearsal toolchain".split(
    " ",
  );

/**
 * What the SDK loads for turning functions into programs, and for its Automation API: a compiler, a package manager.
 * Bundled they would make a plugin of 10 MB that starts slowly.
 */
const unused = /^(typescript|@npmcli\/arborist|@logdna\/tail-file|normalize-package-data|upath)$/;

/** Builds everything whose sources changed since the last build. */
export async function build() {
  const stamp = join(dist, ".stamp.json");
  const state = stateOfSources();
  const fresh = () => recall(stamp)?.state === state && outputsPresent();
  if (fresh()) return;
  mkdirSync(dist, { recursive: true });
  await locked(join(dist, ".lock"), async () => {
    if (fresh()) return;
    say("building dist/");
    const missing = targets.filter(({ entry }) => !existsSync(join(checkout, entry)));
    if (missing.length > 0) throw new ToolchainError(`there is no ${missing.map(({ entry }) => entry).join(", ")}`);
    await Promise.all(targets.map(bundle));
    remember(stamp, { state });
  });
}

/** Bundles bench/NAME.ts and returns the path of what came out. */
export async function buildBench(name) {
  const folder = join(checkout, "bench");
  const names = readdirSync(folder).flatMap((file) => (file.endsWith(".ts") ? [file.slice(0, -3)] : []));
  if (name === undefined || !names.includes(name)) {
    throw new ToolchainError(`npm run bench -- NAME, where NAME is one of: ${names.join(", ") || "(none yet)"}`);
  }
  const output = join("bench", `${name}.js`);
  await bundle({ entry: join("bench", `${name}.ts`), output, external: ["@pulumi/pulumi"] });
  return join(dist, output);
}

async function bundle({ entry, output, external = [], executable = false, launcher: plugin, footer = "" }) {
  const esbuild = await import("esbuild");
  const result = await esbuild
    .build({
      entryPoints: [join(checkout, entry)],
      absWorkingDir: checkout,
      bundle: true,
      write: false,
      outfile: join(dist, output),
      platform: "node",
      target: "node20",
      format: "cjs",
      keepNames: true,
      logLevel: "silent",
      external: [...external, "pg-native"],
      // CommonJS has no import.meta; the banner gives what our own files ask of it.
      define: { "import.meta.url": "importMetaUrl" },
      banner: { js: `const importMetaUrl = require("node:url").pathToFileURL(__filename).href;` },
      footer: { js: footer },
      plugins: [stubs],
    })
    .catch((error) => {
      const told = (error.errors ?? []).map(({ text, location }) => `  ${location?.file}:${location?.line}: ${text}`);
      throw new ToolchainError([`${entry} cannot be built`, ...(told.length > 0 ? told : [String(error)])].join("\n"));
    });
  const [file] = result.outputFiles;
  if (plugin !== undefined) return placePlugin(dirname(join(dist, output)), plugin, file.text);
  place(join(dist, output), executable ? `#!/usr/bin/env node\n${file.text}` : file.text, executable ? 0o755 : 0o644);
}

/** A plugin's bundle, what starts it from its compiled form, and that form. */
async function placePlugin(folder, name, text) {
  place(join(folder, "bundle.js"), text, 0o644);
  place(join(folder, "main.js"), readFileSync(join(checkout, "toolchain", "start.cjs"), "utf8"), 0o644);
  place(join(folder, name), launcher, 0o755);
  for (const old of readdirSync(folder).filter((file) => file.endsWith(".compiled"))) rmSync(join(folder, old));
  const env = { ...process.env, PGSITE_COMPILE: "1" };
  await must(`compile ${name}`, process.execPath, [join(folder, "main.js")], { env, seconds: 60 });
}

/** Puts a stand-in that throws when used in the place of packages that a bundle loads but never uses. */
const stubs = {
  name: "stubs",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: unused }, ({ path, importer }) => {
      return importer.includes("/node_modules/@pulumi/") ? { path, namespace: "stub" } : undefined;
    });
    onLoad({ filter: /.*/, namespace: "stub" }, ({ path }) => ({
      contents: `const refuse = () => { throw new Error(${JSON.stringify(`${path} is not part of this bundle`)}); };
module.exports = new Proxy(refuse, { get: (_, key) => (key === "__esModule" ? false : refuse) });`,
    }));
  },
};

/** Whole or not at all: a program that runs at the moment keeps the old file. */
function place(path, content, mode) {
  mkdirSync(dirname(path), { recursive: true });
  const temporary = `${path}.${process.pid}`;
  writeFileSync(temporary, content);
  chmodSync(temporary, mode);
  renameSync(temporary, path);
}

function stateOfSources() {
  const hash = createHash("sha256");
  const visit = (path) => {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat === undefined) return;
    if (stat.isDirectory()) for (const name of readdirSync(path).sort()) visit(join(path, name));
    else hash.update(`${relative(checkout, path)} ${stat.size} ${stat.mtimeMs}\n`);
  };
  for (const source of [...sources, "package-lock.json"]) visit(join(checkout, source));
  return hash.digest("hex");
}

function outputsPresent() {
  return targets.every(({ output }) => existsSync(join(dist, output)));
}

/** Files that are generated from the stack file's schema, and what prints them. */
const generated = [
  { path: "docs/stack.schema.json", args: ["schema"] },
  { path: "docs/stack-file.md", args: ["schema", "--markdown"] },
];

/** Fails where a generated file is not what the stack file's schema says today. */
export async function checkSchema() {
  for (const { path, args } of generated) {
    const command = [join(dist, "pgsite.js"), ...args];
    const fresh = await must(`generate ${path}`, process.execPath, command, { seconds: 60 });
    const kept = existsSync(join(checkout, path)) ? readFileSync(join(checkout, path), "utf8") : "";
    if (kept !== fresh) {
      throw new ToolchainError(
        `${path} is out of date: npm run build && node dist/pgsite.js ${args.join(" ")} > ${path}`,
      );
    }
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    await installPackages();
    await build();
    if (process.argv.includes("--check-schema")) await checkSchema();
  } catch (error) {
    if (!(error instanceof ToolchainError)) throw error;
    say(error.message);
    process.exitCode = 1;
  }
}
