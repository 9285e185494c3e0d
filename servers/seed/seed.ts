import type { Endpoint, Passwords, Server, Site } from "../../config/site.js";
import type { Host, HostSpec } from "../../hosts/host.js";
import { hostOf } from "../../hosts/index.js";
import { restoreCommand } from "../../preflight/checks/archive.js";
import { type BaseBackupResult, baseBackup } from "../baseBackup/index.js";
import type { CopyMethod } from "../baseBackup/methods.js";
import type { CopyProgress } from "../baseBackup/progress.js";
import { type DataDirectoryState, inspectDataDirectory, readSystemIdentifier } from "../data/dataDirectory.js";
import { withLock } from "../data/lock.js";
import { seal } from "../data/seal.js";
import { processState } from "../process/process.js";
import { administratorOf, endpointsOf, serverNamed } from "../sql/login.js";
import type { Login } from "../sql/session.js";
import { findWritable, type Writable } from "../sql/writable.js";
import { heldElsewhere } from "../words/differences.js";
import { holderAmong, refusalFor } from "./dataHolders.js";
import { initialise } from "./initdb.js";

export interface SeedOptions {
  readonly site: Site;
  /** Name of the server to be filled. */
  readonly server: string;
  readonly passwords: Passwords;
  /** How a base backup is copied. @default as the site says between hosts, by cp on one */
  readonly copy?: CopyMethod | "auto";
  /** Refuses to make a new cluster: for `pgsite base-backup`. */
  readonly baseBackupOnly?: boolean;
  readonly signal?: AbortSignal;
  readonly report?: (line: string) => void;
  readonly progress?: CopyProgress;
  /** @default hosts/ */
  readonly hostOf?: (spec: HostSpec) => Host;
}

export type SeedOutcome =
  | { readonly kind: "there"; readonly systemIdentifier: string }
  | { readonly kind: "initdb"; readonly systemIdentifier: string }
  | ({ readonly kind: "base-backup"; readonly from: string } & BaseBackupResult);

/** pgsite will not do it, and has touched nothing. The message says why, and what to do. */
export class Refused extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = "Refused";
  }
}

/**
 * Sees to it that a server has its data: leaves what is there, else takes a base backup from the site's writable
 * server, else (the declared primary of a site that has no data anywhere) makes a new cluster. Decides by what it
 * finds, so that it can be run again after being cut off anywhere.
 * @throws Refused @throws Locked @throws TwoWritable
 */
export async function seed(options: SeedOptions): Promise<SeedOutcome> {
  const { site, signal, report = () => undefined } = options;
  const server = serverNamed(site, options.server);
  const host = (options.hostOf ?? hostOf)(server.host);
  const login = administratorOf(site, options.passwords);
  return withLock(host, server, `seeding ${server.name}`, async () => {
    const state = await inspectDataDirectory(host, server);
    refuseWhatIsNotOurs(state, site, server);
    const running = await processState(host, server.dataDirectory);
    const found = await findSettled(site, server, login, signal);
    const { writable } = found;
    if (state.kind === "ours") return keep(state, server, writable, options, found);
    if (running.kind === "running") {
      throw new Refused(
        `${server.name} runs (process ${running.pid}) in a data directory that is only half filled: stop it (pgsite stop ${server.name}) and run again; nothing was touched`,
      );
    }
    if (writable !== undefined && writable.name !== server.name) {
      const { method = "auto", ...limits } = site.baseBackup ?? {};
      if (method === "archive" && options.copy === undefined) throw new Refused(byArchive(site, server));
      report(`taking a base backup of ${writable.name} for ${server.name}`);
      const result = await baseBackup({
        source: { endpoint: writable, host: (options.hostOf ?? hostOf)(writable.host) },
        target: { server, host },
        login,
        ...replicationOf(site, options.passwords),
        ...limits,
        ...(method === "archive" ? {} : { method }),
        report,
        ...pick(options),
      });
      await seal(host, site, server, result.systemIdentifier);
      return { kind: "base-backup", from: writable.name, ...result };
    }
    await refuseNewCluster(site, server, found, options);
    report(`making a new cluster for ${server.name}`);
    const systemIdentifier = await initialise(host, site, server, options.passwords, signal);
    await seal(host, site, server, systemIdentifier);
    return { kind: "initdb", systemIdentifier };
  });
}

function byArchive({ stack }: Site, { name, dataDirectory, host }: Server): string {
  return `${name} gets its data by archive (baseBackup.method), and ${dataDirectory} on ${host.name} has none yet: ${restoreCommand(stack, name)}, then run again; nothing was touched`;
}

/** Milliseconds that a primary is waited for that takes nobody in yet. */
const patience = 15_000;

