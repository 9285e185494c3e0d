import { wantedAddresses } from "../../config/listening.js";
import type { DebianCluster } from "../clusters.js";
import type { Listener } from "../facts.js";
import type { Complaint, Seen } from "../finding.js";
import { collide } from "../listeners.js";

/** The port, at its addresses and as the name of its socket: free, or held by the postmaster of this data directory. */
export function checkPort(seen: Seen): Complaint[] {
  const complaint = { check: "port", path: `servers.${seen.server.name}.port` } as const;
  const another = `declare another port for ${seen.server.name}`;
  const [first, ...others] = new Set([...listenersInTheWay(seen), ...socketsInTheWay(seen)]);
  const cluster = clusterInTheWay(seen);
  if (first !== undefined) {
    const cause = `${first}${others.length === 0 ? "" : ` and ${others.length} more`}`;
    if (cluster === undefined) return [{ ...complaint, severity: "error", cause, remedy: `stop it, or ${another}` }];
    const remedy = `${withoutIt(cluster)}; if it is to be pgsite's: pgsite import; else ${another}`;
    return [{ ...complaint, severity: "error", cause: `${cause}, the cluster ${shown(cluster)}`, remedy }];
  }
  if (cluster?.start !== "auto" || seen.facts.listeners.some((one) => !isOurs(one, seen.facts.postmaster))) return [];
  return [
    {
      ...complaint,
      severity: "warning",
      cause: `the cluster ${shown(cluster)}, which does not run, starts with the machine and takes port ${cluster.port} then`,
      remedy: `${withoutIt(cluster)}, else echo manual >/etc/postgresql/${shown(cluster)}/start.conf; or ${another}`,
    },
  ];
}

function listenersInTheWay({ server, facts }: Seen): string[] {
  const wanted = wantedAddresses(server.settings.listen_addresses ?? "localhost", server.address);
  const inTheWay = facts.listeners.filter(
    (listener) => !isOurs(listener, facts.postmaster) && wanted.some((address) => collide(address, listener.address)),
  );
  return inTheWay.map((listener) => `port ${server.port} is taken by ${described(listener)}`);
}

/** A server that finds its socket's name taken does not start, whatever its addresses are. */
function socketsInTheWay({ server, facts }: Seen): string[] {
  return facts.sockets.flatMap(({ path, holder }) => {
    if (holder === undefined || (facts.postmaster !== undefined && holder.process === facts.postmaster)) return [];
    const { process, user, dataDirectory } = holder;
    const who =
      process === 0 ? `a server of ${user}` : `the server of ${dataDirectory} (process ${process} of ${user})`;
    return [`the socket ${path}/.s.PGSQL.${server.port} is taken by ${who}`];
  });
}

/** Debian's cluster that has the port, where that is another one than this. */
function clusterInTheWay({ server, host }: Seen): DebianCluster | undefined {
  return host.clusters.find(
    ({ port, dataDirectory }) => port === server.port && dataDirectory !== server.dataDirectory,
  );
}

function shown({ version, name }: DebianCluster): string {
  return `${version}/${name}`;
}

function withoutIt({ version, name }: DebianCluster): string {
  return `if nothing in it is needed: pg_dropcluster --stop ${version} ${name}`;
}

/** A postmaster runs as the user as whom we look, so that its sockets can be seen. */
function isOurs({ processes }: Listener, postmaster: number | undefined): boolean {
  return postmaster !== undefined && processes.includes(postmaster);
}

function described({ address, user, processes, program, dataDirectory, owner }: Listener): string {
  const [process] = processes;
  const stack = owner?.stack === undefined ? "" : `, stack ${owner.stack}`;
  const whose = owner === undefined ? "" : `, which is ${owner.server} of the site ${owner.site}${stack}`;
  const what = process === undefined ? `a process of ${user}` : `${program} (process ${process} of ${user})`;
  return `${what} on ${address}${dataDirectory === undefined ? "" : ` (data directory ${dataDirectory}${whose})`}`;
}
