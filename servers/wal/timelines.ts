import { join } from "node:path";
import type { Host } from "../../hosts/host.js";
import type { Divergence } from "../../postgres/rollout/diverged.js";
import { atLeast, type Major } from "../../postgres/versions.js";
import { minimumReached, recordedRole } from "../../postgres/wal/controlFile.js";
import { type Fork, maybeSamePast } from "../../postgres/wal/forks.js";
import { formatOf, positionIn } from "../../postgres/wal/formats.js";
import { readControlFile } from "../data/controlFile.js";
import { namesOf } from "../sql/versions.js";
import { endOfReceived } from "./endOfWal.js";
import { historyOf } from "./forks.js";

/** Where a server stands in the history of its cluster, as its files tell: also of one that is stopped, or answers no SQL. */
export interface Branch {
  /** The system identifier. */
  readonly cluster: bigint;
  /** Of its last checkpoint. */
  readonly timeline: number;
  /** Where that checkpoint is in the WAL. */
  readonly checkpoint: bigint;
  /** Of a standby, the timeline that it has reached for certain, be its last checkpoint on an earlier one. */
  readonly reached?: number;
  /** The timelines that its own came from, oldest first. Left out where no history file tells. */
  readonly parents?: readonly Fork[];
  /** The oldest of these may be left out: until 9.2 a standby gets no history file with the stream, and writes its own when it is promoted. */
  readonly incomplete?: true;
}

/** @param control the first bytes of global/pg_control */
export async function branchOf(
  host: Host,
  dataDirectory: string,
  version: Major,
  control: Buffer,
): Promise<Branch | undefined> {
  if (control.length < 64) return undefined;
  const checkpointed = timelineIn(version, control);
  const timeline = Math.max(checkpointed, await promotedTo(host, dataDirectory, version, control));
  const checkpoint = positionIn(control, 32, formatOf(version));
  const cluster = control.readBigUInt64LE(0);
  const reached = minimumReached(version, control)?.timeline ?? timeline;
  const known = { cluster, timeline, checkpoint, ...(reached > timeline ? { reached } : {}) };
  if (timeline === 1) return { ...known, parents: [] };
  const parents = await historyOf(host, dataDirectory, version, timeline);
  const incomplete = !atLeast(version, "9.3") && parents[0]?.timeline !== 1;
  return { ...known, ...(parents.length === 0 ? {} : { parents }), ...(incomplete ? { incomplete } : {}) };
}

/**
 * A standby as it would take over: on the timeline that it receives, which its control file does not name before its next restart
 * point. Any other server as it is.
 */
export async function asReceived(
  host: Host,
  dataDirectory: string,
  version: Major,
  control: Buffer,
  branch: Branch,
): Promise<Branch> {
  if (recordedRole(control) === "primary") return branch;
  const received = await endOfReceived(host, dataDirectory, version);
  if (received === undefined || received.timeline <= branch.timeline) return branch;
  const parents = await historyOf(host, dataDirectory, version, received.timeline);
  const left = parents.find(({ timeline }) => timeline === branch.timeline);
  return left === undefined || branch.checkpoint > left.until
    ? branch
    : { ...branch, timeline: received.timeline, parents };
}

/** pg_control.h: checkPoint, until 10 prevCheckPoint, then checkPointCopy, which begins with redo and ThisTimeLineID. */
export function timelineIn(version: Major, control: Buffer): number {
  return control.readUInt32LE(atLeast(version, "11") ? 48 : 56);
}

/** The timeline of a server as its control file says it, and the one that it is on. @throws where there is no control file */
export async function checkpointedTimeline(
  host: Host,
  dataDirectory: string,
  version: Major,
): Promise<{ readonly recorded: number; readonly real: number }> {
  const control = await readControlFile(host, dataDirectory);
  if (control === undefined || control.length < 64)
    throw new Error(`${dataDirectory} on ${host.name} has no control file`);
  const recorded = timelineIn(version, control);
  return { recorded, real: Math.max(recorded, await promotedTo(host, dataDirectory, version, control)) };
}

/**
 * The timeline that a server was promoted to, which its control file says only after the next checkpoint: that may take as
 * long as checkpoint_timeout. 0 where it is none that writes.
 */
async function promotedTo(host: Host, dataDirectory: string, version: Major, control: Buffer): Promise<number> {
  if (recordedRole(control) !== "primary") return 0;
  const names = (await host.list(join(dataDirectory, namesOf(version).walDirectory))) ?? [];
  return Math.max(0, ...names.map((name) => Number.parseInt(/^([0-9A-F]{8})\.history$/.exec(name)?.[1] ?? "0", 16)));
}

/** Why a timeline keeps a server from following another. */
type Parted = Omit<Divergence, "remedy">;

/**
 * Why a standby can never follow a primary, or undefined where nothing speaks against it: one that is merely behind, on a
 * timeline that the primary's came from, can.
 */
export function divergence(standby: Branch, primary: Branch): Parted | undefined {
  const { timeline, checkpoint, parents } = standby;
  const numbers = { timeline, primaryTimeline: primary.timeline };
  // Of another cluster it has more to say than its timeline, and others say it.
  if (standby.cluster !== primary.cluster) return undefined;
  if (timeline === primary.timeline) {
    const known = parents !== undefined && primary.parents !== undefined;
    return !known || samePast(standby, primary.parents, primary) ? undefined : { kind: "same number", ...numbers };
  }
  if (primary.parents === undefined) return undefined;
  const fork = primary.parents.find((parent) => parent.timeline === timeline);
  if (fork === undefined) {
    const before = primary.incomplete === true && timeline < (primary.parents[0]?.timeline ?? 0);
    return { kind: before ? "untold" : "unrelated", ...numbers };
  }
  const past = primary.parents.slice(0, primary.parents.indexOf(fork));
  if (parents !== undefined && !samePast(standby, past, primary)) return { kind: "unrelated", ...numbers };
  if (checkpoint <= fork.until) return undefined;
  return { kind: checkpoint < (fork.latest ?? fork.until) ? "untold" : "went on", ...numbers };
}

/** Where a primary left the timeline of another server; undefined where its own does not come from that. */
export function forkOf(other: Branch, primary: Branch): Fork | undefined {
  if (other.cluster !== primary.cluster || primary.parents === undefined) return undefined;
  if (other.parents === undefined && other.incomplete === undefined) return undefined;
  const at = primary.parents.findIndex(({ timeline }) => timeline === other.timeline);
  return samePast(other, primary.parents.slice(0, Math.max(0, at)), primary) ? primary.parents[at] : undefined;
}

/** Whether what a server's timeline came from may be this part of another's history. */
function samePast(
  { parents = [], incomplete }: Branch,
  past: readonly Fork[],
  { incomplete: theirs }: Branch,
): boolean {
  return maybeSamePast(parents, past, incomplete === true || theirs === true);
}
