import * as pulumi from "@pulumi/pulumi";
import type { Place } from "../../config/site.js";
import type { HostSpec } from "../../hosts/host.js";
import { packed } from "./packed.js";

export interface DataDirectoryArgs {
  /** The stack, where the database exists once. @default data are compared by site and server alone */
  readonly stack?: pulumi.Input<string>;
  /** Name of the site. */
  readonly site: pulumi.Input<string>;
  /** Name of the server. */
  readonly server: pulumi.Input<string>;
  readonly host: HostSpec;
  /** The data directory, absolute. */
  readonly path: pulumi.Input<string>;
  /** `Server.controlDirectory` */
  readonly controlDirectory: pulumi.Input<string>;
  /** True where deleting this resource stops the server and deletes its data. */
  readonly disposable: pulumi.Input<boolean>;
  /** The stack's other servers, where it has the primary: while one holds data and none takes writes, nothing is made. */
  readonly others?: readonly Place[] | undefined;
}

/**
 * Whether a server has its data, and whose they are. It makes none: the command that seeds depends on it and has
 * `incarnation` in its environment, so that it runs again where the data are found gone.
 */
export class DataDirectory extends pulumi.CustomResource {
  /** 1 at first, one more each time that the data were found gone. Known in previews. */
  declare readonly incarnation: pulumi.Output<number>;

  constructor(name: string, args: DataDirectoryArgs, options?: pulumi.CustomResourceOptions) {
    const given = packed(args, ["host", "others"]);
    super("pgsite:index:DataDirectory", name, { ...given, data: undefined, incarnation: undefined }, options);
  }
}
