// Pulumi's CLI by npm's package `pulumi`: a launcher, whose first run fetches the CLI with its language hosts from Pulumi's own server.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { unpackNpmPackage } from "./npmPackage.mjs";
import { othersEnvironment, run, say, ToolchainError } from "./steps.mjs";

const launcher = {
  name: "pulumi",
  version: "3.265.0",
  integrity: "sha512-ucJ39xgF3OlLZADNJ6AoHa843jHevkfWfEHu+5TyrXAuuS2OPSO465Tda43KVX8JhogMA6floTJPj3vlR41nng==",
};

/** A download from which no byte comes for so long is given up; a slow one is not. */
const patienceSeconds = 25;

/**
 * Makes `folder` one with `pulumi` of this version and its language hosts. Returns why it could not, in a few words.
 * `unpack` and `patience` are for tests.
 */
export async function fetchPulumi(version, folder, { unpack = unpackNpmPackage, patience = patienceSeconds } = {}) {
  say(
    `getting Pulumi ${version} by npm's package pulumi, from Pulumi's own server (half a minute, if that is reached)`,
  );
  const work = mkdtempSync(`${folder}.work-`);
  try {
    const unpacked = await unpack(launcher, work);
    const temporary = join(work, "tmp");
    mkdirSync(temporary);
    const home = join(work, "home");
    const result = await runWhileItGrows(process.execPath, [join(unpacked, "run.js"), "version"], work, patience, {
      ...othersEnvironment(),
      PULUMI_HOME: home,
      PULUMI_VERSION: version,
      PULUMI_SKIP_UPDATE_CHECK: "true",
      // Downloads go there: what grows is seen.
      TMPDIR: temporary,
      // Since 24 Node takes a proxy from the environment, if it is asked to.
      NODE_USE_ENV_PROXY: "1",
    });
    const got = join(home, "versions", version, "bin");
    if (result.code !== 0) return result.why ?? lastLine(result.stderr) ?? `it ended with status ${result.code}`;
    if (!existsSync(join(got, "pulumi-language-nodejs"))) return "what came has no pulumi-language-nodejs";
    renameSync(got, folder);
    return undefined;
  } catch (error) {
    if (!(error instanceof ToolchainError)) throw error;
    return error.message.split("\n")[0];
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Runs a program for as long as what is in a folder grows. */
async function runWhileItGrows(program, args, folder, patience, env) {
  const stop = new AbortController();
  let size = sizeOf(folder);
  let since = Date.now();
  const timer = setInterval(() => {
    const now = sizeOf(folder);
    if (now !== size) [size, since] = [now, Date.now()];
    else if (Date.now() - since >= patience * 1000) stop.abort();
  }, 500);
  try {
    const result = await run(program, args, { cwd: dirname(folder), env, seconds: 1800, signal: stop.signal });
    return { ...result, why: stop.signal.aborted ? `nothing came for ${patience} s` : undefined };
  } finally {
    clearInterval(timer);
  }
}

function sizeOf(folder) {
  const sizes = readdirSync(folder, { withFileTypes: true, recursive: true }).map((entry) => {
    const status = statSync(join(entry.parentPath ?? entry.path, entry.name), { throwIfNoEntry: false });
    return 1 + (status?.isFile() ? status.size : 0);
  });
  return sizes.reduce((sum, each) => sum + each, 0);
}

function lastLine(text) {
  return text.trim().split("\n").at(-1) || undefined;
}
