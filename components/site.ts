import { X509Certificate } from "node:crypto";
import * as pulumi from "@pulumi/pulumi";
import { withoutLost } from "../config/lost.js";
import type { ResolvedStack } from "../config/resolve.js";
import { schemasOf } from "../config/schemas.js";
import { sessionSettingsOf } from "../config/sessionSettings.js";
import type { Place, Server as ServerSite, Site as SiteDescription } from "../config/site.js";
import { withAuthority } from "../config/tls.js";
import { noWishes } from "../config/upgrade.js";
import { runbookFacts } from "../installed/runbook/facts.js";
import { replicating } from "../postgres/replicating.js";
import type { KnownMirror } from "../postgres/rollout/mirrors.js";
import { atLeast } from "../postgres/versions.js";
import { requestOf } from "../preflight/request.js";
import {
  Access,
  Database,
  Preflight,
  Role,
  Rollout,
  Runbook,
  Schema,
  Topology,
  Upgrade,
} from "../provider/sdk/index.js";
import { endpointsOf } from "../servers/sql/login.js";
import type { Address } from "../servers/sql/session.js";
import { followPrimary } from "./clients.js";
import { makeContainers } from "./containers.js";
import { runJobs } from "./jobs.js";
import { Mirror } from "./mirror.js";
import { Primary } from "./primary.js";
import type { Server } from "./server.js";
import { Standalone } from "./standalone.js";
import { Standby } from "./standby.js";
import { trustOf } from "./tls.js";
import { keepViewers } from "./viewers.js";

const classes = { primary: Primary, standby: Standby, mirror: Mirror } as const;

export interface SiteArgs {
  readonly stack: ResolvedStack;
  /** A role's password, as the stack's configuration has it; always a secret. Only a preview goes on without one. */
  readonly passwordOf: (role: string) => pulumi.Output<string> | undefined;
  /** A server's given private key; always a secret. @default none is given */
  readonly keyOf?: (server: string) => pulumi.Output<string> | undefined;
  /** Servers of other stacks that follow servers of this one. @default none is known */
  readonly mirrors?: readonly KnownMirror[];
}

/** The servers of one stack, what is in their databases, and the rollout that brings changes to all of them in order. */
export class Site extends pulumi.ComponentResource {
  /** Every server of the stack, by name. */
  readonly servers: Readonly<Record<string, Server>>;
  /** Stands when everything that is declared is in force. */
  readonly rollout: Rollout;
  /** PEM of the authority of its servers' certificates; absent where they offer no TLS. */
  readonly authority: pulumi.Output<string> | undefined;

