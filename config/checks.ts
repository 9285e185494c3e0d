import { takesWrites } from "../postgres/files/conninfo.js";
import { isReadBy } from "../postgres/files/passfile.js";
import { checkSqlName } from "../postgres/names.js";
import { error, type Problem, warning } from "../postgres/problem.js";
import { replicating } from "../postgres/replicating.js";
import { resolveSettings } from "../postgres/settings/resolve.js";
import { standbyFloor } from "../postgres/settings/rules.js";
import { atLeast, type Major, majorOf } from "../postgres/versions.js";
import { checkJobs } from "./backups.js";
import { checkClients } from "./clients.js";
import { checkContainers } from "./containers.js";
import { checkLost } from "./lost.js";
import { passwordKey, passwordOf, type RawConfiguration, rolesWithPassword } from "./parse.js";
import { unknownHost, unknownName } from "./references.js";
import { checkRoles } from "./rolesChecks.js";
import type { StackDescription } from "./schema.js";
import { schemasOf } from "./schemas.js";
import { checkSessionSettings } from "./sessionSettings.js";
import { checkSharing } from "./sharing.js";
import type { Server } from "./site.js";
import { checkStandalone, replicationRoleOf } from "./standalone.js";
import { checkUpgrade } from "./upgrade.js";
import { checkViewers } from "./viewersChecks.js";
import { checkOwnRoles } from "./wayIn.js";

/** What a stack says of itself that does not fit together. */
export function checkStack(description: StackDescription, raw: RawConfiguration, complete: boolean): Problem[] {
  return [
    ...checkReferences(description),
    ...checkStandalone(description),
    ...checkNames(description),
    ...checkRoles(description, majorOf(description.postgresql) as Major),
    ...checkOwnRoles(description),
    ...checkAuthentication(description),
    ...checkSynchronous(description),
    ...checkLost(description),
    ...checkBaseBackup(description),
    ...checkContainers(description),
    ...checkClients(description, raw),
    ...checkViewers(description, raw),
    ...checkSessionSettings(majorOf(description.postgresql) as Major, description),
    ...checkUpgrade(description),
    ...checkPasswords(description, raw, complete),
  ];
}

/** What its servers, resolved, are to each other. */
export function checkServers(version: Major, description: StackDescription, servers: readonly Server[]): Problem[] {
  return [...checkSharing(servers), ...checkFloors(version, description, servers), ...checkJobs(description, servers)];
}

/** Names that point at nothing, and a site that has no head. */
function checkReferences(description: StackDescription): Problem[] {
  const { servers, hosts, primary, standalone, upstream, mirrors, synchronous } = description;
  const names = Object.keys(servers);
  const unknownServer = (path: string, server: string, known: readonly string[]) =>
    unknownName("server", path, server, known);
  const followable = upstream === undefined ? names : [...names, upstream.server];
  return [
    ...(names.length === 0 ? [error("servers", "is empty: describe at least one server")] : []),
    ...(primary === undefined || primary === standalone ? [] : unknownServer("primary", primary, names)),
    ...(primary === undefined && upstream === undefined
      ? [
          error(
            "primary",
            "is missing: name the server that is read-write, or describe the upstream that this stack mirrors",
          ),
        ]
      : []),
    ...(primary !== undefined && standalone === undefined && upstream !== undefined
      ? [error("upstream", "goes with a stack that only mirrors; this one has a primary of its own")]
      : []),
    ...(upstream === undefined ? [] : unknownHost(hosts, "upstream.host", upstream.host ?? upstream.server)),
    ...checkOtherUpstreams(description),
    ...names.flatMap((name) => [
      ...unknownHost(hosts, `servers.${name}.host`, servers[name]?.host ?? name),
      ...(servers[name]?.upstream === undefined
        ? []
        : unknownServer(
            `servers.${name}.upstream`,
            servers[name].upstream,
            followable.filter((other) => other !== name),
          )),
    ]),
    ...names.flatMap((name) => checkChain(description, name)),
    ...mirrors.flatMap((mirror, index) => unknownHost(hosts, `mirrors[${index}]`, mirror)),
    ...(synchronous?.servers ?? []).flatMap((server, index) =>
      unknownServer(`synchronous.servers[${index}]`, server, [...names, ...mirrors]),
    ),
    ...(primary === undefined && Object.keys(description.databases).length + Object.keys(description.roles).length > 0
      ? [
          error(
            "databases",
            "roles and databases are described in the stack that has the primary; a mirror receives them",
            "primary",
          ),
        ]
      : []),
  ];
}

