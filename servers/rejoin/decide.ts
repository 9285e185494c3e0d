import { dirname, join } from "node:path";
import { keptDirectory, keptNames } from "../../config/controlDirectory.js";
import type { Endpoint, KnownServer } from "../../config/site.js";
import type { Host } from "../../hosts/host.js";
import type {
  Behind,
  Fork,
  KeepDiverged,
  MissingWal,
  NoRoad,
  Rejoin,
  RejoinObstacle,
  RejoinWay,
  RewindFailure,
  RewindObstacle,
} from "../../postgres/rollout/diverged.js";
import { bestWay, type RewindFacts, whyNoRewind } from "../../postgres/rollout/rejoin.js";
import type { Major } from "../../postgres/versions.js";
import { logsHints } from "../../postgres/wal/controlFile.js";
import { findRoad } from "../baseBackup/trust.js";
import { readControlFile } from "../data/controlFile.js";
import { lackOfSpace, type Need } from "../data/freeSpace.js";
import { bytesOfLsn } from "../sql/sql.js";
import { namesOf } from "../sql/versions.js";
import type { Member } from "../takeover/promotion.js";
import { segmentSize } from "../wal/shutdownCheckpoint.js";
import { timelineIn } from "../wal/timelines.js";
import { isSegment, segmentAt } from "../wal/walSegments.js";
import { type Whole, wholeOf } from "./whole.js";

/** Where data come from: a server of the stack, or its upstream outside. */
export interface Source {
  readonly server: Endpoint & Pick<KnownServer, "version" | "configurationDirectory">;
  readonly host: Host;
}

export interface Diverged {
  readonly member: Member;
  /** The declared primary, or the upstream outside of the stack. */
  readonly primary: Source;
  readonly fork: Fork;
}

/**
 * By which way a diverged server rejoins, and whether there is room for what it takes; looked at, and nothing changed.
 * @param rewinds why pg_rewind did not go, where it was tried; else whether full_page_writes is on on the primary
 */
export async function decideRejoin(diverged: Diverged, rewinds: Rewinds): Promise<Rejoin> {
  const { member, primary, fork } = diverged;
  const [own, theirs] = await Promise.all([wholeOf(member.host, member.server), wholeOf(primary.host, primary.server)]);
  const both = { own, theirs };
  const rewind = "code" in rewinds ? rewinds : await noRewind(diverged, rewinds.fullPageWrites, both);
  const delta = rewind === undefined ? undefined : await noDelta(primary, member);
  const { way, instead } = bestWay({ rewind, delta });
  const keep: KeepDiverged = member.server.keepDiverged ?? "data";
  const refusal = await obstacleTo(diverged, way, keep, both);
  const { dataDirectory } = member.server;
  const kept = keptDirectory(dataDirectory);
  return { ...fork, way, instead, keep, kept, ...(refusal === undefined ? {} : { refusal }) };
}

/** The same of one that is seeded again: nothing of it is kept, and pg_rewind is of no use to it. */
export async function decideSeed({
  member,
  primary,
}: Pick<Diverged, "member" | "primary">): Promise<Pick<Behind, "way" | "instead" | "refusal">> {
  const [own, theirs, why] = await Promise.all([
    wholeOf(member.host, member.server),
    wholeOf(primary.host, primary.server),
    noDelta(primary, member),
  ]);
  const [ownSizes, theirSizes] = await Promise.all([sizesOf(member, own), sizesOf(primary, theirs)]);
  const lack = await lackOfSpace(member.host, growth(member, own, ownSizes, theirSizes));
  return {
    ...(why === undefined
      ? { way: "delta copy", instead: [] }
      : { way: "base backup", instead: [{ way: "delta copy", why }] }),
    ...(lack === undefined ? {} : { refusal: { host: member.host.name, ...lack } }),
  };
}

/** Where the data of the server are, and those of the primary. */
interface Both {
  readonly own: Whole;
  readonly theirs: Whole;
}

type Rewinds = { readonly fullPageWrites: boolean } | RewindFailure;

async function noRewind(
  { member, primary, fork }: Diverged,
  fullPageWrites: boolean,
  both: Both,
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
    oneTimeline: fork.timeline === fork.primaryTimeline,
    program: { path, host: host.name, there: program !== undefined },
    recovers: fork.recovers,
    namesTimeline: control !== undefined && timelineIn(server.version, control) === fork.timeline,
    logsHints: control !== undefined && logsHints(server.version, control),
    fullPageWrites,
    missing,
    ...strangeTo(server.version, both),
  });
}

/**
 * What pg_rewind does not do as it should: it takes a link for a difference, but for that of the WAL; and a tablespace that only
 * the primary has gets the primary's path, where on one machine the primary itself is.
 */
