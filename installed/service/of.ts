import type { Server } from "../../config/site.js";
import { socketFolders } from "../../config/socketFolders.js";
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