/** Several servers to follow: libpq's from 10 on, and none by a slot, which the one that takes over would not have. */
function checkOtherUpstreams({ upstream, servers, hosts, postgresql, settings }: StackDescription): Problem[] {
  const others = Object.entries(upstream?.others ?? {});
  if (upstream === undefined || others.length === 0) return [];
  const isOld = takesWrites(majorOf(postgresql) as Major) === undefined;
  const bySlot = Object.keys(servers).filter((name) => {
    const own = servers[name]?.settings ?? {};
    return (own.primary_slot_name ?? settings.primary_slot_name ?? "") !== "";
  });
  return [
    ...(isOld
      ? [error("upstream.others", `PostgreSQL ${postgresql} follows one server alone: from 10 on several`)]
      : []),
    ...others.flatMap(([name, { host }]) => [
      ...unknownHost(hosts, `upstream.others.${name}.host`, host ?? name),
      ...(name === upstream.server || servers[name] !== undefined
        ? [error(`upstream.others.${name}`, "is named twice: name here the servers beside upstream.server alone")]
        : []),
    ]),
    ...bySlot.map((name) =>
      error(
        `servers.${name}.settings.primary_slot_name`,
        "goes with one server to follow: the one that takes over has no such slot, and nothing would stream. Leave upstream.others out, or the slot, and have wal_keep_size keep enough",
      ),
    ),
  ];
}

/** From a server, upstream by upstream, one must come to the primary (or to the upstream outside); by way of others from 9.2 on. */
function checkChain({ servers, primary, postgresql }: StackDescription, name: string): Problem[] {
  const path = `servers.${name}.upstream`;
  const chain: string[] = [name];
  for (let next = servers[name]?.upstream; next !== undefined && next !== primary; next = servers[next]?.upstream) {
    if (chain.includes(next)) return [error(path, `goes in a circle: ${[...chain, next].join(" → ")}`)];
    chain.push(next);
  }
  const version = majorOf(postgresql) as Major;
  return name !== primary && chain.length > 1 && servers[chain[1] as string] !== undefined && !atLeast(version, "9.2")
    ? [error(path, `${chain[1]} is a standby itself: cascading replication comes with 9.2; allowed: the primary`)]
    : [];
}

/** Names of roles and databases, as servers of this version take them. */
function checkNames(description: StackDescription): Problem[] {
  const { administrator, replicationRole, roles, databases, postgresql } = description;
  const version = majorOf(postgresql) as Major;
  return [
    ...checkSqlName("role", administrator, version, "administrator"),
    ...(replicationRole === undefined ? [] : checkSqlName("role", replicationRole, version, "replicationRole")),
    ...Object.keys(roles).flatMap((name) => checkSqlName("role", name, version, `roles.${name}`)),
    ...Object.keys(databases).flatMap((name) => checkSqlName("database", name, version, `databases.${name}`)),
    ...checkSchemas(description, version),
  ];
}

function checkSchemas(description: StackDescription, version: Major): Problem[] {
  const seen = new Set<string>();
  return schemasOf(description).flatMap(({ name, database, path }) => {
    const key = JSON.stringify([database, name]);
    const twice = seen.has(key);
    seen.add(key);
    return [
      ...checkSqlName("schema", name, version, path),
      ...(twice ? [error(path, `"${name}" is there twice`)] : []),
    ];
  });
}

/** MD5 is weak, and all that servers before 10 have: whoever takes it says so. */
function checkAuthentication({ authentication, postgresql }: StackDescription): Problem[] {
  const version = majorOf(postgresql) as Major;
  if (atLeast(version, "10") || authentication === "md5") return [];
  const remedy = `pulumi config set pgsite:authentication md5 declares md5, the only one at ${version}`;
  return authentication === undefined
    ? [error("authentication", `is missing: scram-sha-256, the default, comes with 10; ${remedy}`)]
    : [error("authentication", `${authentication} comes with 10; ${remedy}`)];
}

