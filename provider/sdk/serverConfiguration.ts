import * as pulumi from "@pulumi/pulumi";
import type { ServiceDeclaration } from "../../config/site.js";
import type { HostSpec } from "../../hosts/host.js";
import type { Address } from "../../servers/sql/session.js";
import { packed, packedOutput } from "./packed.js";

export interface ServerConfigurationArgs {
  /** Name of the site. */
  readonly site: pulumi.Input<string>;
  /** Name of the server. */
  readonly server: pulumi.Input<string>;
  readonly host: HostSpec;
  readonly dataDirectory: pulumi.Input<string>;
  readonly configurationDirectory?: pulumi.Input<string>;
  /** `Server.controlDirectory` */
  readonly controlDirectory: pulumi.Input<string>;
  /** Major version of the server. */
  readonly version: pulumi.Input<string>;
  /** Content of the files that are to be in the data directory, by name. */
  readonly files: pulumi.Input<Readonly<Record<string, pulumi.Input<string>>>>;
  /** Names of files that must not be in the data directory. */
  readonly absent: pulumi.Input<readonly string[]>;
  /** `DataDirectory.incarnation`: files are written at once into data that no server has run on. */
  readonly incarnation: pulumi.Input<number>;
  /** The folder of its programs. Left out: nobody asks which program a running server is. */
  readonly binDirectory?: pulumi.Input<string> | undefined;
  /** @default "plain" */
  readonly layout?: pulumi.Input<string> | undefined;
  /** What starts it with its machine. Left out: nothing does. */
  readonly service?: ServiceDeclaration | undefined;
  /** Its distribution's own systemd unit, without `.service`. */
  readonly unit?: pulumi.Input<string> | undefined;
  /** Where it listens. Left out, together with the administrator: only its files are read. */
  readonly endpoint?: pulumi.Input<Address> | undefined;
  /** A superuser that may connect over TCP. */
  readonly administrator?: pulumi.Input<string> | undefined;
  /** Always kept as a secret. */
  readonly administratorPassword?: pulumi.Input<string> | undefined;
}

/**
 * The files of a server, with mode 0600 and the host's OS user as owner. Written when it is created or the data
 * directory is a new incarnation; later changes are staged in the control directory and installed by `Rollout`.
 */
export class ServerConfiguration extends pulumi.CustomResource {
  /** One hash of all files. Known in previews. */
  declare readonly hash: pulumi.Output<string>;

  constructor(name: string, args: ServerConfigurationArgs, options?: pulumi.CustomResourceOptions) {
    const secret =
      args.administratorPassword === undefined
        ? {}
        : { administratorPassword: pulumi.secret(args.administratorPassword) };
    super(
      "pgsite:index:ServerConfiguration",
      name,
      {
        ...packed(args, ["host", "service"]),
        ...secret,
        ...(args.endpoint === undefined ? {} : { endpoint: packedOutput(args.endpoint) }),
        permissions: undefined,
        hash: undefined,
        state: undefined,
        runs: undefined,
        refused: undefined,
        unread: undefined,
        program: undefined,
        lockedOut: undefined,
      },
      options,
    );
  }
}
