import { error, type Problem } from "../postgres/problem.js";
import { clusterOf } from "./layouts.js";
import type { Server } from "./site.js";

/** What two servers of one host cannot share: a port, folders, and what starts them. */
export function checkSharing(servers: readonly Server[]): Problem[] {
  return servers.flatMap((server, index) =>
    servers.slice(0, index).flatMap((other) => {
      if (other.host.name !== server.host.name) return [];
      return [
        ...(other.port === server.port && (other.address === server.address || listensEverywhere(server, other))
          ? [
              error(
                `servers.${server.name}.port`,
                `${server.name} and ${other.name} are both on port ${server.port} of ${server.host.name} (${server.address}): give one of them another port or address`,
              ),
            ]
          : []),
        ...(server.service !== undefined && other.service?.name === server.service.name
          ? [
              error(
                "service.name",
                `${server.name} and ${other.name} are both on ${server.host.name}, and would both be started by ${server.service.name}: leave service.name out, and each has one of its own`,
              ),
            ]
          : []),
        ...(server.unit !== undefined && server.unit === other.unit
          ? [
              error(
                `servers.${server.name}.layout`,
                `${server.name} and ${other.name} are both on ${server.host.name}, where ${server.unit}.service starts one server: ${oneEach(server)}`,
              ),
            ]
          : []),
        ...(server.configurationDirectory !== undefined &&
        server.configurationDirectory === other.configurationDirectory
          ? [
              error(
                `servers.${server.name}.configurationDirectory`,
                `${server.name} and ${other.name} share ${server.configurationDirectory} on ${server.host.name}: each needs its own`,
              ),
            ]
          : []),
        ...(other.dataDirectory === server.dataDirectory
          ? [
              error(
                `servers.${server.name}.dataDirectory`,
                `${server.name} and ${other.name} share ${server.dataDirectory} on ${server.host.name}: each needs its own`,
              ),
            ]
          : []),
      ];
    }),
  );
}

/** How two servers of one host do not get in each other's way. */
function oneEach(server: Server): string {
  return clusterOf(server) === undefined
    ? "declare layout: plain for one of them, and pgsite makes it a unit of its own"
    : "give one of them a dataDirectory with another name at its end, which is its cluster's";
}

function listensEverywhere(...servers: readonly Server[]): boolean {
  return servers.some(({ settings }) => /(^|[\s,])(\*|0\.0\.0\.0|::)($|[\s,])/.test(settings.listen_addresses ?? ""));
}
