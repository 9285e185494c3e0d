import * as pulumi from "@pulumi/pulumi";

export interface AuthorityArgs {
  /** Name of the site. */
  readonly site: pulumi.Input<string>;
  /** Name of the stack, whose servers it is for. */
  readonly stack: pulumi.Input<string>;
}

/** The authority of a stack that makes its own certificates. Its key stays in the stack's state, as a secret. */
export class Authority extends pulumi.CustomResource {
  /** PEM. Known in previews. */
  declare readonly certificate: pulumi.Output<string>;
  /** PEM; a secret. */
  declare readonly key: pulumi.Output<string>;

  constructor(name: string, args: AuthorityArgs, options?: pulumi.CustomResourceOptions) {
    super("pgsite:index:Authority", name, { ...args, certificate: undefined, key: undefined }, options);
  }
}