/** synchronous says what a version can do. */
function checkSynchronous({ synchronous, postgresql }: StackDescription): Problem[] {
  const version = majorOf(postgresql) as Major;
  if (synchronous === undefined) return [];
  if (!atLeast(version, "9.1")) return [error("synchronous", "synchronous replication comes with 9.1")];
  return [
    ...(synchronous.method === "any" && !atLeast(version, "10")
      ? [error("synchronous.method", `any comes with 10; allowed at ${version}: first`)]
      : []),
    ...(synchronous.number > 1 && !atLeast(version, "9.6")
      ? [error("synchronous.number", `more than one comes with 9.6; allowed at ${version}: 1`)]
      : []),
    ...(synchronous.number > synchronous.servers.length
      ? [
          error(
            "synchronous.number",
            `is ${synchronous.number}, and servers names ${synchronous.servers.length}: no commit would ever end`,
          ),
        ]
      : []),
  ];
}

/** baseBackup says what a version's pg_basebackup can do. */
function checkBaseBackup({ baseBackup: { method, rateLimit }, postgresql, upstream }: StackDescription): Problem[] {
  const version = majorOf(postgresql) as Major;
  if (method === "archive" && upstream === undefined) {
    return [error("baseBackup.method", "archive goes with a stack that mirrors another (upstream:)")];
  }
  if (method !== "pg_basebackup") return [];
  if (!atLeast(version, "9.1")) {
    return [error("baseBackup.method", `pg_basebackup comes with 9.1; allowed at ${version}: auto, rsync, tar`)];
  }
  return rateLimit !== undefined && !atLeast(version, "9.4")
    ? [error("baseBackup.rateLimit", `pg_basebackup limits its rate from 9.4 on; at ${version} choose rsync or tar`)]
    : [];
}

/** Passwords are secret keys of their own. A preview works without one, and only says that it is missing. */
function checkPasswords(description: StackDescription, raw: RawConfiguration, complete: boolean): Problem[] {
  const { administrator, replicationRole, roles } = description;
  const version = majorOf(description.postgresql) as Major;
  const own = new Set([administrator, replicationRoleOf(description, version)]);
  const needed = new Set([
    ...own,
    ...[...description.clients.files, ...Object.values(description.viewers?.configurations ?? {})]
      .flatMap(({ role }) => role ?? [])
      .filter((role) => roles[role] !== undefined),
  ]);
  const given = rolesWithPassword(raw);
  const stray = given.filter((role) => !needed.has(role) && roles[role] === undefined);
  return [
    ...[...needed]
      .filter((role) => !given.includes(role))
      .map((role) =>
        (complete ? error : warning)(
          passwordKey(role),
          `the role ${role} has no password: ${complete ? "give one" : "pulumi up will refuse until you give one"} (pulumi config set --secret ${passwordKey(role)})`,
        ),
      ),
    ...[...own]
      .filter((role) => !isReadBy(version, passwordOf(raw, role)))
      .map((role) =>
        error(
          passwordKey(role),
          `the password of ${role} has a colon or a backslash in it, which clients of ${version} do not read from a password file (9.2 and later do): standbys would not get in; give the role another (pulumi config set --secret ${passwordKey(role)})`,
        ),
      ),
    ...stray.map((role) => error(passwordKey(role), `there is no role "${role}" in this stack`, `roles.${role}`)),
    ...(replicationRole === administrator && replicating(version).attribute
      ? [
          warning(
            "replicationRole",
            `${administrator} is the administrator and also replicates: a role with nothing but REPLICATION is safer (leave replicationRole out)`,
          ),
        ]
      : []),
  ];
}

/** A hot standby below its upstream's settings does not start. Of an upstream outside, only what is stated is known. */
function checkFloors(version: Major, description: StackDescription, servers: readonly Server[]): Problem[] {
  const { upstream } = description;
  const path = "upstream.settings";
  const stated = resolveSettings(version, [{ source: path, path, values: upstream?.settings ?? {} }]);
  const floorOf = (server: Server) => {
    if (server.upstream === undefined) return undefined;
    if (server.upstream === upstream?.server) return { ...server.settings, ...stated.postgresql };
    return servers.find(({ name }) => name === server.upstream)?.settings;
  };
  const below = servers.flatMap((server) => {
    const floor = floorOf(server);
    const at = (setting: string) => `servers.${server.name}.settings.${setting}`;
    return floor === undefined ? [] : standbyFloor(version, floor, server.settings, server.hotStandby, at);
  });
  return [...stated.problems, ...below];
}
