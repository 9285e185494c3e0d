import type { Site } from "../config/site.js";
import type { JobSet } from "../installed/jobs/kinds.js";
import type { ServerJobs } from "../provider/sdk/jobs.js";

/** By server: what its host runs. */
export function jobsOn(site: Site, sets: Readonly<Record<string, JobSet>>): Readonly<Record<string, ServerJobs>> {
  return Object.fromEntries(
    site.servers.flatMap(({ name, host }) => {
      const set = sets[name];
      return set === undefined ? [] : [[name, { host, set }] as const];
    }),
  );
}
