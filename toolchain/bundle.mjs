// Makes one JavaScript file of an entry point and everything that it imports, and starts it from its compiled form.
import { chmodSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { checkout } from "./paths.mjs";
import { must, ToolchainError } from "./steps.mjs";

/**
 * What the SDK loads for turning functions into programs, and for its Automation API: a compiler, a package manager.
 * Bundled they would make a plugin of 10 MB that starts slowly.
 */
const unused = /^(typescript|@npmcli\/arborist|@logdna\/tail-file|normalize-package-data|upath)$/;

/**
 * Bundles `entry` into `output`, both below the checkout. `compiled`: arguments with which the outcome runs to its end
 * without doing anything, and flags of Node's, so that V8's compiled form of it can be kept. `apart`: ends of modules'
 * paths, and the bundles beside the output that have them. `plugins`: further ones of esbuild's.
 */
export async function bundle(target) {
  const {
    entry,
    output,
    external = [],
    executable = false,
    footer = "",
    partOfSdk,
    compiled,
    apart = {},
    plugins = [],
  } = target;
  const esbuild = await import("esbuild");
  const result = await esbuild
    .build({
      entryPoints: [join(checkout, entry)],
      absWorkingDir: checkout,
      bundle: true,
      write: false,
      outfile: join(checkout, output),
      platform: "node",
      target: "node20",
      format: "cjs",
      keepNames: true,
      // A script that is started from its compiled form has `require`, and no import of its own.
      supported: { "dynamic-import": false },
      logLevel: "silent",
      external: [...external, "pg-native"],
      // CommonJS has no import.meta; the banner gives what our own files ask of it.
      // pg asks what Response is to find out whether it runs at Cloudflare: Node would load a whole HTTP client for that.
      define: { "import.meta.url": "importMetaUrl", Response: "undefined" },
      banner: { js: `const importMetaUrl = require("node:url").pathToFileURL(__filename).href;` },
      footer: { js: footer },
      plugins: [...plugins, stubs, ...(partOfSdk ? [sdk] : []), ...Object.entries(apart).map(otherBundle)],
    })
    .catch((error) => {
      const told = (error.errors ?? []).map(({ text, location }) => `  ${location?.file}:${location?.line}: ${text}`);
      throw new ToolchainError([`${entry} cannot be built`, ...(told.length > 0 ? told : [String(error)])].join("\n"));
    });
  const [file] = result.outputFiles;
  const path = join(checkout, output);
  const mode = executable ? 0o755 : 0o644;
  if (compiled === undefined) place(path, file.text, mode);
  else await placeCompiled(path, file.text, compiled, mode);
}

/** The bundle, under the output's name what starts it from its compiled form, and that form. */
async function placeCompiled(output, text, { args = [], flags = [] }, mode) {
  const folder = dirname(output);
  const name = basename(output, ".js");
  place(join(folder, `${name}.bundle.js`), text, 0o644);
  const start = readFileSync(join(checkout, "toolchain", "start.cjs"), "utf8");
  place(output, mode === 0o755 ? `#!/usr/bin/env node\n${start}` : start, mode);
  const old = readdirSync(folder).filter((file) => file.startsWith(`${name}.bundle-`) && file.endsWith(".compiled"));
  for (const file of old) rmSync(join(folder, file));
  const env = { ...process.env, PGSITE_COMPILE: "1" };
  await must(`compile ${basename(output)}`, process.execPath, [...flags, output, ...args], { env, seconds: 60 });
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

/** Leaves a module of ours to a bundle of its own. */
function otherBundle([end, path]) {
  return {
    name: `apart${end}`,
    setup({ onResolve }) {
      onResolve({ filter: new RegExp(`${end.replaceAll(".", "\\.")}$`) }, () => ({ path, external: true }));
    },
  };
}

/** What a program uses of the SDK, by the module of `@pulumi/pulumi` that is asked for. */
const partsOfSdk = {
  "": { own: ["config", "errors", "metadata", "output", "resource", "stackReference"], named: ["log", "runtime"] },
  "/runtime": { own: ["config", "invoke", "resource", "rpc", "settings", "stack"].map((name) => `runtime/${name}`) },
};

/**
 * Gives a program the modules of the SDK that Pulumi's runner has loaded already. The whole of it also loads a
 * TypeScript compiler, a package manager and the Automation API: 330 ms of each preview, for what nothing here calls.
 */
const sdk = {
  name: "sdk",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^@pulumi\/pulumi(\/runtime)?$/ }, ({ path }) => ({ path, namespace: "sdk" }));
    onLoad({ filter: /.*/, namespace: "sdk" }, ({ path }) => {
      const { own, named = [] } = partsOfSdk[path.slice("@pulumi/pulumi".length)];
      const spread = own.map((name) => `...require("@pulumi/pulumi/${name}")`);
      const whole = named.map((name) => `${name}: require("@pulumi/pulumi/${name}")`);
      return { contents: `module.exports = { ${[...spread, ...whole].join(", ")} };`, resolveDir: checkout };
    });
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
