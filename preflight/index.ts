import { collect, type HostOf } from "./collect.js";
import type { Observation } from "./facts.js";
import type { Finding } from "./finding.js";
import { judge } from "./judge.js";
import { missingPackages } from "./packages/missing.js";
import type { PreflightRequest } from "./request.js";

/** What one preflight found. */
export interface PreflightReport {
  readonly observations: readonly Observation[];
  readonly findings: readonly Finding[];
  /** What `install: packages` has to install, by host. */
  readonly packages: Readonly<Record<string, readonly string[]>>;
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
  const inhabited = observations.flatMap((one) =>
    "facts" in one
      ? [{ host: one.facts, servers: request.servers.filter(({ host }) => host.name === one.host.name) }]
      : [],
  );
  return {
    observations,
    findings: judge(request, observations),
    packages: missingPackages(
      request,
      inhabited.filter(({ servers }) => servers.length > 0),
    ),
  };
}
