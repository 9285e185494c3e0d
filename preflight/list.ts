import { majors } from "../postgres/versions.js";
import { type Finding, messageOf } from "./finding.js";
import { folderText } from "./folders.js";
import type { PreflightReport } from "./index.js";
import { type Family, familyOf } from "./packages/families.js";

/** A report as one list: what is wrong, what is worth knowing, and what an `up` makes. Each thing once, of all hosts that have it. */
export interface PreflightList {
  readonly severity: "info" | "warning" | "error";
  readonly text: string;
}

/** What stands in a list, each thing once. */
export interface SortedFindings {
  readonly wrong: readonly string[];
  readonly worthKnowing: readonly string[];
}

/** @param isFatal whether a problem is one now: a host that does not answer fails an `up` alone */
export function sortedFindings(
  findings: readonly Finding[],
  isFatal: (finding: Finding) => boolean = ({ severity }) => severity === "error",
): SortedFindings {
  return {
    wrong: together(findings.filter(isFatal)),
    worthKnowing: together(findings.filter((one) => !isFatal(one))),
  };
}

/** `2 problems and 1 warning`; empty where there is neither. */
export function countsOf({ wrong, worthKnowing }: SortedFindings): string {
  const count = (lines: readonly string[], noun: string) =>
    lines.length === 0 ? [] : [`${lines.length} ${noun}${lines.length === 1 ? "" : "s"}`];
  return [...count(wrong, "problem"), ...count(worthKnowing, "warning")].join(" and ");
}

/**
 * Undefined where there is nothing to say. The first line says how much there is: Pulumi shows that beside the resource, and the
 * whole of it once.
 */
export function listOf(report: PreflightReport, isFatal: (finding: Finding) => boolean): PreflightList | undefined {
  const { wrong, worthKnowing } = sortedFindings(report.findings, isFatal);
  const made = wrong.length > 0 ? [] : madeBefore(report);
  const counts = countsOf({ wrong, worthKnowing });
  const lines = [
    ...wrong,
    ...worthKnowing.map((line) => (wrong.length === 0 ? line : `(warning) ${line}`)),
    ...(counts === "" ? made : made.map((line) => `an up first makes ${line}`)),
  ];
  if (lines.length === 0) return undefined;
  const text = (heading: string) => `${heading}\n${lines.map((line) => `  ${line}`).join("\n")}\n`;
  if (wrong.length > 0) return { severity: "error", text: text(`the preflight found ${counts}: ${untouched}`) };
  if (counts !== "") return { severity: "warning", text: text(`the preflight found ${counts}:`) };
  return { severity: "info", text: text("an up makes, before anything else:") };
}

/** What holds wherever a preflight refuses: containers and Pulumi's own groups may have been made, and packages installed. */
const untouched = "no server was made or changed";

/** One line for all hosts of which the same is said: its remedy is one for all of them. */
function together(findings: readonly Finding[]): readonly string[] {
  const groups = new Map<string, Finding[]>();
  for (const finding of findings) {
    const key = JSON.stringify([finding.check, saidOfMany(finding)]);
    groups.set(key, [...(groups.get(key) ?? []), finding]);
  }
  return [...groups.values()].map((group) => {
    const [first] = group as [Finding, ...Finding[]];
    return group.length === 1 ? first.message : messageOf(listed(group.map(({ where }) => where)), saidOfMany(first));
  });
}

function saidOfMany({ cause, remedy, ofMany }: Finding) {
  return ofMany ?? { cause, remedy };
}

/** What an `up` makes before anything else. */
export function madeBefore({ folders, packages, observations }: PreflightReport): readonly string[] {
  const users = new Map(observations.map(({ host }) => [host.name, host.user]));
  const hosts = new Map<string, string[]>();
  const add = (what: string, host: string) => hosts.set(what, [...(hosts.get(what) ?? []), host]);
  for (const { host, ...looked } of observations) {
    const names = packages[host.name] ?? [];
    const family = "facts" in looked ? familyOf(looked.facts) : undefined;
    if (names.length > 0) add(`the packages ${names.join(" and ")}${keptBy(family, names)}`, host.name);
  }
  for (const [host, list] of Object.entries(folders)) {
    for (const folder of list) add(`the folder ${folderText(folder, users.get(host) ?? "")}`, host);
  }
  return [...hosts].map(([what, names]) => `${what} on ${listed(names)}, as root`);
}

/** What an installation leaves for good beside the packages. */
function keptBy(family: Family | undefined, names: readonly string[]): string {
  if (family?.manager !== "apt" || !majors.some((major) => names.includes(family.server(major)))) return "";
  return " (no cluster main: create_main_cluster = false, which stays in /etc/postgresql-common/createcluster.conf)";
}

function listed(names: readonly string[]): string {
  return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}
