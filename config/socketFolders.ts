import { splitPaths } from "../postgres/settings/lists.js";
import type { Server } from "./site.js";

/** Where a server puts its sockets of which the stack says nothing: where its programs have it (`postgres/socketFolder.ts`). */
export const compiledIn = "compiled in";

/** Folders in which a server is declared to put its sockets. */
export function socketFolders({ settings }: Pick<Server, "settings">): readonly string[] {
  const { unix_socket_directories: several, unix_socket_directory: one } = settings;
  return (splitPaths(several ?? one ?? "") ?? []).filter((folder) => folder.startsWith("/"));
}

/** The same, told from a server of which nothing is declared. */
export function placesOfSockets(server: Pick<Server, "settings">): readonly string[] | typeof compiledIn {
  const { unix_socket_directories: several, unix_socket_directory: one } = server.settings;
  return (several ?? one) === undefined ? compiledIn : socketFolders(server);
}
