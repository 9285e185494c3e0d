import type { Endpoint, Passwords, Server, Site } from "../../config/site.js";
import type { Host, HostSpec } from "../../hosts/host.js";
import { atLeast, type Major, majorOf } from "../../postgres/versions.js";
import type { Fork, Left } from "../../postgres/wal/forks.js";
import { readSystemIdentifier } from "../data/dataDirectory.js";
import { administratorOf, endpointsOf } from "../sql/login.js";
import { type Session, SqlUnreachable, withSession } from "../sql/session.js";
import { bytesOfLsn } from "../sql/sql.js";
import { namesOf } from "../sql/versions.js";
import { whoAreYou } from "../sql/writable.js";
import { boundsOf, parseHistory } from "../wal/forks.js";
import { isHistory, keeps, segmentAfter, type WalThere } from "../wal/walSegments.js";
import { ArchiveRefused, type Manifest } from "./manifest.js";
import { slotKeeps } from "./reserve.js";

/** The WAL segment that a restored copy asks its upstream for first. */
export function firstNeeded({ stop, segmentSize, postgresql }: Manifest): string {
  return segmentAfter(stop.segment, segmentSize, majorOf(postgresql) as Major);
}

/** What the upstream of the server that is restored said. */
export type Kept =
  | { readonly kind: "kept"; readonly segment: string; readonly upstream: string }
  /** Gone there, and to be had by restore_command. */
  | { readonly kind: "archived"; readonly segment: string; readonly upstream: string }
  | { readonly kind: "unknown"; readonly segment: string; readonly reason: string };

export interface Answer extends WalThere {
  readonly inRecovery: boolean;
  /** From 9.6 on. */
  readonly systemIdentifier: string | undefined;
  /** The timelines that its own came from, where it tells. */
  readonly history?: readonly Left[];
}

/**
 * Asks the upstream whether it is the archive's cluster, and still has the WAL that comes after the archive's.
 * @throws ArchiveRefused where it is another, was set back, or no longer has it, with the segment's name
 */
export async function askUpstream(options: {
  readonly site: Site;
  readonly server: Server;
  readonly passwords: Passwords;
  readonly manifest: Manifest;
  readonly open: (spec: HostSpec) => Host;
  readonly signal: AbortSignal;
}): Promise<Kept> {
  const { site, server, manifest, signal } = options;
  const segment = firstNeeded(manifest);
  const upstream = endpointsOf(site).find(({ name }) => name === server.upstream);
  if (upstream === undefined) return { kind: "unknown", segment, reason: `${server.name} has no upstream` };
  let answer: Answer;
  try {
    const login = administratorOf(site, options.passwords);
    answer = await withSession(upstream, login, { signal }, ask);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof SqlUnreachable) return { kind: "unknown", segment, reason: error.message };
    throw error;
  }
  const { name } = upstream;
  const theirs = answer.systemIdentifier ?? (await onDisk(upstream, options.open));
  const stranger = strangeness({ ...answer, systemIdentifier: theirs }, manifest, name, server.name);
  if (stranger !== undefined) throw new ArchiveRefused(stranger);
  const behind = leftBehind(answer, manifest, name);
  const there = keeps(answer, segment, manifest.segmentSize);
  if (there === true && behind === undefined) return { kind: "kept", segment, upstream: name };
  if (Object.values(server.files).some((text) => /^\s*restore_command\s*=?\s*'[^']/m.test(text ?? ""))) {
    return { kind: "archived", segment, upstream: name };
  }
  if (behind !== undefined) throw new ArchiveRefused(behind);
  const oldest = there === true || there.oldest === undefined ? "" : `; the oldest that it has is ${there.oldest}`;
  const withSlot = slotKeeps(majorOf(manifest.postgresql) as Major) ? "--slot, or with " : "";
  throw new ArchiveRefused(
    `${name} no longer has the WAL segment ${segment}, which ${server.name} needs first after this archive${oldest}. Make a new archive with ${withSlot}larger ${keepSetting(manifest)} on ${name}; where ${segment} and all that follow are kept elsewhere, declare archiving.restoreCommand`,
  );
}

