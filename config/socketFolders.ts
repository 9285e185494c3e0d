import { splitPaths } from "../postgres/settings/lists.js";
import type { Server } from "./site.js";

/** Whether the stack says where a server puts its sockets; else they go where its programs have it (`postgres/socketFolder.ts`). */
export function declaresSocketFolders({ settings }: Pick<Server, "settings">): boolean {
  return (settings.unix_socket_directories ?? settings.unix_socket_directory) !== undefined;
}

/** Folders in which a server is declared to put its sockets. */
export function socketFolders({ settings }: Pick<Server, "settings">): readonly string[] {
  const { unix_socket_directories: several, unix_socket_directory: one } = settings;
  return (splitPaths(several ?? one ?? "") ?? []).filter((folder) => folder.startsWith("/"));
}
