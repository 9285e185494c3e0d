import { dirname, join } from "node:path";
import { keptDirectory } from "../../config/controlDirectory.js";
import type { Host } from "../../hosts/host.js";
import type {
  Fork,
  KeepDiverged,
  MissingWal,
  NoRoad,
  NoRoom,
  Rejoin,
  RejoinWay,
  RewindFailure,
  RewindObstacle,
} from "../../postgres/rollout/model.js";
import { bestWay, whyNoRewind } from "../../postgres/rollout/rejoin.js";
import { logsHints } from "../../postgres/wal/controlFile.js";
import { findRoad } from "../baseBackup/trust.js";
import { readControlFile } from "../data/controlFile.js";
import { tooLittleSpace } from "../data/freeSpace.js";
import { bytesOfLsn } from "../sql/sql.js";
import { namesOf } from "../sql/versions.js";
import type { Member } from "../takeover/promotion.js";
import { segmentSize } from "../wal/shutdownCheckpoint.js";
import { timelineIn } from "../wal/timelines.js";
import { isSegment, segmentAt } from "../wal/walSegments.js";
import { canBeRenamed } from "./aside.js";

export interface Diverged {
  readonly member: Member;
  /** The declared primary. */
  readonly primary: Member;
  readonly fork: Fork;
}

/**
 * By which way a diverged server rejoins, and whether there is room for what it takes; looked at, and nothing changed.
 * @param rewinds why pg_rewind did not go, where it was tried; else whether full_page_writes is on on the primary
 */
export async function decideRejoin(diverged: Diverged, rewinds: Rewinds): Promise<Rejoin> {
  const { member, primary, fork } = diverged;
  const rewind = "code" in rewinds ? rewinds : await noRewind(diverged, rewinds.fullPageWrites);
  const delta = rewind === undefined ? undefined : await noDelta(primary, member);
  const { way, instead } = bestWay({ rewind, delta });
  const keep: KeepDiverged = member.server.keepDiverged ?? "data";
  const refusal = await noRoom(diverged, way, keep);
  const { dataDirectory } = member.server;
  const kept = keptDirectory(dataDirectory);
  return { ...fork, way, instead, keep, kept, ...(refusal === undefined ? {} : { refusal }) };
}

type Rewinds = { readonly fullPageWrites: boolean } | RewindFailure;

async function noRewind(
  { member, primary, fork }: Diverged,
  fullPageWrites: boolean,
): Promise<RewindObstacle | undefined> {
  const { server, host } = member;
  const path = join(server.binDirectory, "pg_rewind");
  const [program, control, missing] = await Promise.all([
    host.stat(path),
    readControlFile(host, server.dataDirectory),
    missingSegments(member, primary, fork),
  ]);
  return whyNoRewind({
    server: server.name,
    primary: primary.server.name,
    version: server.version,
    program: { path, host: host.name, there: program !== undefined },
    recovers: fork.recovers,
    namesTimeline: control !== undefined && timelineIn(server.version, control) === fork.timeline,
    logsHints: control !== undefined && logsHints(server.version, control),
    fullPageWrites,
    missing,
  });
}

/** The segment before the fork, where it is gone: pg_rewind itself tells of those before that. */
async function missingSegments(member: Member, primary: Member, fork: Fork): Promise<readonly MissingWal[]> {
  const folderOf = ({ server }: Member) => join(server.dataDirectory, namesOf(server.version).walDirectory);
  const [own, theirs] = await Promise.all(
    [member, primary].map(async (one) => ((await one.host.list(folderOf(one))) ?? []).filter(isSegment)),
  );
  const size = await segmentSize(member.host, folderOf(member));
  const needed = segmentAt(bytesOfLsn(fork.at) - 1n, fork.timeline, size);
  const place = needed.slice(8);
  return [
    ...(own?.includes(needed) === true ? [] : [{ segment: needed, server: member.server.name }]),
    ...(theirs?.some((name) => name.slice(8) === place) === true
      ? []
      : [{ segment: needed, server: primary.server.name }]),
  ];
}

/** Whether both are on one machine, as one OS user. */
export function together(one: Member, other: Member): boolean {
  return one.host.machine === other.host.machine && one.host.user === other.host.user;
}

async function noDelta(source: Member, target: Member): Promise<NoRoad | undefined> {
  if (together(source, target)) {
    const { code } = await target.host.run(["rsync", "--version"]);
    return code === 0 ? undefined : { code: "noRsync", hosts: [target.host.name] };
  }
  const road = await findRoad(source.host, target.host, source.server.host.address, target.server.host.address);
  return road.by === undefined ? road.why : undefined;
}

async function noRoom({ member, primary }: Diverged, way: RejoinWay, keep: KeepDiverged): Promise<NoRoom | undefined> {
  const { server, host } = member;
  const { dataDirectory } = server;
  const whole = way === "base backup";
  const renamed = whole && keep === "data" && (await canBeRenamed(host, dataDirectory));
  const wal = join(dataDirectory, namesOf(server.version).walDirectory);
  const [own, theirs, kept] = await Promise.all([
    sizeOf(host, dataDirectory),
    whole ? sizeOf(primary.host, primary.server.dataDirectory) : 0,
    keep === "wal" ? sizeOf(host, wal) : 0,
  ]);
  const copied = renamed ? 0 : keep === "wal" ? kept : own;
  const needed = copied + (renamed ? theirs : Math.max(0, theirs - (whole ? own : theirs)));
  const directory = dirname(dataDirectory);
  const free = await tooLittleSpace(host, directory, needed, keep === "data" && !whole);
  return free === undefined ? undefined : { host: host.name, directory, free, needed };
}

const measuring = 'du -scDB1 -- "$1" "$1"/pg_tblspc/* 2>/dev/null | tail -n 1';

/** Bytes of a data directory on disk, with its tablespaces. */
async function sizeOf(host: Host, directory: string): Promise<number> {
  const { stdout } = await host.run(["sh", "-c", measuring, "sh", directory], { timeout: 10 * 60_000 });
  return Number.parseInt(stdout, 10) || 0;
}
