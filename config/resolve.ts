import type { HostSpec } from "../hosts/host.js";
import { error, type Problem, warning } from "../postgres/problem.js";
import { standbyFloor } from "../postgres/rules.js";
import type { Layer, Note } from "../postgres/settings.js";
import { atLeast, type Major, majorOf } from "../postgres/versions.js";
import { describeServer, type Peer, type ServerInputs, type SiteFacts } from "./describe.js";
import { parseStack, passwordKey, type RawConfiguration, rolesWithPassword } from "./parse.js";
import { rehearse } from "./rehearse.js";
import type { ServerDescription, StackDescription } from "./schema.js";
import type { Endpoint, Server, ServerRole, Site } from "./site.js";

/** A stack, resolved: the site as plain data, what its components are made from, and all that is wrong with it. */
export interface ResolvedStack {
  readonly description: StackDescription;
  readonly site: Site;
  /** By server; `site.servers` holds what is rendered from them. */
  readonly inputs: Readonly<Record<string, ServerInputs>>;
  /** What was translated to the version's own names: shown in the preview. */
  readonly notes: readonly Note[];
}

/**
 * Resolves a stack's configuration. All problems are reported together, sorted as found: form first, then what the
 * site says of itself, then each server. `stack` is absent where so much is missing that there is nothing to resolve.
 */
export function resolveStack(
  name: string,
  raw: RawConfiguration,
): { readonly stack?: ResolvedStack; readonly problems: readonly Problem[] } {
  const parsed = parseStack(raw);
  if (parsed.description === undefined) return { problems: parsed.problems };
  const { rehearsal } = parsed.description;
  const description = rehearsal === undefined ? parsed.description : rehearse(parsed.description, rehearsal);
  const problems = [...parsed.problems, ...checkReferences(description), ...checkPasswords(description, raw)];

  const version = majorOf(description.postgresql) as Major;
  const context = new Context(name, description, version);
  const servers: Server[] = [];
  const notes: Note[] = [];
  const inputs: Record<string, ServerInputs> = {};
  for (const server of Object.keys(description.servers).sort()) {
    const input = context.inputsOf(server);
    const described = describeServer(context.roleOf(server), server, input);
    inputs[server] = input;
    servers.push(described.server);
    problems.push(...described.problems);
    notes.push(...described.notes);
  }
  problems.push(...checkPlaces(servers), ...checkFloors(version, description, servers));
  const { primary } = description;
  const site: Site = {
    name: description.site,
    stack: name,
    version,
    administrator: description.administrator,
    replicationRole: context.facts.replicationRole,
    ...(primary === undefined ? {} : { primary }),
    ...(description.upstream === undefined ? {} : { upstream: context.upstreamEndpoint(description.upstream) }),
    servers,
    initdb: {
      locale: description.initdb.locale,
      encoding: description.initdb.encoding,
      dataChecksums: description.initdb.dataChecksums ?? atLeast(version, "9.3"),
    },
  };
  return { stack: { description, site, inputs, notes: unique(notes) }, problems: unique(problems) };
}

/** Turns a description's names into hosts, addresses and layers. */
class Context {
  readonly facts: SiteFacts;
  readonly #addresses: Readonly<Record<string, string>>;

