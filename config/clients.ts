import { isIPv6 } from "node:net";
import type { HostSpec } from "../hosts/host.js";
import { defined } from "../postgres/defined.js";
import { error, type Problem } from "../postgres/problem.js";
import { canBeInIni, renderIni } from "./ini.js";
import { passwordKey, type RawConfiguration } from "./parse.js";
import { unknownHost, unknownName } from "./references.js";
import type { StackDescription } from "./schema.js";
import type { Server } from "./site.js";

/** What programs need to find whichever server takes writes. Holds no password. */
export interface Clients {
  /** libpq's URI (10 and later) of all servers that may be the primary: the same, whoever is. */
  readonly connectionString: string;
  /** The same as a pg_service.conf, whose service has the site's name. */
  readonly serviceFile: string;
  readonly serviceFiles: readonly { readonly host: HostSpec; readonly path: string }[];
  /** Files of programs' own; what is in them waits for the role's password. */
  readonly files: readonly ClientFile[];
  readonly links: readonly Links[];
  readonly hook?: string;
}

/** An ini file by which a program finds the server that takes writes, and logs in there. */
export interface ClientFile {
  readonly host: HostSpec;
  readonly path: string;
  readonly mode: string;
  readonly section?: string;
  readonly role: string;
  /** What stands in it beside the password. */
  readonly lines: Readonly<Record<string, string>>;
}

/** What stands in such a file, all of it a secret. @throws where the password cannot stand in one */
export function renderClientFile(site: string, { section, lines }: ClientFile, password: string): string {
  const heading = [
    `Written by pgsite: how programs come to the database of the site ${site}.`,
    "Change the stack file instead: what is changed here is undone by the next pulumi up.",
  ];
  return renderIni(heading, section, { ...lines, password });
}

/** Links in one folder, each to the file for the server that takes writes: constants.cfg -> constants.cfg_server2. */
export interface Links {
  readonly host: HostSpec;
  readonly folder: string;
  /** Names, each with the name of the file beside it that it points to. */
  readonly links: Readonly<Record<string, string>>;
}

/** Seconds after which a client tries the next server, where a host does not answer at all. */
const connectTimeout = 3;

/** @param hostOf a host by its name, with whom to act as there */
export function clientsOf(
  { site, clients, primary, tls }: StackDescription,
  servers: readonly Server[],
  hostOf: (host: string, user: string | undefined) => HostSpec,
): Clients {
  const heads = servers.filter(({ role }) => role !== "mirror");
  const options = {
    target_session_attrs: "read-write",
    connect_timeout: `${connectTimeout}`,
    ...(tls?.required === true ? { sslmode: "verify-full" } : {}),
  };
  const places = heads.map(({ address, port }) => `${isIPv6(address) ? `[${address}]` : address}:${port}`);
  const lines = {
    host: heads.map(({ address }) => address).join(","),
    port: heads.map(({ port }) => port).join(","),
    ...options,
  };
  return {
    connectionString: `postgresql://${places.join(",")}/?${new URLSearchParams(options)}`,
    serviceFile: [`[${site}]`, ...Object.entries(lines).map(([name, value]) => `${name}=${value}`), ""].join("\n"),
    serviceFiles: clients.serviceFiles.map(({ host, user, path }) => ({ host: hostOf(host, user), path })),
    files: clients.files.flatMap((file) =>
      fileOf(
        file,
        servers.find(({ name }) => name === primary),
        hostOf,
      ),
    ),
    links:
      primary === undefined
        ? []
        : clients.links.map(({ host, user, folder, names }) => ({
            host: hostOf(host, user),
            folder,
            links: Object.fromEntries([...names].sort().map((name) => [name, `${name}_${primary}`])),
          })),
    ...(clients.hook === undefined ? {} : { hook: clients.hook }),
  };
}

type FileDescription = StackDescription["clients"]["files"][number];

function fileOf(
  { host, user, path, mode, section, address, database, role }: FileDescription,
  primary: Server | undefined,
  hostOf: (host: string, user: string | undefined) => HostSpec,
): readonly ClientFile[] {
  if (primary === undefined) return [];
  const lines = { host: address ?? primary.address, port: `${primary.port}`, database, user: role };
  return [{ host: hostOf(host, user), path, mode, ...defined({ section }), role, lines }];
}

/** What of a stack's clients points nowhere, or says two things of one file. */
export function checkClients(
  { clients, hosts, primary, administrator, roles, databases }: StackDescription,
  raw: RawConfiguration,
): Problem[] {
  const { links, serviceFiles, files: own, hook } = clients;
  const twice = (path: string, places: readonly string[], index: number) =>
    places.indexOf(places[index] as string) < index
      ? [error(path, `${places[index]} is named above already: say there what belongs to it`)]
      : [];
  const folders = links.map(({ host, folder }) => `${host}:${folder}`);
  const files = [...serviceFiles, ...own].map(({ host, path }) => `${host}:${path}`);
  return [
    ...links.flatMap(({ host }, index) => [
      ...unknownHost(hosts, `clients.links[${index}].host`, host),
      ...twice(`clients.links[${index}].folder`, folders, index),
    ]),
    ...serviceFiles.flatMap(({ host }, index) => [
      ...unknownHost(hosts, `clients.serviceFiles[${index}].host`, host),
      ...twice(`clients.serviceFiles[${index}].path`, files, index),
    ]),
    ...own.flatMap(({ host, role, database }, index) => [
      ...unknownHost(hosts, `clients.files[${index}].host`, host),
      ...twice(`clients.files[${index}].path`, files, serviceFiles.length + index),
      ...unknownName("role", `clients.files[${index}].role`, role, [...Object.keys(roles), administrator]),
      ...unknownName("database", `clients.files[${index}].database`, database, [...Object.keys(databases), "postgres"]),
      ...(canBeInIni(raw[`pgsite:${passwordKey(role)}`] ?? "")
        ? []
        : [
            error(
              passwordKey(role),
              `cannot stand in clients.files[${index}], an ini file: it has both kinds of quotes, or a backslash or $ beside ', or a control character; choose another`,
            ),
          ]),
    ]),
    ...(primary === undefined && (own.length > 0 || links.length > 0 || serviceFiles.length > 0 || hook !== undefined)
      ? [error("clients", "goes with the stack that has the primary: clients follow it from there", "primary")]
      : []),
  ];
}
