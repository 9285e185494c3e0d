import * as pulumi from "@pulumi/pulumi";
import type { Address } from "../../servers/sql/session.js";
import { packedOutput } from "./packed.js";

/** Where a site's SQL is spoken: on whichever of its servers takes writes. */
export interface SqlArgs {
  /** Name of the site. */
  readonly site: pulumi.Input<string>;
  /** All servers of the site. */
  readonly endpoints: pulumi.Input<readonly Address[]>;
  /** A superuser that may connect over TCP. */
  readonly administrator: pulumi.Input<string>;
  /** Always kept as a secret. */
  readonly administratorPassword: pulumi.Input<string>;
}

export interface RoleArgs extends SqlArgs {
  readonly name: pulumi.Input<string>;
  /** @default false */
  readonly superuser?: pulumi.Input<boolean> | undefined;
  /** @default true */
  readonly login?: pulumi.Input<boolean> | undefined;
  /** 9.1 and later. @default false */
  readonly replication?: pulumi.Input<boolean> | undefined;
  /** @default false */
  readonly createdb?: pulumi.Input<boolean> | undefined;
  /** @default false */
  readonly createrole?: pulumi.Input<boolean> | undefined;
  /** @default -1, no limit */
  readonly connectionLimit?: pulumi.Input<number> | undefined;
  /** Roles whose member it is. @default none */
  readonly memberOf?: pulumi.Input<readonly string[]> | undefined;
  /** Always kept as a secret; the server gets a verifier. Left out: the role's password is left alone. */
  readonly password?: pulumi.Input<string> | undefined;
  /** The form that its password is to be kept in. @default any */
  readonly keptAs?: pulumi.Input<"scram-sha-256"> | undefined;
}

/** A role of a site. Adopted where it exists, altered to what is declared, never dropped. */
export class Role extends pulumi.CustomResource {
  declare readonly name: pulumi.Output<string>;

  constructor(name: string, args: RoleArgs, options?: pulumi.CustomResourceOptions) {
    super("pgsite:index:Role", name, { ...args, ...secretInputs(args) }, options);
  }
}

/** Passwords are secrets from the start, whatever they came as. */
export function secretInputs(args: SqlArgs & { readonly password?: pulumi.Input<string> | undefined }) {
  return {
    administratorPassword: pulumi.secret(args.administratorPassword),
    endpoints: packedOutput(args.endpoints),
    ...(args.password === undefined ? {} : { password: pulumi.secret(args.password) }),
  };
}
