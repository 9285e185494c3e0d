import * as pulumi from "@pulumi/pulumi";
import type { Server } from "../../config/site.js";
import type { RolloutArgs } from "./rollout.js";

export interface TopologyArgs extends RolloutArgs {
  /** Replication slots that somebody else keeps: left alone. */
  readonly slots: pulumi.Input<readonly string[]>;
  /** Whether a server that is taken out of the stack may be stopped. @default false */
  readonly disposable?: pulumi.Input<boolean>;
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
        servers: pulumi.output(args.servers).apply((servers) => JSON.stringify(positionsOf(servers))),
        positions: undefined,
      },
      options,
    );
  }
}

/** What tells a server's place among the others, and where its log is: each property costs every preview. */
const needed = ["logging_collector", "log_directory"];

function positionsOf(servers: Readonly<Record<string, Server>>) {
  return Object.fromEntries(
    Object.entries(servers).map(([name, { files: _f, disposable: _d, certificate: _c, settings, ...server }]) => {
      const told = Object.entries(settings).filter(([setting]) => needed.includes(setting));
      return [name, { ...server, settings: Object.fromEntries(told) }];
    }),
  );
}
