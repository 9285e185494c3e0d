import type { ContainerSpec, HostSpec } from "../hosts/host.js";
import { type Asks, asksOfMethod } from "../postgres/files/hba/index.js";
import type { Layer } from "../postgres/settings/resolve.js";
import { atLeast, type Major } from "../postgres/versions.js";
import { asksReplicasOf } from "./accessRules.js";
import { containerName, containersOf, isMade, serviceNameOf } from "./containers.js";
import type { Peer, RuleInputs, ServerInputs, SiteFacts } from "./inputs.js";
import { type Placed, programsIn, unitOf } from "./layouts.js";
import type { ServerDescription, StackDescription } from "./schema.js";
import type { Endpoint, ServerRole, ServiceDeclaration } from "./site.js";
import { replicationRoleOf } from "./standalone.js";

type OutsideDescription = NonNullable<StackDescription["upstream"]>;
type OutsideServer = Pick<OutsideDescription, "host" | "port" | "dataDirectory">;

/** Turns a description's names into hosts, addresses and layers. */
export class Context {
  readonly facts: SiteFacts;
  readonly #addresses: Readonly<Record<string, string>>;
  /** Of the containers that the stack makes: pgsite comes to them from there. */
  readonly #gateway: readonly string[];
  readonly #asks = new Map<string, readonly Asks[]>();