  constructor(
    readonly stack: string,
    readonly description: StackDescription,
    readonly version: Major,
  ) {
    const { site, administrator, authentication, replicationRole, disposable, hosts } = description;
    this.facts = {
      name: site,
      version,
      administrator,
      replicationRole: replicationRole ?? (atLeast(version, "9.1") ? "replicator" : administrator),
      authentication: authentication ?? (atLeast(version, "10") ? "scram-sha-256" : "md5"),
      disposable,
    };
    this.#addresses = Object.fromEntries(
      Object.entries(hosts).map(([name, host]) => [name, typeof host === "string" ? host : host.address]),
    );
  }

  roleOf(server: string): ServerRole {
    if (server === this.description.primary) return "primary";
    return this.#server(server).role;
  }

  inputsOf(name: string): ServerInputs {
    const { description, facts } = this;
    const server = this.#server(name);
    const upstream = this.#upstreamOf(name);
    const others = Object.keys(description.servers).filter((other) => other !== name);
    return {
      site: facts,
      host: this.#hostSpec(server.host ?? name),
      address: this.#addressOf(name),
      port: server.port ?? description.port,
      dataDirectory: server.dataDirectory,
      binDirectory: description.binaries ?? `/usr/lib/postgresql/${this.version}/bin`,
      ...(upstream === undefined ? {} : { upstream }),
      peers: this.#peers(),
      replicas: [
        ...others.map((other) => this.#addressOf(other)),
        ...description.mirrors.map((host) => this.#hostAddress(host)),
      ],
      settings: this.#settingsOf(name, server),
      access: [
        ...(server.access ?? []).map((rule, index) => ({ path: `servers.${name}.access[${index}]`, rule })),
        ...description.access.map((rule, index) => ({ path: `access[${index}]`, rule })),
      ],
      addressOf: this.#addresses,
    };
  }

  upstreamEndpoint(upstream: NonNullable<StackDescription["upstream"]>): Endpoint {
    const host = upstream.host ?? upstream.server;
    return {
      name: upstream.server,
      host: this.#hostSpec(host),
      address: this.#hostAddress(host),
      port: upstream.port ?? this.description.port,
      dataDirectory: upstream.dataDirectory,
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
    }));
    if (upstream === undefined) return own;
    const { name, address, port: upstreamPort } = this.upstreamEndpoint(upstream);
    return [...own, { name, address, port: upstreamPort }];
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
              values: { synchronous_standby_names: synchronousStandbyNames(this.version, synchronous, name) },
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
    const transport = typeof described === "object" ? described.transport : "ssh";
    return { name: host, transport, address: this.#hostAddress(host), user: this.description.osUser };
  }
}

/** synchronous_standby_names in the version's own syntax: a list until 9.5, N (list) in 9.6, FIRST or ANY from 10. */
function synchronousStandbyNames(
  version: Major,
  { method, number, servers }: NonNullable<StackDescription["synchronous"]>,
  self: string,
): string {
  const names = servers.filter((server) => server !== self).map((server) => `"${server}"`);
  if (names.length === 0) return "";
  const list = names.join(", ");
  if (!atLeast(version, "9.6")) return list;
  const count = Math.min(number, names.length);
  return atLeast(version, "10") ? `${method.toUpperCase()} ${count} (${list})` : `${count} (${list})`;
}

/** Names that point at nothing, and a site that has no head. */
function checkReferences(description: StackDescription): Problem[] {
  const { servers, hosts, primary, upstream, mirrors, synchronous } = description;
  const names = Object.keys(servers);
  const hostNames = Object.keys(hosts);
  const unknownHost = (path: string, host: string) =>
    host in hosts
      ? []
      : [error(path, `the host "${host}" has no address: add it to hosts (known: ${hostNames.join(", ")})`)];
  const unknownServer = (path: string, server: string, known: readonly string[]) =>
    known.includes(server) ? [] : [error(path, `there is no server "${server}"; allowed: ${known.join(", ")}`)];
  const followable = upstream === undefined ? names : [...names, upstream.server];
  return [
    ...(names.length === 0 ? [error("servers", "is empty: describe at least one server")] : []),
    ...(primary === undefined ? [] : unknownServer("primary", primary, names)),
    ...(primary === undefined && upstream === undefined
      ? [
          error(
            "primary",
            "is missing: name the server that is read-write, or describe the upstream that this stack mirrors",
          ),
        ]
      : []),
    ...(primary !== undefined && upstream !== undefined
      ? [error("upstream", "goes with a stack that only mirrors; this one has a primary of its own")]
      : []),
    ...(upstream === undefined ? [] : unknownHost("upstream.host", upstream.host ?? upstream.server)),
    ...names.flatMap((name) => [
      ...unknownHost(`servers.${name}.host`, servers[name]?.host ?? name),
      ...(servers[name]?.upstream === undefined
        ? []
        : unknownServer(
            `servers.${name}.upstream`,
            servers[name].upstream,
            followable.filter((other) => other !== name),
          )),
    ]),
    ...mirrors.flatMap((mirror, index) => unknownHost(`mirrors[${index}]`, mirror)),
    ...(synchronous?.servers ?? []).flatMap((server, index) =>
      unknownServer(`synchronous.servers[${index}]`, server, [...names, ...mirrors]),
    ),
    ...(primary === undefined && Object.keys(description.databases).length + Object.keys(description.roles).length > 0
      ? [
          error(
            "databases",
            "roles and databases are described in the stack that has the primary; a mirror receives them",
          ),
        ]
      : []),
  ];
}

