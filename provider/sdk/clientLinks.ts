import * as pulumi from "@pulumi/pulumi";
import type { HostSpec } from "../../hosts/host.js";
import { packed } from "./packed.js";

export interface ClientLinksArgs {
  readonly host: HostSpec;
  /** Absolute. */
  readonly folder: pulumi.Input<string>;
  /** Names of links in the folder, each with the name of the file beside it that it points to. */
  readonly links: pulumi.Input<Readonly<Record<string, pulumi.Input<string>>>>;
}

/** Symbolic links that lead clients to the configuration for the server that takes writes. Each is moved atomically. */
export class ClientLinks extends pulumi.CustomResource {
  constructor(name: string, args: ClientLinksArgs, options?: pulumi.CustomResourceOptions) {
    super("pgsite:index:ClientLinks", name, packed(args, ["host"]), options);
  }
}
