import { clusterOf, logFileIn, unitEnvironmentOf } from "../../config/layouts.js";
import type { Server } from "../../config/site.js";
import { placesOfSockets } from "../../config/socketFolders.js";
import { defined } from "../../postgres/defined.js";
import type { ServiceFacts } from "./facts.js";

/** What a server's service is made from. */
export function serviceFacts(site: string, server: Server): ServiceFacts {
  const { configurationDirectory, unit } = server;
  return {
    name: server.service?.name ?? `postgresql-${server.name}`,
    site,
    server: server.name,
    user: server.host.user,
    dataDirectory: server.dataDirectory,
    controlDirectory: server.controlDirectory,
    ...defined({
      configurationDirectory,
      unit,
      unitEnvironment: unit === undefined ? undefined : unitEnvironmentOf(server),
      startConf: clusterOf(server) === undefined ? undefined : (true as const),
      log: logFileIn(server),
    }),
    binDirectory: server.binDirectory,
    passfile: server.passfile,
    socketFolders: placesOfSockets(server),
    runLevels: server.service?.runLevels ?? [],
  };
}
