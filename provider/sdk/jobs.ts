import * as pulumi from "@pulumi/pulumi";
import type { HostSpec } from "../../hosts/host.js";
import type { JobSet } from "../../installed/jobs/kinds.js";

/** What one host runs of a server. */
export interface ServerJobs {
  readonly host: HostSpec;
  readonly set: JobSet;
}

export interface JobsArgs {
  /** Name of the site. */
  readonly site: string;
  readonly what: "backups" | "watch";
  /** By the server's name; one that is declared lost is not among them. */
  readonly servers: Readonly<Record<string, ServerJobs>>;
}

/** Programs on the hosts of a stack, and when cron or systemd runs them. Depends on the `Rollout`. */
export class Jobs extends pulumi.CustomResource {
  constructor(name: string, { site, what, servers }: JobsArgs, options?: pulumi.CustomResourceOptions) {
    super(
      "pgsite:index:Jobs",
      name,
      { site, what, servers: JSON.stringify(servers), installed: undefined, schedules: undefined },
      options,
    );
  }
}
