import { local } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import type { ServerInputs } from "../config/inputs.js";
import type { Place, Server as ServerSite, TlsDemand, TlsFiles } from "../config/site.js";
import { serviceFacts } from "../installed/service/of.js";
import { renderPassfile } from "../postgres/files/passfile.js";
import {
  DataDirectory,
  HostFile,
  ServerCertificate,
  ServerConfiguration,
  Service,
  type Upgrade,
} from "../provider/sdk/index.js";
import type { CertificateInputs, Trust } from "./tls.js";

/** What a server is made from, whatever its role. */
export interface ServerArgs {
  /** The server as described, with the text of its files. */
  readonly server: ServerSite;
  /** What it was described from: host, data directory, settings, access rules. */
  readonly inputs: ServerInputs;
  /** The stack, by which its commands find the running program. */
  readonly stack: string;
  /** The replication role's password. */
  readonly replicationPassword: pulumi.Input<string>;
  /** The administrator's password. */
  readonly administratorPassword: pulumi.Input<string>;
  /** What it proves who it is with, and verifies its upstream by. @default nothing is encrypted */
  readonly trust?: Trust | undefined;
  /** What must have passed before anything of the server is made. @default nothing */
  readonly preflight?: pulumi.Resource;
  /** What has brought its data to the declared version. @default nothing */
  readonly upgrade?: Upgrade;
  /** Its host, where the stack makes that. A new one has nothing of what was installed and started in the old. @default none */
  readonly container?: pulumi.CustomResource;
  /** What must stand before the server is seeded: its upstream, and the role that it replicates as. @default nothing */
  readonly after?: pulumi.Input<pulumi.Resource>[];
  /** Where the stack's other servers have their data, in a stack that has the primary. */
  readonly others: readonly Place[];
}

/**
 * A server of the site. Its identity is its name, not its role: the classes over it share one type token and register
 * the same children, so that a change of role is updates only (ARCHITECTURE.md).
 */
export abstract class Server extends pulumi.ComponentResource {
  readonly description: ServerSite;
  /** PEM of its certificate; absent where it offers no TLS. */
  readonly certificate: pulumi.Output<string> | undefined;
  /** Text of its password file; a secret. */
  readonly passfile: pulumi.Output<string>;
  /** The last of its own resources: the server runs when this stands. */
  readonly start: pulumi.Resource;
  /** Hash of the files declared for it. */
  readonly configuration: ServerConfiguration;