/** Who is writable; where the declared primary (or the upstream outside) takes nobody in, as while it starts, once it does. */
async function findSettled(
  site: Site,
  server: Server,
  login: Login,
  signal: AbortSignal | undefined,
): Promise<Writable<Endpoint>> {
  const given = signal === undefined ? {} : { signal };
  const expected = [site.primary, site.upstream?.name].filter((name) => name !== server.name);
  const end = Date.now() + patience;
  for (;;) {
    const found = await findWritable(endpointsOf(site), login, given);
    const mayStart = found.states.some(
      ({ endpoint, unreachable }) => unreachable?.kind === "cannotConnectNow" && expected.includes(endpoint.name),
    );
    if (found.writable !== undefined || !mayStart || Date.now() > end) return found;
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
}

function pick({ copy, progress, signal }: SeedOptions) {
  return {
    ...(copy === undefined ? {} : { copy }),
    ...(progress === undefined ? {} : { progress }),
    ...(signal === undefined ? {} : { signal }),
  };
}

/** How standbys log in, where the stack has a password for it. */
function replicationOf({ replicationRole }: Site, passwords: Passwords): { readonly replication?: Login } {
  const password = passwords[replicationRole];
  return password === undefined ? {} : { replication: { user: replicationRole, password } };
}

function refuseWhatIsNotOurs(state: DataDirectoryState, site: Site, server: Server): void {
  const where = `${server.dataDirectory} on ${server.host.name}`;
  const remedy = `move it away (mv ${server.dataDirectory} ${server.dataDirectory}.old) or correct dataDirectory of ${server.name}; nothing was touched`;
  if (state.kind === "foreign") {
    const what = state.version === undefined ? "files" : `a PostgreSQL ${state.version} cluster`;
    throw new Refused(`${where} holds ${what} that pgsite did not make: ${remedy}`);
  }
  if (state.kind === "replaced") {
    throw new Refused(
      `${where} holds another cluster than pgsite put there (system identifier ${state.systemIdentifier ?? "unreadable"}, and it was ${state.identity?.systemIdentifier}): ${remedy}`,
    );
  }
  const { identity } = state;
  if (identity !== undefined && (identity.site !== site.name || identity.server !== server.name)) {
    throw new Refused(
      `${server.controlDirectory} on ${server.host.name} belongs to ${identity.server} of the site ${identity.site}, not to ${server.name} of ${site.name}: correct dataDirectory; nothing was touched`,
    );
  }
}

/** Data of ours stays, unless the site's writable server is another cluster. */
async function keep(
  state: DataDirectoryState,
  server: Server,
  writable: Endpoint | undefined,
  options: SeedOptions,
  found: Writable<Endpoint>,
): Promise<SeedOutcome> {
  const systemIdentifier = state.systemIdentifier ?? "";
  const theirs = writable === undefined ? undefined : await identifierOf(writable, options, found);
  if (writable !== undefined && theirs !== undefined && theirs !== systemIdentifier) {
    throw new Refused(
      `${server.name} has system identifier ${systemIdentifier}, and ${writable.name}, which takes writes, has ${theirs}: it is another cluster. If ${writable.name} is right, move ${server.dataDirectory} away and run again; nothing was touched`,
    );
  }
  return { kind: "there", systemIdentifier };
}

/** Over SQL where the version can, else from its disk where we reach it. */
async function identifierOf(
  endpoint: Endpoint,
  options: Pick<SeedOptions, "hostOf">,
  found: Writable<Endpoint>,
): Promise<string | undefined> {
  const asked = found.states.find((state) => state.endpoint.name === endpoint.name)?.systemIdentifier;
  if (asked !== undefined) return asked;
  try {
    return await readSystemIdentifier((options.hostOf ?? hostOf)(endpoint.host), endpoint.dataDirectory);
  } catch {
    return undefined;
  }
}

/** A new cluster is made for the declared primary alone, and only where no server of the site has data. */
async function refuseNewCluster(
  site: Site,
  server: Server,
  found: Writable<Endpoint>,
  options: SeedOptions,
): Promise<void> {
  const asked = found.states
    .filter(({ endpoint }) => endpoint.name !== server.name)
    .map(({ endpoint, state, unreachable }) =>
      state === "inRecovery" ? `${endpoint.name} is in recovery` : (unreachable?.message ?? endpoint.name),
    );
  if (site.primary !== server.name || options.baseBackupOnly === true) {
    const isOther = site.primary !== undefined && site.primary !== server.name;
    const primary = isOther ? `${site.primary} (pgsite start ${site.primary} --stack ${site.stack})` : "the primary";
    throw new Refused(
      `${server.name} cannot be seeded: no server of the site ${site.name} takes writes now (${asked.join("; ") || "there is no other"}). Start ${primary} and run again; nothing was touched`,
    );
  }
  const others = site.servers.filter(({ name }) => name !== server.name);
  const holder = await holderAmong(others, options.hostOf ?? hostOf);
  if (holder === undefined) return;
  const refusal = heldElsewhere(refusalFor(server.name, holder.place, holder.state));
  throw new Refused(`${server.name}'s data is gone, but ${refusal}; nothing was touched`);
}
