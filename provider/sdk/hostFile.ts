import * as pulumi from "@pulumi/pulumi";
import type { HostSpec } from "../../hosts/host.js";
import { packed } from "./packed.js";

export interface HostFileArgs {
  readonly host: HostSpec;
  /** Absolute path on the host. Another path is another file: the new one is written, then the old one removed. */
  readonly path: pulumi.Input<string>;
  /** May be a secret; then no preview, output or state shows it. */
  readonly content: pulumi.Input<string>;
  /** Permission bits in octal. @default "0600" */
  readonly mode?: pulumi.Input<string> | undefined;
  /** Of a password file: what stays in it until the `Runbook` is written. @default nothing */
  readonly keeps?: "other connections" | "all lines";
}

/** One file on a host, owned by the host's OS user. Previews show what differs in its content, mode and owner. */
export class HostFile extends pulumi.CustomResource {
  declare readonly path: pulumi.Output<string>;

  constructor(name: string, args: HostFileArgs, options?: pulumi.CustomResourceOptions) {
    super("pgsite:index:HostFile", name, { mode: "0600", ...packed(args, ["host"]) }, options);
  }
}
