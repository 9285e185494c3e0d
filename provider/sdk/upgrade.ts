import * as pulumi from "@pulumi/pulumi";
import type { UpgradeArgs as Described } from "../../servers/upgrade/state.js";
import { packedOutput } from "./packed.js";

export type UpgradeArgs = { readonly [Name in keyof Described]: pulumi.Input<Described[Name]> };

/**
 * The major version of a stack's data: where it is not the declared one, previews say how the data come there, and an `up` brings
 * them there before anything else of the stack acts. Every server's data depend on it.
 */
export class Upgrade extends pulumi.CustomResource {
  /** Rises with each upgrade: standbys are seeded anew for it. */
  declare readonly generation: pulumi.Output<number>;

  constructor(name: string, args: UpgradeArgs, options?: pulumi.CustomResourceOptions) {
    const { servers, upstream, wishes, administratorPassword, ...rest } = args;
    super(
      "pgsite:index:Upgrade",
      name,
      {
        ...rest,
        administratorPassword: pulumi.secret(administratorPassword),
        servers: pulumi.secret(packedOutput(servers)),
        wishes: packedOutput(wishes),
        ...(upstream === undefined ? {} : { upstream: packedOutput(upstream as pulumi.Input<object>) }),
        preview: pulumi.runtime.isDryRun(),
        versions: undefined,
        generation: undefined,
      },
      options,
    );
  }
}
