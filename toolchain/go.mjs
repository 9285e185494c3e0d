// Builds programs from Go modules. Each has a folder of its own under toolchain/go, with the go.mod that pins its modules.
import { cpSync, existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { checkout } from "./paths.mjs";
import { locked, must, othersEnvironment, progress, run, say, ToolchainError } from "./steps.mjs";

/** The folder of a program's go.mod, and of its sources where those are ours. */
export function sourcesOf(name) {
  return join(checkout, "toolchain", "go", name);
}

/** The user's Go settings stay in force (proxies, caches), except those that would aim at another module. */
export function goEnvironment() {
  const flags = (process.env.GOFLAGS ?? "").split(/\s+/).filter((flag) => !/^--?(mod|modfile|o|C|n|json)\b/.test(flag));
  const { GOOS: _os, GOARCH: _arch, GOBIN: _bin, ...rest } = othersEnvironment();
  return { ...rest, GOFLAGS: flags.join(" ").trim(), GOWORK: "off", GO111MODULE: "on" };
}

/** Whether there is a Go that can build ours. */
export async function hasGo() {
  const result = await run("go", ["env", "GOVERSION"], { env: goEnvironment(), seconds: 60 }).catch(() => undefined);
  return result?.code === 0;
}

/** Throws where there is no Go, in one sentence: `why` it is needed, and the `otherWay` out. */
export async function wantGo(why, otherWay) {
  if (await hasGo()) return;
  throw new ToolchainError(
    `${why}: ${otherWay}, or Go 1.25.11 or newer (https://go.dev/dl/; any since 1.21 gets that itself), and run this again`,
  );
}

/**
 * Makes `folder`, whole or not at all, where it is not there: `build` is given a folder to work in and the one that is to be
 * it. One process at a time does.
 */
export async function builtOnce(folder, build) {
  const act = async () => {
    if (existsSync(folder)) return;
    const work = `${folder}.${process.pid}`;
    const finished = `${work}.finished`;
    mkdirSync(finished, { recursive: true });
    try {
      await build(work, finished);
      renameSync(finished, folder);
    } finally {
      rmSync(work, { recursive: true, force: true });
      rmSync(finished, { recursive: true, force: true });
    }
  };
  if (!existsSync(folder)) await locked(`${folder}.lock`, act);
}

/**
 * Builds `program` (its `name`, its `version`, the `package` of its main function, and what to `link` with) as a file of
 * that name in the folder `output`. `work` is a new folder, which is left to the caller.
 */
export async function buildGo(program, work, output, env) {
  const label = `building ${program.name} ${program.version}`;
  cpSync(sourcesOf(program.name), work, { recursive: true });
  const bar = progress(label);
  let count = 0;
  try {
    bar.update("getting modules");
    const onModule = (line) => {
      if (line.startsWith("go: downloading ")) bar.update(`getting modules, ${++count} so far`);
    };
    const list = ["list", "-mod=mod", "-deps", program.package];
    const listed = await must(label, "go", list, { cwd: work, env, seconds: 1200, onLine: onModule });
    const total = listed.trim().split("\n").length;
    count = 0;
    const onPackage = (line) => {
      if (/^[\w.]+(\/|$)/.test(line)) bar.update(`${++count} of ${total} packages compiled`);
    };
    const args = ["build", "-v", "-mod=mod", "-buildvcs=false", "-ldflags", program.link];
    const target = ["-o", join(output, program.name), program.package];
    await must(label, "go", [...args, ...target], { cwd: work, env, seconds: 3600, onLine: onPackage });
  } finally {
    const seconds = bar.end();
    say(`${label}: ${seconds} s`);
  }
}