/** Why a server's WAL can never follow on an archive's, whatever it keeps of it; undefined where nothing speaks against it. */
export function strangeness(answer: Answer, manifest: Manifest, name: string, follower: string): string | undefined {
  const { systemIdentifier, timeline, stop } = manifest;
  if (answer.systemIdentifier !== undefined && answer.systemIdentifier !== systemIdentifier) {
    return `the archive has system identifier ${systemIdentifier}, and ${name}, which ${follower} follows, has ${answer.systemIdentifier}: it is of another cluster. Make an archive of ${name}`;
  }
  if (!answer.inRecovery && bytesOfLsn(answer.current) < bytesOfLsn(stop.lsn)) {
    return `${name} has written its WAL up to ${answer.current}, and the archive ends at ${stop.lsn}: ${name} was set back since. Make a new archive of it`;
  }
  const { history } = answer;
  const fork = history?.find((parent) => parent.timeline === timeline);
  if (history === undefined || history.length === 0) return undefined;
  if (
    history.every((parent) => parent.timeline < timeline) ||
    (fork !== undefined && latestOf(boundsOf(fork, manifest.segmentSize)) >= bytesOfLsn(stop.lsn))
  )
    return undefined;
  return `the archive ends at ${stop.lsn} on timeline ${timeline}, which ${name} left before that: what the archive has beyond was given up there. Make a new archive of ${name}`;
}

function latestOf({ until, latest }: Fork): bigint {
  return latest ?? until;
}

/** Why a copy would stop where its upstream left the archive's timeline: until 9.2 no stream goes from one timeline to the next. */
export function leftBehind(answer: Answer, manifest: Manifest, name: string): string | undefined {
  const { postgresql, timeline } = manifest;
  const left = answer.history?.some((parent) => parent.timeline === timeline) ?? false;
  if (!left || atLeast(majorOf(postgresql) as Major, "9.3")) return undefined;
  return `the archive ends on timeline ${timeline}, which ${name} has left since, and no standby of PostgreSQL ${postgresql} streams from one timeline to the next. Make a new archive of ${name}`;
}

function keepSetting({ postgresql }: Manifest): string {
  return Number(postgresql) >= 13 ? "wal_keep_size" : "wal_keep_segments";
}

async function ask(session: Session): Promise<Answer> {
  const { inRecovery, version, systemIdentifier } = await whoAreYou(session);
  const names = namesOf(version);
  const position = inRecovery ? `coalesce(${names.receiveLsn}, ${names.replayLsn})` : names.currentLsn;
  const [row] = await session.query(`select ${position}::text as lsn`);
  const rows = await session.query(`select pg_ls_dir('${names.walDirectory}') as name`);
  const there = rows.map(({ name }) => name ?? "");
  return {
    inRecovery,
    systemIdentifier,
    current: row?.lsn ?? "0/0",
    names: there,
    // A primary's own timeline is the last that it began.
    ...(inRecovery ? {} : { history: await historyOf(session, names.walDirectory, there) }),
  };
}

async function historyOf(session: Session, folder: string, names: readonly string[]): Promise<readonly Left[]> {
  const last = names
    .filter((name) => isHistory(name))
    .sort()
    .at(-1);
  if (last === undefined) return [];
  const [row] = await session.query(`select pg_read_file('${folder}/${last}', 0, 1000000) as text`);
  return parseHistory(row?.text ?? "");
}

/** Until 9.5 no SQL tells. */
async function onDisk(upstream: Endpoint, open: (spec: HostSpec) => Host): Promise<string | undefined> {
  try {
    return await readSystemIdentifier(open(upstream.host), upstream.dataDirectory);
  } catch {
    return undefined;
  }
}
