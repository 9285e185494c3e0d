import { Command } from "commander";
import { hostOf } from "../../hosts/index.js";
import { clockText } from "../../preflight/checks/clock.js";
import type { Observation } from "../../preflight/facts.js";
import { type PreflightReport, preflight } from "../../preflight/index.js";
import { countsOf, madeBefore, sortedFindings } from "../../preflight/list.js";
import { requestOf } from "../../preflight/request.js";
import { say, sayJson } from "../find.js";
import { loadForLooking } from "../load.js";

/** One stack, as `--json` prints it (docs/preflight.md). */
export interface StackPreflight extends PreflightReport {
  readonly stack: string;
  /** `problems` as soon as one is known; `unknown` where none is, and not every host could be asked. */
  readonly outcome: "fine" | "problems" | "unknown";
}

const exitCodes = { fine: 0, unknown: 1, problems: 2 } as const;

/** `pgsite preflight`: what is wrong on the hosts of the stacks, all of it at once. Changes nothing. */
export function preflightCommand(): Command {
  return new Command("preflight")
    .description("look whether the hosts can take their servers: exit code 0 fine, 2 problems, 1 could not tell")
    .option("--stack <name...>", "the stacks (default: all)")
    .option("--json", "for programs")
    .action(async (options: { stack?: string[]; json?: boolean }) => {
      const { sites, all } = await loadForLooking(options.stack);
      const stacks = await Promise.all(
        sites.map(async ({ site }): Promise<StackPreflight> => {
          const report = await preflight(requestOf(site), { hostOf });
          return { stack: site.stack, outcome: outcomeOf(report), ...report };
        }),
      );
      if (options.json === true) sayJson({ stacks });
      else say(stacks.map(renderPreflight).join("\n"));
      process.exitCode = Math.max(all ? 0 : exitCodes.unknown, ...stacks.map(({ outcome }) => exitCodes[outcome]));
    });
}

export function outcomeOf({ findings }: Pick<PreflightReport, "findings">): StackPreflight["outcome"] {
  const errors = findings.filter(({ severity }) => severity === "error");
  if (errors.some(({ check }) => check !== "reachable")) return "problems";
  return errors.length > 0 ? "unknown" : "fine";
}

/** For people: what each host is, then one list of what is wrong there and what an `up` makes, as Pulumi shows it. */
export function renderPreflight({ stack, ...report }: StackPreflight): string {
  const { wrong, worthKnowing } = sortedFindings(report.findings);
  const hosts = report.observations.map((one) => `${one.host.name}: ${described(one)}`);
  const lines = [
    ...hosts,
    ...wrong.map((line) => `problem: ${line}`),
    ...worthKnowing.map((line) => `warning: ${line}`),
    ...(wrong.length > 0 ? [] : madeBefore(report)).map((line) => `an up first makes ${line}`),
  ];
  return [`${stack}: ${countsOf({ wrong, worthKnowing }) || "fine"}`, ...lines.map((line) => `  ${line}`)].join("\n");
}

function described(one: Observation): string {
  if ("unreachable" in one) return "not known";
  const { system, platform, user, clock } = one.facts;
  return `${system.name}, ${platform.machine}, ${platform.libc}, as ${user}, clock ${clockText(clock)}`;
}
