import { splitPaths } from "../postgres/settings/lists.js";
import type { Server } from "./site.js";

/** Folders in which a server puts its sockets. */
export function socketFolders({ settings }: Pick<Server, "settings">): readonly string[] {
  const { unix_socket_directories: several, unix_socket_directory: one } = settings;
  return (splitPaths(several ?? one ?? "") ?? []).filter((folder) => folder.startsWith("/"));
}
