// Bundles the TypeScript sources under dist/. A Pulumi run must neither type-check nor load a thousand small files.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { bundle } from "./bundle.mjs";
import { rooms } from "./floors.mjs";
import { installPackages } from "./packages.mjs";
import { buildPage, pageFiles } from "./page.mjs";
import { checkout } from "./paths.mjs";
import { locked, must, recall, remember, say, ToolchainError } from "./steps.mjs";

const dist = join(checkout, "dist");

/** What is built; see `bundle`. Pulumi comes to the first three by way of toolchain/launch/. */
export const targets = [
  // The program shares its instance of the SDK with Pulumi's own runner, which loads it from node_modules.
  // It runs what a CommonJS program exports as a whole: our default export.
  {
    entry: "index.ts",
    output: "dist/index.js",
    external: ["@pulumi/pulumi/*"],
    partOfSdk: true,
    // The runner sets this flag too; V8 takes a compiled form only from a process with the same ones.
    compiled: { flags: ["--allow-natives-syntax"] },
    footer: "module.exports = module.exports.default;",
  },
  { entry: "cli/main.ts", output: "dist/pgsite.js", compiled: { args: ["schema"] }, executable: true },
  {
    entry: "provider/main.ts",
    output: "dist/provider/main.js",
    compiled: {},
    apart: { "/certificates/make.js": "./certificates.js" },
  },
  { entry: "provider/protocol/lostNames.ts", output: "dist/provider/lost.js" },
  // What makes certificates is a quarter of the provider, and hardly ever needed: only a plugin that needs it loads it.
  { entry: "postgres/certificates/make.ts", output: "dist/provider/certificates.js" },
];

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
    await Promise.all([...targets.map(bundle), buildPage()]);
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
  const output = join("dist", "bench", `${name}.js`);
  // Hosts of tests have programs bundled for them; esbuild finds its own beside it.
  await bundle({
    entry: join("bench", `${name}.ts`),
    output,
    external: ["@pulumi/pulumi", "esbuild", "playwright-core"],
  });
  return join(checkout, output);
}

/** Bundles the fault campaign and returns the path of what came out. */
export async function buildFaults() {
  const output = join("dist", "faults", "main.js");
  await bundle({ entry: join("test", "faults", "main.ts"), output, external: ["@pulumi/pulumi"] });
  return join(checkout, output);
}

function stateOfSources() {
  const hash = createHash("sha256");
  const visit = (path) => {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat === undefined) return;
    if (stat.isDirectory()) for (const name of readdirSync(path).sort()) visit(join(path, name));
    else hash.update(`${relative(checkout, path)} ${stat.size} ${stat.mtimeMs}\n`);
  };
  for (const source of [...rooms, "package-lock.json"]) visit(join(checkout, source));
  return hash.digest("hex");
}

function outputsPresent() {
  return [...targets.map(({ output }) => output), ...pageFiles].every((path) => existsSync(join(checkout, path)));
}

/** Files that are generated from the stack file's schema and from the watch's tables, and what prints them. */
const generated = [
  { path: "docs/stack.schema.json", args: ["schema"] },
  { path: "docs/stack-file.md", args: ["schema", "--markdown"] },
  ...["alerts.yml", "alerts.test.yml", "dashboard.json"].map((name) => {
    return { path: `docs/monitoring/${name}`, args: ["watch", "--monitoring", name] };
  }),
];

/** Fails where a generated file is not what its source says today. */
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
