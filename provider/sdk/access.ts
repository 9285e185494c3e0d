import * as pulumi from "@pulumi/pulumi";
import type { SessionSettings } from "../../postgres/settings/session.js";
import { type SqlArgs, secretInputs } from "./role.js";

export interface AccessArgs extends SqlArgs {
  /** Major version of the site. */
  readonly version: pulumi.Input<string>;
  /** Every role that the stack declares. */
  readonly roles: pulumi.Input<readonly string[]>;
  /** Settings by role and by database. */
  readonly declared: pulumi.Input<readonly SessionSettings[]>;
}

/** Superusers and settings by role and database: what nobody declared is undone. Drops nothing. */
export class Access extends pulumi.CustomResource {
  constructor(name: string, args: AccessArgs, options?: pulumi.CustomResourceOptions) {
    super(
      "pgsite:index:Access",
      name,
      { ...args, ...secretInputs(args), superusers: undefined, settings: undefined },
      options,
    );
  }
}
