import * as pulumi from "@pulumi/pulumi";
import { type SqlArgs, secretInputs } from "./role.js";

export interface SchemaArgs extends SqlArgs {
  readonly name: pulumi.Input<string>;
  /** In which it is. */
  readonly database: pulumi.Input<string>;
  /** A role. */
  readonly owner: pulumi.Input<string>;
}

/** A schema in a database of a site. Adopted where it exists, given to its declared owner, never dropped. */
export class Schema extends pulumi.CustomResource {
  declare readonly name: pulumi.Output<string>;

  constructor(name: string, args: SchemaArgs, options?: pulumi.CustomResourceOptions) {
    super("pgsite:index:Schema", name, { ...args, ...secretInputs(args) }, options);
  }
}
