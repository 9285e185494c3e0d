import { readFileSync } from "node:fs";
import { join } from "node:path";
import { execa, type Result } from "execa";
import { type LoadedSite, loadSites } from "../../cli/load.js";
import { Rehearsal, type RehearsalOptions } from "../../rehearsal/rehearsal.js";
import { type StatusRow, statusOf } from "../../servers/status.js";
import { build } from "../../toolchain/build.mjs";
import { checkout } from "../../toolchain/paths.mjs";

/** A rehearsal of a test's own, taken down in the end, also after a failure; left-overs of a killed run are taken down first. */
export async function withRehearsal<T>(
  options: RehearsalOptions,
  act: (rehearsal: Rehearsal) => Promise<T>,
): Promise<T> {
  await build();
  await (await Rehearsal.find(options.name))?.down();
  let rehearsal: Rehearsal | undefined;
  try {
    rehearsal = await Rehearsal.prepare(options);
    return await act(rehearsal);
  } finally {
    await (rehearsal ?? (await Rehearsal.find(options.name)))?.down();
  }
}

/** `pgsite` as a user runs it, in a rehearsal's project. */
export function pgsite(rehearsal: Rehearsal, args: readonly string[]): Promise<Result> {
  return execa(process.execPath, [join(checkout, "dist", "pgsite.js"), ...args], {
    cwd: rehearsal.project,
    env: { ...rehearsal.environment, PGSITE_PROJECT: rehearsal.project },
    extendEnv: false,
    reject: false,
    timeout: 60_000,
  }) as Promise<Result>;
}

/** The rows of `pgsite status --json`. @throws where it fails */
export async function statusRows(rehearsal: Rehearsal): Promise<readonly StatusRow[]> {
  const { stdout, stderr, exitCode } = await pgsite(rehearsal, ["status", "--json"]);
  if (exitCode !== 0) throw new Error(`pgsite status failed: ${stderr}`);
  return (JSON.parse(String(stdout)) as { servers: StatusRow[] }).servers;
}

/** The sites of a rehearsal with their passwords, in this process. */
export async function sitesOf(rehearsal: Rehearsal): Promise<readonly LoadedSite[]> {
  Object.assign(process.env, rehearsal.environment, { PGSITE_PROJECT: rehearsal.project });
  return loadSites(rehearsal.stacks);
}

export { statusOf };

/** A committed stack file, with lines replaced. @throws where a line to be replaced is not there */
export function stackText(stack: string, replacements: Readonly<Record<string, string>> = {}): string {
  let text = readFileSync(join(checkout, `Pulumi.${stack}.yaml`), "utf8");
  for (const [from, to] of Object.entries(replacements)) {
    if (!text.includes(from)) throw new Error(`Pulumi.${stack}.yaml has no "${from}"`);
    text = text.replaceAll(from, to);
  }
  return text;
}

/** One step of a preview, as `pulumi preview --json` gives it. */
export interface PreviewStep {
  readonly op: string;
  readonly urn: string;
  readonly type: string;
  readonly name: string;
}

/** What a preview would do, without what stays as it is. */
export async function previewSteps(rehearsal: Rehearsal, stack: string): Promise<readonly PreviewStep[]> {
  const { stdout, stderr, exitCode } = await rehearsal.pulumi(["preview", "--json", "--stack", stack]);
  if (exitCode !== 0) throw new Error(`pulumi preview of ${stack} failed:\n${stdout}\n${stderr}`);
  const { steps } = JSON.parse(String(stdout)) as { steps: readonly { op: string; urn: string }[] };
  return steps
    .filter(({ op }) => op !== "same" && op !== "refresh")
    .map(({ op, urn }) => {
      const [, , types = "", name = ""] = urn.replace(/^urn:pulumi:/, "").split("::");
      return { op, urn, type: types.split("$").at(-1) ?? "", name };
    });
}
