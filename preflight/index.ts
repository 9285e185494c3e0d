import { collect, type HostOf } from "./collect.js";
import type { Observation } from "./facts.js";
import type { Finding } from "./finding.js";
import { type FoldersByHost, foldersToMake } from "./folders.js";
import { judge, packagesOf, seenOf } from "./judge.js";
import type { PreflightRequest } from "./request.js";

/** What one preflight found. */
export interface PreflightReport {
  readonly observations: readonly Observation[];
  readonly findings: readonly Finding[];
  /** What `install: packages` has to install, by host. */
  readonly packages: Readonly<Record<string, readonly string[]>>;
  /** What an `up` makes as root before anything else, by host. */
  readonly folders: FoldersByHost;
}

export interface PreflightOptions {
  readonly hostOf: HostOf;
  /** Whether data directories are measured, which takes a while: only for seeding and growth. @default true */
  readonly measure?: boolean;
  /** Whether server programs are run, to see that they do. Never for a preview. @default false: their version is read */
  readonly run?: boolean;
}

/** Looks at all hosts at once, and says all that is wrong there. Changes nothing, never throws. */
export async function preflight(request: PreflightRequest, options: PreflightOptions): Promise<PreflightReport> {
  const { hostOf, measure = true, run = false } = options;
  const observations = await collect(request, hostOf, { measure, run });
  const seen = seenOf(request, observations);
  return {
    observations,
    findings: judge(request, observations),
    packages: packagesOf(request, seen),
    folders: foldersToMake(seen),
  };
}