  constructor(name: string, args: SiteArgs, options?: pulumi.ComponentResourceOptions) {
    super("pgsite:index:Site", name, {}, options);
    const { site, description, inputs, containers: plan } = args.stack;
    const parent = { parent: this };
    const password = (role: string) => args.passwordOf(role) ?? pulumi.secret("");
    const trust = trustOf(args.stack, args.keyOf ?? (() => undefined), parent);
    this.authority = trust?.authority;
    const located: pulumi.Input<SiteDescription> =
      trust?.authority === undefined ? site : trust.authority.apply((authority) => withAuthority(site, authority));
    const connection = {
      site: site.name,
      endpoints: pulumi.output(located).apply((known) => asked(known)),
      administrator: site.administrator,
      administratorPassword: password(site.administrator),
    };

    // Upstreams before those that follow them; the roles as soon as there is a server to make them on.
    const containers = plan === undefined ? {} : makeContainers(plan, this);
    const preflight = new Preflight(`${name}-preflight`, requestOf(site), {
      ...parent,
      dependsOn: Object.values(containers),
    });
    const upgrade = new Upgrade(
      `${name}-upgrade`,
      {
        site: site.name,
        stack: site.stack,
        version: site.version,
        administrator: site.administrator,
        administratorPassword: password(site.administrator),
        ...(site.primary === undefined ? {} : { primary: site.primary }),
        ...(site.upstream === undefined ? {} : { upstream: site.upstream }),
        servers: pulumi
          .output(located)
          .apply(({ servers: all }) => Object.fromEntries(withoutLost(all).left.map((one) => [one.name, one]))),
        ...(site.clientDirectory === undefined ? {} : { clientDirectory: site.clientDirectory }),
        wishes: site.upgrade ?? noWishes,
        backups: site.backups !== undefined,
        installs: site.install === "packages",
      },
      { ...parent, dependsOn: preflight },
    );
    const servers: Record<string, Server> = {};
    const roles: Role[] = [];
    for (const server of upstreamsFirst(site.servers)) {
      const after = server.role === "primary" ? [] : [...roles, ...startOf(servers[server.upstream ?? ""])];
      const container = containers[server.host.name];
      const created = new (site.standalone === true ? Standalone : classes[server.role])(
        server.name,
        {
          stack: site.stack,
          server,
          inputs: inputs[server.name] as ResolvedStack["inputs"][string],
          replicationPassword: password(site.replicationRole),
          administratorPassword: password(site.administrator),
          trust,
          preflight,
          upgrade,
          ...(container === undefined ? {} : { container }),
          after,
          others: site.primary === undefined ? [] : site.servers.filter((other) => other !== server).map(placeOf),
        },
        parent,
      );
      servers[server.name] = created;
      if (server.role === "primary") {
        const made = new Map<string, Role>();
        for (const [role, attributes] of groupsFirst(rolesOf(args.stack))) {
          // By the administrator's session the others are made, so that what changes of its own comes first.
          const before = [...attributes.memberOf, site.administrator].flatMap((one) => made.get(one) ?? []);
          made.set(
            role,
            new Role(
              role,
              { ...connection, name: role, ...attributes, ...passwordInput(args.passwordOf(role)) },
              { ...parent, dependsOn: [created.start, ...before] },
            ),
          );
        }
        roles.push(...made.values());
      }
    }
    this.servers = servers;

    const databases = Object.entries(description.databases).map(
      ([database, { owner, settings: _settings, schemas: _schemas, ...attributes }]) =>
        [
          database,
          new Database(
            database,
            { ...connection, name: database, owner: owner ?? site.administrator, ...attributes },
            { ...parent, dependsOn: roles },
          ),
        ] as const,
    );
    const byName = new Map(databases);
    for (const { name: schema, database, owner } of schemasOf(description)) {
      const within = [...roles, ...[byName.get(database)].flatMap((one) => one ?? [])];
      new Schema(
        `${database}.${schema}`,
        { ...connection, name: schema, database, owner },
        { ...parent, dependsOn: within },
      );
    }
    // Only the stack that has the primary describes what is in the databases.
    if (site.primary !== undefined) {
      const declared = sessionSettingsOf(description);
      new Access(
        `${site.name}-access`,
        { ...connection, version: site.version, roles: rolesOf(args.stack).map(([role]) => role), declared },
        { ...parent, dependsOn: [...roles, ...byName.values()] },
      );
    }

    const { lost } = withoutLost(site.servers);
    const whole = {
      site: site.name,
      ...(site.primary === undefined ? {} : { primary: site.primary }),
      ...(site.upstream === undefined ? {} : { upstream: site.upstream }),
      ...(site.others === undefined ? {} : { others: site.others }),
      administrator: site.administrator,
      administratorPassword: password(site.administrator),
      servers: pulumi
        .all([located, presentedOf(Object.values(servers))])
        .apply(([{ servers: all }, shown]) =>
          Object.fromEntries(
            withoutLost(all).left.map((server) => [server.name, { ...server, ...shown[server.name] }]),
          ),
        ),
      ...(lost === undefined ? {} : { lost }),
    };
    // Of no interest while nothing is lost: what is said of it then changes nothing.
    const fence = lost === undefined || site.fence === undefined ? {} : { fence: site.fence };
    const { mirrors = [] } = args;
    const { method, rateLimit } = site.baseBackup ?? {};
    const copies = (method ?? "auto") === "auto" && rateLimit === undefined ? {} : { baseBackup: site.baseBackup };
    this.rollout = new Rollout(
      `${site.name}-rollout`,
      {
        ...{ ...whole, ...fence, ...copies },
        ...(mirrors.length === 0 ? {} : { __mirrors: mirrors }),
        ...(site.seedAgain === undefined ? {} : { __seedAgain: site.seedAgain }),
      },
      { ...parent, dependsOn: [...Object.values(servers).map(({ start }) => start), ...roles] },
    );
    new Runbook(
      `${site.name}-runbook`,
      { site: site.name, ...protectionOf(servers, inputs) },
      { ...parent, dependsOn: this.rollout },
    );
    runJobs(site, password(site.administrator), this.rollout, this);
    const primary = site.servers.find(({ name }) => name === site.primary);
    if (primary !== undefined) followPrimary(site.name, args.stack.clients, primary, password, this.rollout, this);
    const { viewers } = args.stack;
    if (viewers !== undefined) keepViewers(viewers, password, this.rollout, this);
    new Topology(
      `${site.name}-topology`,
      { ...whole, slots: description.slots, ...(description.disposable ? { disposable: true } : {}) },
      { ...parent, dependsOn: this.rollout },
    );
    this.registerOutputs({});
  }
}

