import { checkArchive } from "./checks/archive.js";
import { checkClock } from "./checks/clock.js";
import { checkDirectory, checkFileSystem, checkFolders } from "./checks/directory.js";
import { checkClients, checkMail, checkSchedules } from "./checks/jobs.js";
import { checkLimits } from "./checks/limits.js";
import { checkLocales, checkPlatform } from "./checks/platform.js";
import { checkPort } from "./checks/port.js";
import { checkPrograms, checkTools, checkUser } from "./checks/programs.js";
import { checkInstalling, checkService, checkStartFiles } from "./checks/root.js";
import { checkSessions } from "./checks/sessions.js";
import { checkSockets } from "./checks/sockets.js";
import { checkSpace, type Source } from "./checks/space.js";
import type { HostFacts, Observation, ServerFacts } from "./facts.js";
import { type Complaint, type Finding, findingAt, holdsData, type Seen } from "./finding.js";
import { missingPackages } from "./packages/missing.js";
import type { Place, PreflightRequest } from "./request.js";

const serverChecks = [
  checkPrograms,
  checkClients,
  checkDirectory,
  checkFolders,
  checkArchive,
  checkFileSystem,
  checkPort,
  checkSockets,
  checkSessions,
  checkLimits,
  checkService,
  checkStartFiles,
  checkSchedules,
] as const;

/** Everything that is wrong on the hosts of a request, in the order of its hosts and servers. Pure. */
export function judge(request: PreflightRequest, observations: readonly Observation[]): readonly Finding[] {
  const facts = observations.flatMap((one) => ("facts" in one ? [one.facts] : []));
  const seen = seenOf(request, observations);
  const ours = new Set(request.servers.map(({ host }) => host.name));
  const reference = referenceOf(request, facts);
  const space = checkSpace(seen, largestSource(request, facts));
  const packages = packagesOf(request, seen);
  const findings = observations.flatMap((one) => {
    if ("unreachable" in one) return [unreachable(one, ours.has(one.host.name))];
    const host = one.facts;
    if (!ours.has(host.host)) return [];
    const servers = seen.filter((other) => other.host === host);
    return [
      ...[
        ...hostComplaints(request, host, reference, one.host.transport === "ssh"),
        ...checkMail(request, host, one.host),
        ...checkInstalling(host, one.host, packages[host.host] ?? []),
      ].map((complaint) => findingAt(host.host, undefined, complaint)),
      ...servers.flatMap((server) =>
        [
          ...serverChecks.flatMap((check) => check(server)),
          ...space.filter(([at]) => at === server).map(([, complaint]) => complaint),
        ].map((complaint) => findingAt(host.host, server.server.name, complaint)),
      ),
    ];
  });
  return [...new Map(findings.map((finding) => [finding.message, finding])).values()];
}

/** Servers with what was seen of them, where anything was. */
export function seenOf(request: PreflightRequest, observations: readonly Observation[]): readonly Seen[] {
  return request.servers.flatMap((server): Seen[] => {
    const one = observations.find(({ host }) => host.name === server.host.name);
    const host = one !== undefined && "facts" in one ? one.facts : undefined;
    const found = host?.servers[server.name];
    return host === undefined || found === undefined ? [] : [{ request, server, host, facts: found }];
  });
}

/** What `install: packages` has to install, by host. */
export function packagesOf(request: PreflightRequest, seen: readonly Seen[]) {
  const hosts = [...new Set(seen.map(({ host }) => host))];
  return missingPackages(
    request,
    hosts.map((host) => ({ host, servers: seen.filter((one) => one.host === host).map(({ server }) => server) })),
  );
}

function hostComplaints(
  request: PreflightRequest,
  host: HostFacts,
  reference: HostFacts | undefined,
  remote: boolean,
): Complaint[] {
  const other = reference === host ? undefined : reference;
  const apart = other === undefined ? [] : checkClock(host, other);
  return [
    ...checkUser(request, host),
    ...checkTools(request, host, remote),
    ...(apart.length > 0 ? apart : checkClock(host)),
    ...checkLocales(request, host),
    ...(other === undefined ? [] : checkPlatform(request, host, other)),
  ];
}

/** Another stack's host is only looked at: what cannot be compared with it is worth no more than a warning. */
function unreachable(
  { host: { name: host }, unreachable: reason, user }: Extract<Observation, { unreachable: string }>,
  ours: boolean,
): Finding {
  const cause = reason.startsWith(`${host} `) ? reason.slice(host.length + 1) : reason;
  return {
    // A host that answers and does not let us be its OS user is told in the preview: no waiting changes that.
    check: user === undefined ? "reachable" : "user",
    severity: ours ? "error" : "warning",
    path: user?.is === "missing" ? "osUser" : `hosts.${host}`,
    host,
    where: host,
    cause,
    remedy: "",
    ...(user === undefined ? {} : { ofMany: { cause: `cannot be reached: ${user.ofMany}`, remedy: "" } }),
    message: reason.includes(host) ? reason : `${host}: ${reason}`,
  };
}

function placesOf(request: PreflightRequest): readonly Place[] {
  return [...(request.source === undefined ? [] : [request.source]), ...request.servers];
}

/** Another stack's server need not have been made by pgsite. */
function isSource(request: PreflightRequest, name: string, server: ServerFacts): boolean {
  return holdsData(server) || (name === request.source?.name && server.data === "filled");
}

/** The host that the others are compared with: the first that holds data, since copies come from there; else the first. */
function referenceOf(request: PreflightRequest, facts: readonly HostFacts[]): HostFacts | undefined {
  const hosts = placesOf(request).flatMap(({ name, host }) => {
    const found = facts.find((one) => one.host === host.name);
    return found === undefined ? [] : [{ name, found, server: found.servers[name] }];
  });
  return (hosts.find(({ name, server }) => server !== undefined && isSource(request, name, server)) ?? hosts[0])?.found;
}

/** Copies are taken from the server that takes writes, which a preflight does not ask for: the largest one counts. */
function largestSource(request: PreflightRequest, facts: readonly HostFacts[]): Source | undefined {
  const sources = placesOf(request).flatMap(({ name, host }): Source[] => {
    const found = facts.find((one) => one.host === host.name);
    const server = found?.servers[name];
    if (found === undefined || server?.size === undefined || !isSource(request, name, server)) return [];
    return [{ name, machine: found.machine, disk: server.disk.id, size: server.size }];
  });
  return sources.sort((one, other) => other.size - one.size)[0];
}