/** Passwords are secret keys of their own. That one is missing is only said: a preview works without. */
function checkPasswords(description: StackDescription, raw: RawConfiguration): Problem[] {
  const { administrator, replicationRole, roles } = description;
  const needed = new Set([administrator, replicationRole ?? "replicator"]);
  const given = rolesWithPassword(raw);
  const stray = given.filter((role) => !needed.has(role) && roles[role] === undefined);
  return [
    ...[...needed]
      .filter((role) => !given.includes(role))
      .map((role) =>
        warning(
          passwordKey(role),
          `the role ${role} has no password: pulumi up will refuse until you give one (pulumi config set --secret ${passwordKey(role)})`,
        ),
      ),
    ...stray.map((role) => error(passwordKey(role), `there is no role "${role}" in this stack`)),
    ...(replicationRole === administrator
      ? [
          warning(
            "replicationRole",
            `${administrator} is the administrator and also replicates: from 9.1 on a role with nothing but REPLICATION is safer (leave replicationRole out)`,
          ),
        ]
      : []),
  ];
}

/** Two servers in one place. */
function checkPlaces(servers: readonly Server[]): Problem[] {
  return servers.flatMap((server, index) =>
    servers.slice(0, index).flatMap((other) => {
      if (other.host.name !== server.host.name) return [];
      return [
        ...(other.port === server.port && other.address === server.address
          ? [
              error(
                `servers.${server.name}.port`,
                `${server.name} and ${other.name} are both on port ${server.port} of ${server.host.name} (${server.address}): give one of them another port or address`,
              ),
            ]
          : []),
        ...(other.dataDirectory === server.dataDirectory
          ? [
              error(
                `servers.${server.name}.dataDirectory`,
                `${server.name} and ${other.name} share ${server.dataDirectory} on ${server.host.name}: each needs its own`,
              ),
            ]
          : []),
      ];
    }),
  );
}

/** A hot standby below its upstream's settings does not start. */
function checkFloors(version: Major, description: StackDescription, servers: readonly Server[]): Problem[] {
  const upstreamSettings = (server: Server) =>
    servers.find(({ name }) => name === server.upstream)?.settings ??
    (server.upstream === description.upstream?.server
      ? Object.fromEntries(
          Object.entries(description.upstream?.settings ?? {}).map(([key, value]) => [key, `${value}`]),
        )
      : undefined);
  return servers.flatMap((server) => {
    const floor = upstreamSettings(server);
    return floor === undefined
      ? []
      : standbyFloor(
          version,
          floor,
          server.settings,
          server.hotStandby,
          (setting) => `servers.${server.name}.settings.${setting}`,
        );
  });
}

/** A problem of the stack's own rules is found at each server, and said once. */
function unique<T extends Note>(problems: readonly T[]): T[] {
  return [...new Map(problems.map((problem) => [`${problem.path} ${problem.message}`, problem])).values()];
}
