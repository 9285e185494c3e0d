import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Host } from "../../hosts/host.js";
import type { Difference } from "../../postgres/differences.js";
import { type FileSet, type InstalledFile, installFiles } from "../folder.js";
import { fileDifferences } from "../listingDifferences.js";
import { ofOneAlone, programs, type RunbookFacts, renderRunbook, runbookFolder, shared } from "./render.js";

type Files = Readonly<Record<string, InstalledFile>>;

/** The scripts are files of this project, and travel neither through the program nor into the state. */
async function scriptsOf(names: {
  readonly shared: readonly string[];
  readonly programs: readonly string[];
}): Promise<Files> {
  const { checkout } = await import("../../toolchain/paths.mjs");
  const read = (name: string, mode: number) => {
    return [name, { content: readFileSync(join(checkout, "installed", "runbook", name), "utf8"), mode }] as const;
  };
  return Object.fromEntries([
    ...names.shared.map((name) => read(name, 0o600)),
    ...names.programs.map((name) => read(name, 0o700)),
  ]);
}

const scripts: Partial<Record<"several" | "alone", Promise<Files>>> = {};

/** A server's runbook. The guard comes last: it is what runs by itself, and goes by all the others. */
export async function runbookFiles(facts: RunbookFacts): Promise<FileSet> {
  const kind = facts.alone === undefined ? "several" : "alone";
  const rendered = Object.entries(renderRunbook(facts)).map(([name, content]) => [name, { content, mode: 0o600 }]);
  scripts[kind] ??= scriptsOf(kind === "alone" ? ofOneAlone : { shared, programs });
  const { guard, ...others } = await scripts[kind];
  const files = { ...(Object.fromEntries(rendered) as Files), ...others, guard: guard as InstalledFile };
  return { folder: runbookFolder(facts.controlDirectory), kind: "ours", owner: facts.user, files };
}

export async function installRunbook(host: Host, facts: RunbookFacts): Promise<void> {
  await installFiles(host, await runbookFiles(facts));
}

/** One a file. */
export function runbookDifferences(facts: RunbookFacts, host: string, is: string, shall: string): Difference[] {
  return fileDifferences(runbookFolder(facts.controlDirectory), host, is, shall);
}
