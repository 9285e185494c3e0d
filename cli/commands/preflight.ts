import { Command } from "commander";
import { hostOf } from "../../hosts/index.js";
import { clockText } from "../../preflight/checks/clock.js";
import type { Observation } from "../../preflight/facts.js";
import type { Finding } from "../../preflight/finding.js";
import { folderText } from "../../preflight/folders.js";
import { type PreflightReport, preflight } from "../../preflight/index.js";
import { requestOf } from "../../preflight/request.js";
import { say, sayJson } from "../find.js";
import { loadSites } from "../load.js";

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
      const sites = await loadSites(options.stack);
      const stacks = await Promise.all(
        sites.map(async ({ site }): Promise<StackPreflight> => {
          const report = await preflight(requestOf(site), { hostOf });
          return { stack: site.stack, outcome: outcomeOf(report), ...report };
        }),
      );
      if (options.json === true) sayJson({ stacks });
      else say(stacks.map(renderPreflight).join("\n"));
      process.exitCode = Math.max(...stacks.map(({ outcome }) => exitCodes[outcome]));
    });
}

export function outcomeOf({ findings }: Pick<PreflightReport, "findings">): StackPreflight["outcome"] {
  const errors = findings.filter(({ severity }) => severity === "error");
  if (errors.some(({ check }) => check !== "reachable")) return "problems";
  return errors.length > 0 ? "unknown" : "fine";
}

/** For people: host by host, what it is and what is wrong there. */
export function renderPreflight({ stack, findings, observations, packages, folders }: StackPreflight): string {
  const count = (severity: Finding["severity"], noun: string) => {
    const number = findings.filter((one) => one.severity === severity).length;
    return number === 0 ? [] : [`${number} ${noun}${number === 1 ? "" : "s"}`];
  };
  const heads = [...count("error", "problem"), ...count("warning", "warning")];
  return [
    `${stack}: ${heads.join(", ") || "fine"}`,
    ...observations.flatMap((one) => [
      `  ${one.host.name}: ${described(one)}`,
      ...findings
        .filter(({ host }) => host === one.host.name)
        .filter(({ check }) => check !== "reachable")
        .map(({ severity, message }) => `    ${severity === "error" ? "problem" : "warning"}: ${message}`),
      ...(packages[one.host.name] === undefined ? [] : [`    to be installed: ${packages[one.host.name]?.join(", ")}`]),
      ...(folders[one.host.name] ?? []).map(
        (folder) => `    to be made, as root: ${folderText(folder, one.host.user)}`,
      ),
    ]),
  ].join("\n");
}

function described(one: Observation): string {
  if ("unreachable" in one) return `not known: ${one.unreachable}`;
  const { system, platform, user, clock } = one.facts;
  return `${system.name}, ${platform.machine}, ${platform.libc}, as ${user}, clock ${clockText(clock)}`;
}