  protected constructor(name: string, args: ServerArgs, options?: pulumi.ComponentResourceOptions) {
    super("pgsite:index:Server", name, {}, options);
    const { server } = args;
    this.description = server;

    const parent = { parent: this };
    const { site, peers } = args.inputs;
    const { host, dataDirectory, controlDirectory, disposable } = server;
    const directory = new DataDirectory(
      `${name}-directory`,
      {
        site: site.name,
        server: name,
        ...(site.standalone === true ? { stack: args.stack } : {}),
        host,
        path: dataDirectory,
        controlDirectory,
        disposable,
        others: args.others,
      },
      { ...parent, dependsOn: [args.preflight ?? [], args.upgrade ?? [], args.container ?? []].flat() },
    );
    // What a standby has of an older version is seeded anew too. Where nothing was ever upgraded, nothing is added.
    const incarnation = pulumi
      .all([directory.incarnation, args.upgrade?.generation ?? 0])
      .apply(([found, upgraded]) => found + upgraded);
    const { trust } = args;
    const files = { ...parent, dependsOn: directory, retainOnDelete: !disposable };
    const authorities =
      trust === undefined || server.tlsFiles === undefined
        ? []
        : [
            new HostFile(
              `${name}-authorities`,
              { host, path: server.tlsFiles.authorities, content: trust.authorities },
              files,
            ),
          ];
    const data = new local.Command(
      `${name}-data`,
      {
        create: commandOf("seed"),
        environment: {
          PGSITE_STACK: args.stack,
          PGSITE_SERVER: name,
          PGSITE_INCARNATION: pulumi.interpolate`${incarnation}`,
        },
        addPreviousOutputInEnv: false,
      },
      { ...parent, ...keepsText, dependsOn: [directory, ...authorities, ...(args.after ?? [])] },
    );
    this.passfile = pulumi.secret(args.replicationPassword).apply((password) =>
      renderPassfile(
        peers
          .filter((peer) => peer.name !== name)
          .map(({ address, port }) => ({
            host: address,
            port,
            database: "*",
            user: site.replicationRole,
            password,
          })),
      ),
    );
    const passfile = new HostFile(
      `${name}-passfile`,
      {
        host,
        path: server.passfile,
        content: this.passfile,
        // The primary is there before its roles are.
        keeps: server.role === "primary" ? "all lines" : "other connections",
      },
      // A standby that is left to run must be able to connect again; by a new password once the role has it.
      { ...files, dependsOn: [directory, ...(args.after ?? [])] },
    );
    const made = trust?.certificateOf(name);
    const certificate =
      made === undefined || server.tlsFiles === undefined
        ? []
        : [
            new ServerCertificate(`${name}-certificate`, certificateArgs(server, server.tlsFiles, made), {
              ...parent,
              dependsOn: data,
              retainOnDelete: !disposable,
            }),
          ];
    this.certificate = certificate[0]?.certificate;
    this.configuration = new ServerConfiguration(
      `${name}-configuration`,
      {
        site: site.name,
        server: name,
        host,
        dataDirectory,
        ...(server.configurationDirectory === undefined
          ? {}
          : { configurationDirectory: server.configurationDirectory }),
        controlDirectory,
        version: server.version,
        binDirectory: server.binDirectory,
        files: present(server.files),
        absent: Object.keys(server.files).filter((file) => server.files[file] === null),
        incarnation,
        endpoint: pulumi.output(trust?.demand).apply((demand) => endpointOf(server, demand)),
        administrator: site.administrator,
        administratorPassword: args.administratorPassword,
        layout: server.layout,
        service: server.service,
        unit: server.unit,
      },
      { ...parent, dependsOn: data },
    );
    const service =
      server.service === undefined
        ? []
        : [
            new Service(
              `${name}-service`,
              {
                ...serviceOf(site.name, server),
                ...(args.container === undefined ? {} : { container: args.container.id }),
              },
              { ...parent, dependsOn: data },
            ),
          ];
    this.start = new local.Command(
      `${name}-start`,
      {
        create: commandOf("start"),
        environment: {
          PGSITE_STACK: args.stack,
          PGSITE_SERVER: name,
          ...(args.container === undefined ? {} : { PGSITE_CONTAINER: args.container.id }),
        },
        addPreviousOutputInEnv: false,
      },
      { ...parent, ...keepsText, dependsOn: [this.configuration, passfile, ...certificate, ...service] },
    );
    this.registerOutputs({});
  }
}

/** A command's text. `exec`, so that an interrupt of Pulumi's command plugin, which ends its child alone, ends pgsite itself. */
const commandOf = (act: "seed" | "start") => `exec node pgsite.js ${act}`;

/**
 * A site that an older pgsite made keeps its commands' texts. Another text would run every command once more, before the
 * roles and the rollout: in an `up` that changes a password or replaces a lost primary, that fails, again and again.
 */
const keepsText = { ignoreChanges: ["create"] };

/** How it is asked what it runs with. */
function endpointOf({ name, address, port, proof, host, dataDirectory }: ServerSite, demand: TlsDemand | undefined) {
  return { name, address, port, host, dataDirectory, proof: demand === undefined ? proof : { ...proof, tls: demand } };
}

function serviceOf(site: string, server: ServerSite) {
  const { host, disposable, service } = server;
  return { host, disposable, manager: service?.manager ?? "none", facts: serviceFacts(site, server) } as const;
}

function certificateArgs(server: ServerSite, files: TlsFiles, made: CertificateInputs) {
  const { name, host, version, address, port, dataDirectory, binDirectory } = server;
  const { certificate: certificatePath, key: keyPath } = files;
  const place = { host, version, address, port, dataDirectory, binDirectory, certificatePath, keyPath };
  return { server: name, ...place, ...made };
}

function present(files: Readonly<Record<string, string | null>>): Record<string, string> {
  return Object.fromEntries(Object.entries(files).flatMap(([name, text]) => (text === null ? [] : [[name, text]])));
}
