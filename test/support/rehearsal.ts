import { existsSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll } from "vitest";
import { Rehearsal, type RehearsalOptions, rehearsalFolder } from "../../cli/rehearsal/rehearsal.js";
import { passwordKey, type RawConfiguration } from "../../config/parse.js";
import { resolveStack } from "../../config/resolve.js";
import type { Passwords, Site } from "../../config/site.js";
import type { StatusRow } from "../../servers/status/report.js";
import { build } from "../../toolchain/build.mjs";
import { checkout } from "../../toolchain/paths.mjs";
import { runs, until } from "./processes.js";

/** What this file has made and not yet taken down: a test that runs out of time leaves its rehearsal to the file's end. */
const made = new Set<string>();

afterAll(async () => {
  for (const name of made) await sweep(name);
}, 60_000);

export interface TestRehearsalOptions extends RehearsalOptions {
  /** `test-…`, in one test only. */
  readonly name: `test-${string}`;
  /** Of the test's own: test files run at the same time. */
  readonly block: number;
}

/** A rehearsal of a test's own, gone in the end, also after a failure; what a killed run has left of it goes first. */
export async function withRehearsal<T>(
  options: TestRehearsalOptions,
  act: (rehearsal: Rehearsal) => Promise<T>,
): Promise<T> {
  await build();
  await sweep(options.name);
  made.add(options.name);
  try {
    return await act(await Rehearsal.prepare(options));
  } finally {
    await sweep(options.name);
    made.delete(options.name);
  }
}

/** Ends whatever runs in a rehearsal, and removes it. */
async function sweep(name: string): Promise<void> {
  await sweepFolder(rehearsalFolder(name));
}

/** The same by its folder: quicker than `down`, and possible in any state. */
export async function sweepFolder(folder: string): Promise<void> {
  if (!existsSync(folder)) return;
  const pulumi = () => processes().filter((pid) => procFile(pid, "environ").includes(`PULUMI_HOME=${folder}/`));
  const servers = () => processesIn(folder);
  await end(pulumi, "SIGKILL");
  // As a crash, which also gives back shared memory.
  await end(servers, "SIGQUIT").catch(() => end(servers, "SIGKILL"));
  rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
}

async function end(found: () => readonly number[], signal: NodeJS.Signals): Promise<void> {
  for (const pid of found()) {
    try {
      process.kill(pid, signal);
    } catch {
      // It ended meanwhile.
    }
  }
  await until(`the end of what a rehearsal runs, after ${signal}`, () => found().length === 0, 10);
}

/** Processes whose current folder is there or below, servers first among them. */
export function processesIn(folder: string): readonly number[] {
  return processes().filter((pid) => {
    const current = link(`/proc/${pid}/cwd`);
    return current === folder || current.startsWith(`${folder}/`);
  });
}

function processes(): readonly number[] {
  return readdirSync("/proc")
    .map(Number)
    .filter((pid) => Number.isInteger(pid) && pid !== process.pid && runs(pid));
}

/** `pgsite` as a user runs it, in a rehearsal's project. */
export function pgsite(rehearsal: Rehearsal, args: readonly string[]) {
  return execa(process.execPath, [join(checkout, "dist", "pgsite.js"), ...args], {
    cwd: rehearsal.project,
    env: { ...rehearsal.environment },
    extendEnv: false,
    reject: false,
    timeout: 60_000,
  });
}

/** The rows of `pgsite status --json`, all stacks. @throws where it fails */
export async function statusRows(rehearsal: Rehearsal): Promise<readonly StatusRow[]> {
  const { stdout, stderr, exitCode } = await pgsite(rehearsal, ["status", "--json"]);
  if (exitCode !== 0) throw new Error(`pgsite status failed: ${stderr}`);
  const status = JSON.parse(stdout) as { servers: StatusRow[] };
  if (!/^servers(,backups)?$/.test(Object.keys(status).join()))
    throw new Error(`pgsite status has other keys than servers and backups: ${stdout}`);
  return status.servers;
}

/** A site of a rehearsal, as `pgsite` sees it. */
export interface RehearsedSite {
  readonly site: Site;
  readonly passwords: Passwords;
  readonly signal: AbortSignal;
}

/** The sites of a rehearsal with the passwords that pgsite itself uses. */
export async function sitesOf(rehearsal: Rehearsal): Promise<readonly RehearsedSite[]> {
  return Promise.all(
    rehearsal.stacks.map(async (stack) => {
      const args = ["config", "--json", "--show-secrets", "--stack", stack];
      const config = JSON.parse(said(await rehearsal.pulumi(args))) as Record<string, { value: string }>;
      const raw: RawConfiguration = Object.fromEntries(Object.entries(config).map(([key, { value }]) => [key, value]));
      const { stack: resolved, problems } = resolveStack(stack, raw);
      if (resolved === undefined) throw new Error(JSON.stringify(problems));
      const { site } = resolved;
      const roles = [site.administrator, site.replicationRole];
      const passwords = Object.fromEntries(roles.map((role) => [role, raw[`pgsite:${passwordKey(role)}`] ?? ""]));
      return { site, passwords, signal: new AbortController().signal };
    }),
  );
}

export { stackText } from "./stackText.js";

/** One step of a preview, as `pulumi preview --json` gives it. */
export interface PreviewStep {
  readonly op: string;
  readonly type: string;
  readonly name: string;
}

/** What a preview would do, without what stays as it is. @throws where it fails */
export async function previewSteps(rehearsal: Rehearsal, stack: string): Promise<readonly PreviewStep[]> {
  return stepsIn(said(await rehearsal.pulumi(["preview", "--json", "--stack", stack])));
}

/** The steps in the output of `pulumi preview --json` that change something. */
export function stepsIn(json: string): readonly PreviewStep[] {
  const { steps } = JSON.parse(json) as { steps: readonly { op: string; urn: string }[] };
  return steps
    .filter(({ op }) => op !== "same" && op !== "refresh")
    .map(({ op, urn }) => {
      const [, , types = "", name = ""] = urn.split("::");
      return { op, type: types.split("$").at(-1) ?? "", name };
    });
}

/** Standard output of what must succeed. @throws with all that it said */
export function said(result: {
  readonly exitCode?: number;
  readonly stdout: unknown;
  readonly stderr: unknown;
}): string {
  if (result.exitCode === 0) return `${result.stdout}`;
  throw new Error(`ended with status ${result.exitCode}:\n${result.stdout}\n${result.stderr}`);
}

function procFile(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "latin1");
  } catch {
    return ""; // It ended meanwhile.
  }
}

function link(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}