/** What the guard of every server that is not lost goes by; nothing for a server that is alone. */
function protectionOf(servers: Readonly<Record<string, Server>>, inputs: ResolvedStack["inputs"]) {
  const all = Object.values(servers).map(({ description }) => description);
  const warm = new Set(all.filter(({ hotStandby }) => !hotStandby).map(({ name }) => name));
  const guarded = Object.entries(servers).flatMap(([name, { description, passfile }]) => {
    const given = inputs[name];
    const facts = given === undefined ? undefined : runbookFacts(description, given, warm);
    if (facts === undefined || description.lost !== undefined) return [];
    const { host, disposable } = description;
    return [[name, { protection: { host, facts, disposable }, passfile }] as const];
  });
  return {
    servers: Object.fromEntries(guarded.map(([name, { protection }]) => [name, protection])),
    passfiles: Object.fromEntries(guarded.map(([name, { passfile }]) => [name, passfile])),
  };
}

/** What the certificates of servers that read them at the start alone are known by. */
function presentedOf(servers: readonly Server[]): pulumi.Output<Record<string, { readonly certificate: string }>> {
  const compared = servers.flatMap(({ description: { name, version }, certificate }) =>
    certificate === undefined || atLeast(version, "10")
      ? []
      : [certificate.apply((pem) => [name, { certificate: new X509Certificate(pem).fingerprint256 }] as const)],
  );
  return pulumi.all(compared).apply((found) => Object.fromEntries(found));
}

/** Servers that may take writes, with what each must prove. */
function asked(site: SiteDescription): readonly Address[] {
  return endpointsOf(site).map(({ name, address, port, proof, host, dataDirectory }) => {
    const own = site.servers.find((server) => server.name === name);
    const asked = { name, address, port, proof, host, dataDirectory };
    return own === undefined ? asked : { ...asked, passfile: own.passfile };
  });
}

function placeOf({ name, host, dataDirectory, controlDirectory }: ServerSite): Place {
  return { name, host, dataDirectory, controlDirectory };
}

function startOf(server: Server | undefined): pulumi.Resource[] {
  return server === undefined ? [] : [server.start];
}

/** Servers in the order in which they can be seeded. */
function upstreamsFirst(servers: readonly ServerSite[]): ServerSite[] {
  const depth = (server: ServerSite | undefined): number =>
    server === undefined || server.upstream === undefined
      ? 0
      : 1 + depth(servers.find(({ name }) => name === server.upstream));
  return [...servers].sort((a, b) => depth(a) - depth(b));
}

/** The roles that pgsite needs itself, with what the stack declares laid over them, and the stack's others. */
function rolesOf({ site, description, inputs }: ResolvedStack) {
  const plain = {
    login: true,
    superuser: false,
    replication: false,
    createdb: false,
    createrole: false,
    connectionLimit: -1,
    memberOf: [] as string[],
  };
  const { attribute, superuser } = replicating(site.version);
  const replicates = site.standalone === true ? undefined : site.replicationRole;
  const needed = {
    [site.administrator]: {
      superuser: true,
      ...(replicates === site.administrator && !superuser ? { replication: true } : {}),
    },
    ...(site.replicationRole === site.administrator ? {} : { [site.replicationRole]: { replication: attribute } }),
  };
  const facts = Object.values(inputs)[0]?.site;
  // pgsite's own rules ask these two by the site's method.
  const keptAs = (role: string) =>
    role in needed && facts?.authentication === "scram-sha-256" ? { keptAs: "scram-sha-256" as const } : {};
  const all = { ...needed, ...description.roles };
  const others = Object.keys(all).filter((role) => role !== site.administrator);
  return [site.administrator, ...others.sort()].map((role) => {
    const { settings: _settings, databaseSettings: _inDatabases, ...declared } = description.roles[role] ?? {};
    return [role, { ...plain, ...declared, ...needed[role], ...keptAs(role) }] as const;
  });
}

/** A role is made after those that it is a member of. */
function groupsFirst<T extends { readonly memberOf: readonly string[] }>(
  roles: readonly (readonly [string, T])[],
): readonly (readonly [string, T])[] {
  const byName = new Map(roles);
  const depth = (role: string, seen: readonly string[] = []): number =>
    seen.includes(role)
      ? 0
      : 1 + Math.max(-1, ...(byName.get(role)?.memberOf ?? []).map((group) => depth(group, [...seen, role])));
  return [...roles].sort(([one], [other]) => depth(one) - depth(other));
}

function passwordInput(password: pulumi.Output<string> | undefined): { password?: pulumi.Output<string> } {
  return password === undefined ? {} : { password };
}
