// The tasks of package.json. Each first gets what it needs: `node toolchain/run.mjs TASK [ARGUMENTS]`.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build, buildBench, buildFaults } from "./build.mjs";
import { findCommandPlugin, useCommandPlugin } from "./commandPlugin.mjs";
import { installDebianPackages } from "./debian.mjs";
import { toolchainEnvironment } from "./environment.mjs";
import { installPackages } from "./packages.mjs";
import { checkout } from "./paths.mjs";
import { findPulumi } from "./pulumi.mjs";
import { recall, say, ToolchainError } from "./steps.mjs";

const pgsite = join(checkout, "dist", "pgsite.js");

const tasks = {
  /** Gets and builds everything, and runs nothing. */
  setup: sayWhatIsMissingOnPath,
  demo: (env, args) => node([pgsite, "rehearsal", "up", ...args], env),
  "demo:down": (env, args) => node([pgsite, "rehearsal", "down", ...args], env),
  bench: async (env, [name, ...args]) => node([await buildBench(name), ...args], env),
  /** Random acts and faults on a site of three; see docs/design/faults.md. */
  faults: async (env, args) => {
    await installDebianPackages();
    return node([await buildFaults(), ...args], env);
  },
  test: vitest,
  /** What proves more than fits into every run: by name, or all of them. */
  proof: (env, args) => vitest(env, ["--config", "vitest.proof.config.ts", ...args]),
};

async function main([task, ...args]) {
  const act = tasks[task];
  if (act === undefined)
    throw new ToolchainError(`run.mjs TASK, where TASK is one of: ${Object.keys(tasks).join(", ")}`);
  await installPackages();
  await build();
  const pulumi = await findPulumi();
  const plugin = await findCommandPlugin();
  useCommandPlugin(plugin.program);
  say(`Pulumi ${pulumi.version} ${pulumi.from} (${pulumi.folder}), its command plugin: ${plugin.from}`);
  return act(await toolchainEnvironment(), args, pulumi);
}

/** A rehearsal finds what was got by itself; who works with a site's own state calls Pulumi by hand. */
function sayWhatIsMissingOnPath(_env, _args, { folder }) {
  const isThere = (process.env.PATH ?? "").split(delimiter).includes(folder);
  if (!isThere) say(`to call Pulumi by hand:\n  export PATH=${folder}${delimiter}$PATH`);
  return 0;
}

/** Runs vitest; the last line counts, for whoever reads only that. */
async function vitest(env, args) {
  await installDebianPackages();
  const folder = mkdtempSync(join(tmpdir(), "pgsite-test-"));
  const report = join(folder, "report.json");
  try {
    const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
    // docs/versions.md says what was run: written by whoever asks for it.
    if (process.env.PGSITE_RECORD) reporters.push("--reporter=./test/support/versionsReporter.ts");
    const program = join(checkout, "node_modules", "vitest", "vitest.mjs");
    const code = await node([program, "run", ...reporters, ...args], env);
    const { passed, failed, skipped } = counts(recall(report), code);
    process.stdout.write(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}\n`);
    return code === 0 && failed > 0 ? 1 : code;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A file that could not be loaded, and an end without a report, count as a failure each: silence is not success. */
export function counts(report, code) {
  if (report === undefined) return { passed: 0, failed: 1, skipped: 0 };
  const broken = report.testResults.filter(({ status, assertionResults }) => {
    return status === "failed" && !assertionResults.some((result) => result.status === "failed");
  }).length;
  const failed = report.numFailedTests + broken;
  return {
    passed: report.numPassedTests,
    failed: failed === 0 && code !== 0 ? 1 : failed,
    skipped: report.numPendingTests + (report.numTodoTests ?? 0),
  };
}

/** Runs Node on a script with this terminal; returns its exit status. Ctrl-C reaches it directly, so we only wait. */
function node(args, env) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd: checkout, env, stdio: "inherit" });
    const ignore = () => {};
    const pass = () => child.kill("SIGTERM");
    process.on("SIGINT", ignore).on("SIGTERM", pass);
    child.on("error", reject);
    child.on("close", (code, signal) => {
      process.off("SIGINT", ignore).off("SIGTERM", pass);
      resolve(code ?? 128 + constants.signals[signal]);
    });
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    process.exitCode = await main(process.argv.slice(2).filter((arg) => arg !== "--"));
  } catch (error) {
    if (!(error instanceof ToolchainError)) throw error;
    say(error.message);
    process.exitCode = 1;
  }
}
