// An unchanged preview of three and of twelve servers, with its refresh, against an empty program's preview.
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import type { Rehearsal } from "../cli/rehearsal/rehearsal.js";
import { checkout } from "../toolchain/paths.mjs";
import { compare, type Outcome, say, timed } from "./support/compare.js";
import { peakOfNode } from "./support/memory.js";
import { oneStackOf, programsOf15, withRehearsal } from "./support/site.js";

const stack = "three";
const preview = ["preview", "--non-interactive", "--color", "never", "--expect-no-changes"];

/** A project with nothing in it, run by the same CLI, language host and SDK, in the same Pulumi home. */
async function emptyProject(rehearsal: Rehearsal): Promise<(args: readonly string[]) => Promise<unknown>> {
  const folder = join(rehearsal.folder, "empty");
  await mkdir(folder);
  await symlink(join(checkout, "node_modules"), join(folder, "node_modules"));
  const runtime = "runtime:\n  name: nodejs\n  options:\n    typescript: false\n";
  await writeFile(join(folder, "Pulumi.yaml"), `name: empty\nmain: index.js\n${runtime}`);
  await writeFile(join(folder, "index.js"), 'require("@pulumi/pulumi");\n');
  const pulumi = (args: readonly string[]) =>
    execa("pulumi", args, { cwd: folder, env: { ...rehearsal.environment }, extendEnv: false, stdin: "ignore" });
  await pulumi(["stack", "init", "empty"]);
  await pulumi(["up", "--yes", "--skip-preview", "--non-interactive", "--stack", "empty"]);
  return (args) => pulumi([...args, "--stack", "empty"]);
}

/** What is promised: at most so many times an empty program's preview. */
const targets: Readonly<Record<number, number>> = { 3: 1.6, 12: 2 };

/** Previews of a site of so many servers, and of an empty program in turn. */
async function measure(servers: number, rounds: number): Promise<Outcome> {
  const texts = { [stack]: oneStackOf(servers) };
  const options = { name: `bench-preview-${servers}`, block: 200, texts, ...programsOf15 };
  return withRehearsal(options, async (rehearsal) => {
    await rehearsal.up(stack);
    const empty = await emptyProject(rehearsal);
    const ours = async () => {
      const result = await rehearsal.pulumi([...preview, "--stack", stack]);
      if (result.exitCode !== 0) throw new Error(`the preview failed:\n${result.stdout}\n${result.stderr}`);
    };
    // Everything is in the page cache from here on.
    const memory = { ours: await peakOfNode(ours), empty: await peakOfNode(() => empty(preview)) };
    const outcome = await compare({
      name: `preview-${servers}`,
      target: targets[servers] ?? Number.NaN,
      rounds,
      reference: () => timed(() => empty(preview)),
      subject: () => timed(ours),
    });
    const megabytes = (bytes: number) => Math.round(bytes / 1e6);
    say(`memory preview-${servers} ${megabytes(memory.ours)} MB (empty program ${megabytes(memory.empty)} MB)`);
    return outcome;
  });
}

async function main(rounds: number): Promise<void> {
  const three = await measure(3, rounds);
  const twelve = await measure(12, rounds);
  say(`each server beyond three: ${Math.round((twelve.subject - three.subject) / 9)} ms`);
}

main(Number(process.argv[2] ?? 9)).catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