function strangeTo(version: Major, { own, theirs }: Both): Pick<RewindFacts, "linked" | "newTablespace"> {
  const tablespaces = ({ folders }: Whole) => folders.filter(({ to }) => to.startsWith(`${keptNames.tablespaces}/`));
  const known = new Set(tablespaces(own).map(({ to }) => to));
  const newTablespace = tablespaces(theirs).find(({ to }) => !known.has(to))?.from;
  const places = [...own.folders, ...own.files].map(({ to }) => to);
  const fine = new Set(["", namesOf(version).walDirectory, keptNames.configuration, ...known]);
  const linked = [...places, ...Object.keys(own.links).filter((path) => !path.startsWith("pg_tblspc/"))].find(
    (path) => !fine.has(path),
  );
  return {
    ...(linked === undefined ? {} : { linked }),
    ...(newTablespace === undefined ? {} : { newTablespace }),
  };
}

/** The segment before the fork, where it is gone: pg_rewind itself tells of those before that. */
async function missingSegments(member: Member, primary: Source, fork: Fork): Promise<readonly MissingWal[]> {
  const folderOf = ({ server }: Source) => join(server.dataDirectory, namesOf(server.version).walDirectory);
  const [own, theirs] = await Promise.all(
    [member, primary].map(async (one) => ((await one.host.list(folderOf(one))) ?? []).filter(isSegment)),
  );
  if (fork.at === undefined) return [];
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
export function together(one: Source, other: Source): boolean {
  return one.host.machine === other.host.machine && one.host.user === other.host.user;
}

async function noDelta(source: Source, target: Member): Promise<NoRoad | undefined> {
  if (together(source, target)) {
    const { code } = await target.host.run(["rsync", "--version"]);
    return code === 0 ? undefined : { code: "noRsync", hosts: [target.host.name] };
  }
  const road = await findRoad(source.host, target.host, source.server.host.address, target.server.host.address);
  return road.by === undefined ? road.why : undefined;
}

/** Why what it has cannot be kept, or has no room beside what comes. */
async function obstacleTo(
  { member, primary }: Diverged,
  way: RejoinWay,
  keep: KeepDiverged,
  { own, theirs }: Both,
): Promise<RejoinObstacle | undefined> {
  const { server, host } = member;
  const [missing] = own.missing;
  if (missing !== undefined && keep === "data") return missing;
  const renamed = way === "base backup" && keep === "data" && own.atOnePlace;
  const [ownSizes, theirSizes] = await Promise.all([sizesOf(member, own), sizesOf(primary, theirs)]);
  const directory = dirname(server.dataDirectory);
  const kept = keep === "wal" ? [{ bytes: ownSizes.wal }] : ownSizes.pieces;
  const needs = [
    ...(renamed ? [] : kept.map((piece) => ({ directory, ...piece }))),
    ...growth(member, own, renamed ? undefined : ownSizes, theirSizes),
  ];
  const lack = await lackOfSpace(host, needs);
  return lack === undefined ? undefined : { host: host.name, ...lack };
}

interface Sizes {
  /** Of each folder of a server's data. */
  readonly pieces: readonly { readonly from: string; readonly to: string; readonly bytes: number }[];
  /** Of the WAL, wherever it is. */
  readonly wal: number;
  /** Of what is in the data directory without WAL. */
  readonly data: number;
}

async function sizesOf({ server, host }: Source, { folders }: Whole): Promise<Sizes> {
  const { walDirectory } = namesOf(server.version);
  const paths = [...folders.map(({ from }) => from), join(server.dataDirectory, walDirectory)];
  const bytes = await bytesOf(host, paths);
  const pieces = folders.map(({ from, to }, index) => ({ from, to, bytes: bytes[index] ?? 0 }));
  const wal = bytes.at(folders.length) ?? 0;
  const isInside = !folders.some(({ to }) => to === walDirectory);
  return { pieces, wal, data: (pieces[0]?.bytes ?? 0) - (isInside ? wal : 0) };
}

/** What the primary has more than the server, by where that comes to lie. @param own nothing, where all comes anew */
function growth({ server }: Member, { folders }: Whole, own: Sizes | undefined, theirs: Sizes): readonly Need[] {
  const { dataDirectory, version } = server;
  const places = new Map(folders.map(({ from, to }) => [to, from]));
  const sizes = new Map(own?.pieces.map(({ to, bytes }) => [to, bytes]));
  return [
    { directory: dataDirectory, bytes: theirs.data - (own?.data ?? 0) },
    { directory: join(dataDirectory, namesOf(version).walDirectory), bytes: theirs.wal - (own?.wal ?? 0) },
    ...theirs.pieces
      .filter(({ to }) => to.startsWith(`${keptNames.tablespaces}/`))
      // A tablespace that it has not yet comes where the primary has it, or on one machine beside the data.
      .map(({ from, to, bytes }) => ({ directory: places.get(to) ?? from, bytes: bytes - (sizes.get(to) ?? 0) })),
  ];
}

const measuring = 'for folder; do echo "$(du -sB1 -- "$folder/" 2>/dev/null | tail -n 1)"; done';

/** Bytes of folders on disk, each with all that is mounted in it and nothing that links lead to. */
async function bytesOf(host: Host, folders: readonly string[]): Promise<readonly number[]> {
  const { stdout } = await host.run(["sh", "-c", measuring, "sh", ...folders], { timeout: 10 * 60_000 });
  return stdout.split("\n").map((line) => Number.parseInt(line, 10) || 0);
}
