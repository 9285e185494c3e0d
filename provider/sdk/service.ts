import * as pulumi from "@pulumi/pulumi";
import type { Manager } from "../../config/schema/service.js";
import type { HostSpec } from "../../hosts/host.js";
import type { ServiceFacts } from "../../installed/service/facts.js";
import { packed } from "./packed.js";

export interface ServiceArgs {
  readonly host: HostSpec;
  readonly facts: ServiceFacts;
  /** `auto` takes whatever the host has. */
  readonly manager: pulumi.Input<Manager | "auto">;
  /** The id of the container that the host is, where the stack makes it. */
  readonly container?: pulumi.Input<string>;
  /** True where deleting this resource takes the service away. */
  readonly disposable: pulumi.Input<boolean>;
}

/** What starts a server with its machine: a systemd unit, a System V script, or the distribution's own service. */
export class Service extends pulumi.CustomResource {
  constructor(name: string, args: ServiceArgs, options?: pulumi.CustomResourceOptions) {
    const derived = { found: undefined, text: undefined, enabled: undefined, path: undefined, maker: undefined };
    super("pgsite:index:Service", name, { ...packed(args, ["host", "facts"]), ...derived }, options);
  }
}
