import Table from "cli-table3";
import { Command } from "commander";
import { shownInLine } from "../../postgres/shown.js";
import type { Report } from "../../servers/status/report.js";
import { type Digest, type Drift, readDigest, type Unknown } from "../drift/digest.js";
import { withFindings } from "../drift/findings.js";
import { say, sayJson } from "../find.js";
import { notSetUp, projectFolder, sayLeftOut, stacksOf } from "../load.js";
import { runPulumi } from "../pulumi.js";

/** One stack, as `--json` prints it (docs/drift.md). */
export interface StackDrift {
  readonly stack: string;
  /** `drift` as soon as one difference is known; `unknown` where none is, and not everything could be asked. */
  readonly outcome: "clean" | "drift" | "unknown";
  readonly differences: readonly Drift[];
  /** Why something, or everything, is not known; for people. */
  readonly reasons: readonly string[];
  /** What resources could not ask, for programs. */
  readonly unknown: readonly Unknown[];
  /** What `pulumi up` would do on the servers, in order; for people. */
  readonly plan: readonly string[];
  /** The same for programs. */
  readonly rollout: Report["plan"];
}

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
      else say(renderDrift(stacks));
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

/** For people. */
export function renderDrift(stacks: readonly StackDrift[]): string {
  return stacks
    .flatMap(({ stack, outcome, differences, reasons, plan }) => {
      const count = differences.length === 1 ? "1 difference" : `${differences.length} differences`;
      const head = { clean: "clean", drift: count, unknown: "could not tell" }[outcome];
      return [
        `${stack}: ${head}`,
        ...(differences.length === 0 ? [] : [tableOf(differences)]),
        ...reasons.map((reason) => `not known: ${reason}`),
        ...(plan.length === 0 ? [] : ["pulumi up would:", ...plan.map((step) => `  ${shownInLine(step)}`)]),
      ];
    })
    .join("\n");
}

function tableOf(differences: readonly Drift[]): string {
  const table = new Table({
    head: ["server", "object", "there", "declared", "consequence"],
    style: { head: [], border: [], compact: true },
  });
  for (const { server = "", object, there, declared = "", consequence } of differences) {
    table.push([server, object, there, declared, consequence].map(shownInLine));
  }
  return table.toString();
}
