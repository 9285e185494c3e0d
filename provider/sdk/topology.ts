import * as pulumi from "@pulumi/pulumi";
import type { Server } from "../../config/site.js";
import { mapServers, type RolloutArgs } from "./rollout.js";

export interface TopologyArgs extends RolloutArgs {
  /** Replication slots that somebody else keeps: left alone. */
  readonly slots: pulumi.Input<readonly string[]>;
}

/** Who takes writes, who streams from whom, on which timeline, and which slots keep WAL. Depends on the `Rollout`. */
export class Topology extends pulumi.CustomResource {
  constructor(name: string, args: TopologyArgs, options?: pulumi.CustomResourceOptions) {
    super(
      "pgsite:index:Topology",
      name,
      {
        ...args,
        administratorPassword: pulumi.secret(args.administratorPassword),
        servers: pulumi.output(args.servers).apply((servers: Readonly<Record<string, Server>>) => mapServers(servers)),
        positions: undefined,
      },
      options,
    );
  }
}
