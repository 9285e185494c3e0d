import * as pulumi from "@pulumi/pulumi";
import type { PreflightRequest } from "../../preflight/request.js";

export type PreflightArgs = { readonly [Name in keyof PreflightRequest]: pulumi.Input<PreflightRequest[Name]> };

/**
 * What all hosts of a stack must be like before anything is made on them. Its check looks at them where a server is to be
 * made or seeded, or what is asked of the hosts has changed, and says all that is wrong at once; making it installs what
 * is missing, where the stack says `install: packages`. Everything else of a stack depends on it.
 */
export class Preflight extends pulumi.CustomResource {
  constructor(name: string, args: PreflightArgs, options?: pulumi.CustomResourceOptions) {
    const servers = pulumi.output(args.servers).apply((given) => JSON.stringify(given));
    const preview = pulumi.runtime.isDryRun();
    super("pgsite:index:Preflight", name, { ...args, servers, preview, packages: undefined }, options);
  }
}
