import type { Listener } from "../facts.js";
import type { Complaint, Seen } from "../finding.js";
import { collide, wantedAddresses } from "../listeners.js";

/** The port: free, or held by the postmaster of this data directory. */
export function checkPort({ server, facts }: Seen): Complaint[] {
  const wanted = wantedAddresses(server.settings.listen_addresses ?? "localhost", server.address);
  const inTheWay = facts.listeners.filter(
    (listener) => !isOurs(listener, facts.postmaster) && wanted.some((address) => collide(address, listener.address)),
  );
  if (inTheWay.length === 0) return [];
  const [first = "", ...others] = new Set(inTheWay.map(described));
  return [
    {
      check: "port",
      severity: "error",
      path: `servers.${server.name}.port`,
      cause: `port ${server.port} is taken by ${first}${others.length === 0 ? "" : ` and ${others.length} more`}`,
      remedy: `stop it, or declare another port for ${server.name}`,
    },
  ];
}

/** A postmaster runs as the user as whom we look, so that its sockets can be seen. */
function isOurs({ processes }: Listener, postmaster: number | undefined): boolean {
  return postmaster !== undefined && processes.includes(postmaster);
}

function described({ address, user, processes, program }: Listener): string {
  const [process] = processes;
  const what = process === undefined ? `a process of ${user}` : `${program} (process ${process} of ${user})`;
  return `${what} on ${address}`;
}
