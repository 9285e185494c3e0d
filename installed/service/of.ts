import type { Server } from "../../config/site.js";
import { splitPaths } from "../../postgres/settings/lists.js";
import type { ServiceFacts } from "./facts.js";

/** What a server's service is made from. */
export function serviceFacts(site: string, server: Server): ServiceFacts {
  return {
    name: server.service?.name ?? `postgresql-${server.name}`,
    site,
    server: server.name,
    user: server.host.user,
    dataDirectory: server.dataDirectory,
    controlDirectory: server.controlDirectory,
    binDirectory: server.binDirectory,
    passfile: server.passfile,
    socketFolders: socketFolders(server),
    runLevels: server.service?.runLevels ?? [],
  };
}

/** Folders in which a server puts its sockets. */
export function socketFolders({ settings }: Pick<Server, "settings">): readonly string[] {
  const { unix_socket_directories: several, unix_socket_directory: one } = settings;
  return (splitPaths(several ?? one ?? "") ?? []).filter((folder) => folder.startsWith("/"));
}
