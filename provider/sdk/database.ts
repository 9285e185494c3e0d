import * as pulumi from "@pulumi/pulumi";
import { type SqlArgs, secretInputs } from "./role.js";

export interface DatabaseArgs extends SqlArgs {
  readonly name: pulumi.Input<string>;
  /** A role. */
  readonly owner: pulumi.Input<string>;
  /** Cannot be changed later. @default the template's */
  readonly encoding?: pulumi.Input<string> | undefined;
  /** LC_COLLATE and LC_CTYPE; cannot be changed later. @default the template's */
  readonly locale?: pulumi.Input<string> | undefined;
  /** @default template0 where encoding or locale are given, else template1 */
  readonly template?: pulumi.Input<string> | undefined;
  /** @default -1, no limit */
  readonly connectionLimit?: pulumi.Input<number> | undefined;
}

/** A database of a site. Adopted where it exists, altered to what is declared, never dropped. */
export class Database extends pulumi.CustomResource {
  declare readonly name: pulumi.Output<string>;

  constructor(name: string, args: DatabaseArgs, options?: pulumi.CustomResourceOptions) {
    super("pgsite:index:Database", name, { ...args, ...secretInputs(args) }, options);
  }
}
