import { Command } from "commander";
import { type Digest, readDigest, type StackDrift } from "../drift/digest.js";
import { withFindings } from "../drift/findings.js";
import { renderDrift } from "../drift/render.js";
import { sayJson } from "../find.js";
import { notSetUp, projectFolder, sayLeftOut, stacksOf } from "../load.js";
import { runPulumi } from "../pulumi.js";
import { sayPainted, styleOf } from "../terminal.js";

export type { StackDrift } from "../drift/digest.js";

const nothing = { differences: [], unknown: [] } as const;
const noPlan = { plan: [], rollout: { steps: [], refusals: [] } } as const;

const exitCodes = { clean: 0, unknown: 1, drift: 2 } as const;

/** `pgsite drift`: what the previews of the stacks show, in a table, and as an exit code. */
export function driftCommand(): Command {
  return new Command("drift")
    .description("compare the servers with the stack files: exit code 0 clean, 2 drift, 1 could not tell")
    .option("--stack <name...>", "the stacks (default: all)")
    .option("--json", "for programs")
    .option("--timeout <seconds>", "how long a stack's preview may take", (text) => Number(text), 300)
    .action(async (options: { stack?: string[]; json?: boolean; timeout: number }) => {
      const project = projectFolder();
      const names = options.stack ?? (await stacksOf(project));
      const all = await Promise.all(names.map((stack) => driftOf(project, stack, options.timeout * 1000)));
      const stacks = options.stack === undefined ? await setUp(project, all) : all;
      if (options.json === true) sayJson({ stacks });
      else sayPainted(renderDrift(stacks, styleOf()));
      process.exitCode = exitCodes[outcomeOf(stacks)];
    });
}

/** Without stacks that nobody has set up here, unless that is all of them. These are said. */
async function setUp(project: string, stacks: readonly StackDrift[]): Promise<readonly StackDrift[]> {
  const unsure = stacks.filter(({ outcome }) => outcome === "unknown").map(({ stack }) => stack);
  const absent = unsure.length === 0 ? [] : ((await notSetUp(project, unsure)) ?? []);
  if (absent.length === stacks.length) return stacks;
  sayLeftOut(absent);
  return stacks.filter(({ stack }) => !absent.includes(stack));
}

/** A drift anywhere is certain; that a stack is clean is only certain where all could be asked. */
export function outcomeOf(stacks: readonly Pick<StackDrift, "outcome">[]): StackDrift["outcome"] {
  if (stacks.some(({ outcome }) => outcome === "drift")) return "drift";
  return stacks.every(({ outcome }) => outcome === "clean") ? "clean" : "unknown";
}

/** One truth with the preview: what its resources found is read, nothing is compared here. Never throws. */
export async function driftOf(project: string, stack: string, timeout: number): Promise<StackDrift> {
  const failed = (
    reasons: readonly string[],
    found: Pick<StackDrift, "differences" | "unknown"> = nothing,
  ): StackDrift => ({
    ...{ stack, outcome: "unknown", ...found, reasons, ...noPlan },
  });
  const preview = ["preview", "--json", "--refresh", "--stack", stack];
  const run = await withFindings((env) => runPulumi(project, preview, timeout, { env })).catch((error: Error) => error);
  if (run instanceof Error) return failed([run.message]);
  const { result, read } = run;
  const digest = result.exitCode === undefined ? undefined : digestIn(result.stdout);
  if (digest === undefined) return failed([result.failure ?? "pulumi preview printed nothing to be read"]);
  const { differences, unknown, plan, rollout, errors } = readDigest(digest, "told" in read ? read.told : []);
  if (result.exitCode !== 0) {
    const reasons = errors.length > 0 ? errors : [`pulumi preview ended with status ${result.exitCode}`];
    return failed([...reasons, ...unknown.map(({ message }) => message)], { differences, unknown });
  }
  if ("failure" in read) return failed([read.failure]);
  const outcome = differences.length > 0 ? "drift" : unknown.length > 0 ? "unknown" : "clean";
  return { stack, outcome, differences, reasons: unknown.map(({ message }) => message), unknown, plan, rollout };
}

function digestIn(stdout: string): Digest | undefined {
  try {
    const found = JSON.parse(stdout) as Digest | null;
    return found !== null && typeof found === "object" ? found : undefined;
  } catch {
    return undefined;
  }
}
