import { isDirect } from "../hosts/host.js";
import { admits, renderHbaLine } from "../postgres/files/hba/index.js";
import { error, type Problem } from "../postgres/problem.js";
import { replicating } from "../postgres/replicating.js";
import { splitList } from "../postgres/settings/lists.js";
import type { ResolvedSettings } from "../postgres/settings/resolve.js";
import { atLeast, type Major, majorOf } from "../postgres/versions.js";
import type { AccessRules } from "./accessRules.js";
import type { ServerInputs } from "./inputs.js";
import type { StackDescription } from "./schema.js";
import { replicationRoleOf } from "./standalone.js";

/**
 * Whether a server as it is declared lets pgsite in. From the server's own host it does by pgsite's own rules, which come first,
 * whatever the stack declares after them: if it listens at all.
 */
export function checkWayIn(
  name: string,
  inputs: ServerInputs,
  { postgresql, origins }: ResolvedSettings,
  access: AccessRules,
): readonly Problem[] {
  if (isDirect(inputs.host)) return inputs.host.transport === "docker" ? [] : checkDirect(inputs, access);
  if ((splitList(postgresql.listen_addresses ?? "*") ?? [""]).length > 0) return [];
  return checkSocketAlone(name, inputs, { postgresql, origins }, access);
}

/** Over the network nobody but the stack's own rules lets anybody in; from where pgsite comes is not known here. */
function checkDirect({ site, host, address }: ServerInputs, { rules, pathOf }: AccessRules): readonly Problem[] {
  const { administrator: user, tls } = site;
  const encrypted = tls === undefined ? { encrypted: false } : tls.required ? { encrypted: true } : {};
  const found = admits(rules, { user, replicates: false, database: "postgres", to: address, ...encrypted });
  if (found.lets !== "no") return [];
  const reason =
    found.rule === undefined
      ? `no rule lets ${user} in over the network`
      : `the rule "${renderHbaLine(found.rule)}" is the first that matches ${user}, and lets pgsite in from nowhere`;
  const path = (found.rule === undefined ? undefined : pathOf.get(found.rule)) ?? "access";
  const rule = `host all ${user} ADDRESS/32 ${site.authentication}`;
  return [
    error(
      path,
      `${reason}, and hosts.${host.name}.sessions is direct: pgsite would lock itself out. Declare before it "${rule}", with the address of the machine that runs pgsite, or take sessions away, and SQL goes through SSH`,
    ),
  ];
}

/** Where it listens on no address, its OS user comes in by its Unix socket, or nobody does. */
function checkSocketAlone(
  name: string,
  { site, host }: ServerInputs,
  { postgresql, origins }: Pick<ResolvedSettings, "postgresql" | "origins">,
  { rules }: AccessRules,
): readonly Problem[] {
  const folders = postgresql.unix_socket_directories ?? postgresql.unix_socket_directory;
  const hasSocket = folders === undefined || (splitList(folders) ?? []).length > 0 || !atLeast(site.version, "9.3");
  const { administrator: user } = site;
  const comer = { user, replicates: false, database: "postgres", to: "", socket: true };
  if (hasSocket && admits(rules, comer, { osUser: host.user }).lets !== "no") return [];
  const why = hasSocket
    ? `and by its Unix socket no rule lets the OS user ${host.user} in as ${user}: pgsite would lock itself out. Have it listen on localhost, or declare under access "local all ${user} peer", with a map in pg_ident.conf where the names differ`
    : "and has no Unix socket: nobody could connect to it. Have it listen on localhost";
  const path = origins.listen_addresses ?? `servers.${name}.settings.listen_addresses`;
  return [error(path, `${name} listens on no address, ${why}`)];
}

/** pgsite's administrator, and the role that standbys connect as, log in. */
export function checkOwnRoles(description: StackDescription): readonly Problem[] {
  const { administrator, roles, postgresql } = description;
  const version = majorOf(postgresql) as Major;
  const replicates = replicationRoleOf(description, version);
  const own: Readonly<Record<string, string>> = {
    [replicates]: "what standbys connect as",
    [administrator]: "pgsite's administrator",
  };
  const isWeak =
    replicates !== administrator && !replicating(version).attribute && roles[replicates]?.superuser !== true;
  return [
    ...Object.entries(roles).flatMap(([role, { login }]) =>
      own[role] === undefined || login
        ? []
        : [error(`roles.${role}.login`, `${role} is ${own[role]}: without LOGIN it would be locked out`)],
    ),
    ...(isWeak
      ? [
          error(
            "replicationRole",
            `${replicates} is no superuser, and at ${version} nobody else may replicate: leave replicationRole out, and standbys connect as ${administrator}, or declare roles.${replicates}.superuser`,
          ),
        ]
      : []),
  ];
}