  constructor(
    readonly stack: string,
    readonly description: StackDescription,
    readonly version: Major,
  ) {
    const { site, administrator, authentication, disposable, hosts, tls, upstream, standalone } = description;
    this.facts = {
      name: site,
      version,
      administrator,
      replicationRole: replicationRoleOf(description, version),
      ...(standalone === undefined ? {} : { standalone: true }),
      authentication: authentication ?? (atLeast(version, "10") ? "scram-sha-256" : "md5"),
      disposable,
      ...(tls === undefined ? {} : { tls: { required: tls.required } }),
      verifiesUpstream: upstream?.authority !== undefined,
    };
    this.#addresses = Object.fromEntries(
      Object.entries(hosts).map(([name, host]) => [name, typeof host === "string" ? host : host.address]),
    );
    const containers = containersOf(stack, description);
    this.#gateway = containers === undefined ? [] : [containers.network.gateway];
  }

  /** A host, acted on as a user of its own. */
  hostSpecOf(host: string, user: string | undefined): HostSpec {
    return { ...this.#hostSpec(host), ...(user === undefined ? {} : { user }) };
  }

  roleOf(server: string): ServerRole {
    if (server === this.description.primary) return "primary";
    return this.#server(server).role;
  }

  inputsOf(name: string): ServerInputs {
    const { description } = this;
    const server = this.#server(name);
    const upstream = this.#upstreamOf(name);
    const placed = this.#placed(server);
    return {
      ...this.#rulesOf(name),
      host: this.#hostSpec(server.host ?? name),
      port: server.port ?? description.port,
      ...placed,
      binDirectory: description.binaries ?? programsIn(server.layout ?? description.layout, this.version),
      service: this.#serviceOf(name),
      ...this.#unitOf(placed),
      ...(server.keepDiverged === "wal" ? { keepDiverged: "wal" } : {}),
      ...(upstream === undefined ? {} : { upstream, ...this.#alternativesTo(upstream) }),
      ...(server.applicationName === undefined ? {} : { applicationName: server.applicationName }),
      includes: [
        { path: "includes", files: description.includes },
        { path: `servers.${name}.includes`, files: server.includes ?? {} },
      ],
      peers: this.#peers(),
      settings: this.#settingsOf(name, server),
    };
  }

  /** The servers outside this stack that its mirrors may follow; the one that is named first as the upstream. */
  upstreamEndpoints({ server, others = {}, authority, ...first }: OutsideDescription): readonly Endpoint[] {
    return Object.entries({ [server]: first, ...others }).map(([name, one]) => this.#outside(name, one, authority));
  }

  #outside(name: string, one: OutsideServer, authority: string | undefined): Endpoint {
    const host = one.host ?? name;
    return {
      name,
      host: this.#hostSpec(host),
      address: this.#hostAddress(host),
      port: one.port ?? this.description.port,
      dataDirectory: one.dataDirectory,
      // Its rules stand in another stack: they are taken to ask as this one's own.
      proof: {
        tls: authority === undefined ? "none" : { authority, required: true },
        asks: asksOfMethod(this.facts.authentication),
        asksReplicas: asksOfMethod(this.facts.authentication),
      },
    };
  }

  #upstreamOf(name: string): Peer | undefined {
    const { primary } = this.description;
    const wanted =
      this.#server(name).upstream ?? (name === primary ? undefined : (primary ?? this.description.upstream?.server));
    return wanted === undefined || name === primary ? undefined : this.#peers().find((peer) => peer.name === wanted);
  }

  #peers(): Peer[] {
    const { servers, upstream, port } = this.description;
    const own = Object.entries(servers).map(([name, server]) => ({
      name,
      address: this.#addressOf(name),
      port: server.port ?? port,
      verified: this.facts.tls?.required === true,
      asksReplicas: this.#asksReplicas(name),
    }));
    if (upstream === undefined) return own;
    const outside = this.upstreamEndpoints(upstream).map(({ name, address, port, proof: { tls, asksReplicas } }) => {
      return { name, address, port, verified: tls !== "none", asksReplicas };
    });
    return [...own, ...outside];
  }

  #alternativesTo({ name }: Peer): { alternatives?: readonly Peer[] } {
    const { upstream } = this.description;
    if (upstream?.others === undefined || name !== upstream.server) return {};
    const others = Object.keys(upstream.others);
    return { alternatives: this.#peers().filter((peer) => others.includes(peer.name)) };
  }

  #asksReplicas(server: string): readonly Asks[] {
    const known = this.#asks.get(server) ?? asksReplicasOf(this.#rulesOf(server));
    this.#asks.set(server, known);
    return known;
  }

  #rulesOf(name: string): RuleInputs {
    const { description } = this;
    const others = Object.keys(description.servers).filter((other) => other !== name);
    return {
      site: this.facts,
      osUser: description.osUser,
      address: this.#addressOf(name),
      administratorsFrom: this.#gateway,
      replicas: [
        ...others.map((other) => this.#addressOf(other)),
        ...description.mirrors.map((host) => this.#hostAddress(host)),
      ],
      access: [
        ...(this.#server(name).access ?? []).map((rule, index) => ({ path: `servers.${name}.access[${index}]`, rule })),
        ...description.access.map((rule, index) => ({ path: `access[${index}]`, rule })),
      ],
      addressOf: this.#addresses,
    };
  }

  #settingsOf(name: string, server: ServerDescription): Layer[] {
    const { settings, synchronous, archiving } = this.description;
    return [
      ...(synchronous === undefined
        ? []
        : [
            {
              source: "synchronous",
              path: "synchronous",
              values: {
                synchronous_standby_names: synchronousStandbyNames(this.version, synchronous, name, (server) =>
                  this.#streamNameOf(server),
                ),
              },
            },
          ]),
      ...(archiving === undefined
        ? []
        : [
            {
              source: "archiving",
              path: "archiving",
              values: {
                archive_mode: true,
                archive_command: archiving.archiveCommand,
                ...(archiving.timeout === undefined ? {} : { archive_timeout: archiving.timeout }),
                ...(archiving.restoreCommand === undefined ? {} : { restore_command: archiving.restoreCommand }),
              },
            },
          ]),
      { source: "the stack's settings", path: "settings", values: settings },
      { source: `${name}'s settings`, path: `servers.${name}.settings`, values: server.settings ?? {} },
    ];
  }

  #streamNameOf(server: string): string {
    return this.description.servers[server]?.applicationName ?? server;
  }

  #placed({ layout = this.description.layout, dataDirectory, configurationDirectory }: ServerDescription) {
    return {
      dataDirectory,
      ...(configurationDirectory === undefined ? {} : { configurationDirectory }),
      ...(layout === "plain" ? {} : { layout }),
    };
  }

  #server(name: string): ServerDescription {
    return this.description.servers[name] as ServerDescription;
  }

  #addressOf(server: string): string {
    const { address, host } = this.#server(server);
    return address ?? this.#hostAddress(host ?? server);
  }

  #hostAddress(host: string): string {
    return this.#addresses[host] ?? host;
  }

  #hostSpec(host: string): HostSpec {
    const described = this.description.hosts[host];
    const { container: _container, ...reached } =
      typeof described === "object" ? described : { transport: "ssh" as const, container: undefined };
    const container = this.#containerOf(host);
    return {
      ...reached,
      ...(container === undefined ? {} : { transport: "docker", container }),
      name: host,
      address: this.#hostAddress(host),
      user: this.description.osUser,
    };
  }

  #containerOf(host: string): ContainerSpec | undefined {
    const name = containerName(this.stack, this.description, host);
    return name === undefined ? undefined : { name, made: isMade(this.description, host) };
  }

  /** A container that the stack did not make starts with whatever its maker gave it: no service of ours. */
  #serviceOf(name: string): ServiceDeclaration {
    const { service } = this.description;
    const own = this.#containerOf(this.#server(name).host ?? name)?.made === false && service.manager === "auto";
    return {
      ...service,
      name: serviceNameOf(this.description, name),
      ...(own ? { manager: "none" } : {}),
    };
  }

  /** Where a stack names another way than systemd to start servers, that way alone starts them. */
  #unitOf(placed: Omit<Placed, "version">): { unit?: string } {
    const { manager } = this.description.service;
    const unit = unitOf({ ...placed, version: this.version });
    return unit === undefined || manager === "sysv" || manager === "crontab" ? {} : { unit };
  }
}

/** synchronous_standby_names in the version's own syntax: a list until 9.5, N (list) in 9.6, FIRST or ANY from 10. */
function synchronousStandbyNames(
  version: Major,
  { method, number, servers }: NonNullable<StackDescription["synchronous"]>,
  self: string,
  streamNameOf: (server: string) => string,
): string {
  // Several may stream under one name (Debian's 15/main): PostgreSQL counts each of them.
  const others = servers.filter((server) => server !== self).map(streamNameOf);
  const names = [...new Set(others)].map((name) => `"${name.replaceAll('"', '""')}"`);
  if (names.length === 0) return "";
  const list = names.join(", ");
  if (!atLeast(version, "9.6")) return list;
  const count = Math.min(number, names.length);
  return atLeast(version, "10") ? `${method.toUpperCase()} ${count} (${list})` : `${count} (${list})`;
}
