import * as pulumi from "@pulumi/pulumi";
import type { Site } from "../config/site.js";
import { backupJobs } from "../installed/backups/facts.js";
import { Jobs } from "../provider/sdk/index.js";
import { jobsOn } from "./jobsOn.js";

/** Backups by pg_dump, and the drills that prove them, on the hosts of a stack. */
export class DatabaseBackups extends pulumi.ComponentResource {
  constructor(name: string, { site }: { readonly site: Site }, options?: pulumi.ComponentResourceOptions) {
    const { dependsOn = [], ...own } = options ?? {};
    // The component itself waits for nothing, so that what it stands for is not kept waiting twice.
    super("pgsite:index:DatabaseBackups", name, {}, own);
    new Jobs(
      `${name}-jobs`,
      { site: site.name, what: "backups", servers: jobsOn(site, backupJobs(site)) },
      { parent: this, dependsOn },
    );
    this.registerOutputs({});
  }
}
