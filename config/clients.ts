import { isIPv6 } from "node:net";
import type { HostSpec } from "../hosts/host.js";
import { error, type Problem } from "../postgres/problem.js";
import { unknownHost } from "./references.js";
import type { StackDescription } from "./schema.js";
import type { Server } from "./site.js";

/** What programs need to find whichever server takes writes. Holds no password. */
export interface Clients {
  /** libpq's URI (10 and later) of all servers that may be the primary: the same, whoever is. */
  readonly connectionString: string;
  /** The same as a pg_service.conf, whose service has the site's name. */
  readonly serviceFile: string;
  readonly serviceFiles: readonly { readonly host: HostSpec; readonly path: string }[];
  readonly links: readonly Links[];
  readonly hook?: string;
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

/** What of a stack's clients points nowhere, or says two things of one file. */
export function checkClients({ clients, hosts, primary }: StackDescription): Problem[] {
  const { links, serviceFiles, hook } = clients;
  const twice = (path: string, places: readonly string[], index: number) =>
    places.indexOf(places[index] as string) < index
      ? [error(path, `${places[index]} is named above already: say there what belongs to it`)]
      : [];
  const folders = links.map(({ host, folder }) => `${host}:${folder}`);
  const files = serviceFiles.map(({ host, path }) => `${host}:${path}`);
  return [
    ...links.flatMap(({ host }, index) => [
      ...unknownHost(hosts, `clients.links[${index}].host`, host),
      ...twice(`clients.links[${index}].folder`, folders, index),
    ]),
    ...serviceFiles.flatMap(({ host }, index) => [
      ...unknownHost(hosts, `clients.serviceFiles[${index}].host`, host),
      ...twice(`clients.serviceFiles[${index}].path`, files, index),
    ]),
    ...(primary === undefined && (links.length > 0 || serviceFiles.length > 0 || hook !== undefined)
      ? [error("clients", "goes with the stack that has the primary: clients follow it from there")]
      : []),
  ];
}
