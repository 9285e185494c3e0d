import * as pulumi from "@pulumi/pulumi";
import type { HostSpec } from "../../hosts/host.js";
import { packed } from "./packed.js";

export interface ServerCertificateArgs {
  /** Name of the server. */
  readonly server: pulumi.Input<string>;
  readonly host: HostSpec;
  /** Major version of the server. */
  readonly version: pulumi.Input<string>;
  /** What the certificate is to name, and where the server is asked what it presents. */
  readonly address: pulumi.Input<string>;
  readonly port: pulumi.Input<number>;
  readonly dataDirectory: pulumi.Input<string>;
  readonly binDirectory: pulumi.Input<string>;
  readonly certificatePath: pulumi.Input<string>;
  readonly keyPath: pulumi.Input<string>;
  /** PEM of the authority. */
  readonly authority: pulumi.Input<string>;
  /** PEM of its private key, where the certificate is to be made; always kept as a secret. */
  readonly authorityKey?: pulumi.Input<string> | undefined;
  /** PEM of a certificate that was given. */
  readonly givenCertificate?: pulumi.Input<string> | undefined;
  /** PEM of its key; always kept as a secret. */
  readonly givenKey?: pulumi.Input<string> | undefined;
  /** Of a certificate that is made. */
  readonly validityDays: pulumi.Input<number>;
  /** Days before its end at which it is renewed. */
  readonly renewBeforeDays: pulumi.Input<number>;
}

/** A server's certificate and key in files on its host: made and renewed, or given. */
export class ServerCertificate extends pulumi.CustomResource {
  /** PEM. Known in previews. */
  declare readonly certificate: pulumi.Output<string>;

  constructor(name: string, args: ServerCertificateArgs, options?: pulumi.CustomResourceOptions) {
    const { authorityKey, givenKey } = args;
    super(
      "pgsite:index:ServerCertificate",
      name,
      {
        ...packed(args, ["host"]),
        ...(authorityKey === undefined ? {} : { authorityKey: pulumi.secret(authorityKey) }),
        ...(givenKey === undefined ? {} : { givenKey: pulumi.secret(givenKey) }),
        ...{ certificate: undefined, key: undefined, permissions: undefined, presents: undefined },
      },
      options,
    );
  }
}
