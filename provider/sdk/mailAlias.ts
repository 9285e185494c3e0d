import * as pulumi from "@pulumi/pulumi";
import type { HostSpec } from "../../hosts/host.js";
import { packed } from "./packed.js";

export interface MailAliasArgs {
  readonly host: HostSpec;
  readonly name: string;
  /** Who gets its mail, separated by a comma and a blank. */
  readonly to: string;
}

/** One line of a host's /etc/aliases; all others stay. Takes root there. */
export class MailAlias extends pulumi.CustomResource {
  constructor(name: string, args: MailAliasArgs, options?: pulumi.CustomResourceOptions) {
    super("pgsite:index:MailAlias", name, { ...packed(args, ["host"]), there: undefined }, options);
  }
}
