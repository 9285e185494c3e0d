import { Command } from "commander";
import type { StackDrift } from "../drift/digest.js";
import { driftOf } from "../drift/preview.js";
import { renderDrift } from "../drift/render.js";
import { sayJson } from "../find.js";
import { notSetUp, projectFolder, sayLeftOut, stacksOf } from "../load.js";
import { sayPainted, styleOf } from "../terminal.js";

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
