import * as pulumi from "@pulumi/pulumi";
import type { Site } from "../config/site.js";
import { watchJobs } from "../installed/watch/facts.js";
import { Jobs } from "../provider/sdk/index.js";
import { jobsOn } from "./jobsOn.js";

/** What looks at every server of a stack at given times, and mails what is wrong. */
export class Watch extends pulumi.ComponentResource {
  constructor(name: string, { site }: { readonly site: Site }, options?: pulumi.ComponentResourceOptions) {
    const { dependsOn = [], ...own } = options ?? {};
    // The component itself waits for nothing, so that what it stands for is not kept waiting twice.
    super("pgsite:index:Watch", name, {}, own);
    new Jobs(
      `${name}-jobs`,
      { site: site.name, what: "watch", servers: jobsOn(site, watchJobs(site)) },
      { parent: this, dependsOn },
    );
    this.registerOutputs({});
  }
}
