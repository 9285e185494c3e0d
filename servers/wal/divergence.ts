import { join } from "node:path";
import type { Host } from "../../hosts/host.js";
import { atLeast, type Major } from "../../postgres/versions.js";
import { type Fork, maybeSamePast } from "../../postgres/wal/forks.js";
import { bytesBefore, formatOf, positionAfter } from "../../postgres/wal/formats.js";
import { isWholeRecord, recordAt } from "../../postgres/wal/records.js";
import { namesOf } from "../sql/versions.js";
import { endOfTimeline } from "./endOfWal.js";
import { historyOf } from "./forks.js";
import { headerAt, type Place, pageBytes, segmentSize } from "./shutdownCheckpoint.js";
import type { Branch } from "./timelines.js";
import { segmentAt } from "./walSegments.js";

/**
 * Where a standby went beyond the place at which a primary left one of its timelines, though its last restart point is before
 * that: its control file may even name an earlier timeline than the one that it has reached. WAL of a timeline that it has left
 * for a later one of the primary's says nothing: pg_rewind leaves what the server had where the primary has no such segment, as
 * with archiving, when a promotion renames its last one to `.partial`.
 * @returns the first of those places; undefined where it has nothing that the primary has not
 */
export async function partedAt(
  { host, dataDirectory, version }: Place & { readonly version: Major },
  { timeline, reached }: Branch,
  { timeline: site, parents = [] }: Branch,
): Promise<Parting | undefined> {
  const from = parents.findIndex((one) => one.timeline === timeline);
  const isPast = async (one: number, past: readonly Fork[]) => {
    const own = one === timeline ? past : await historyOf(host, dataDirectory, version, one);
    return maybeSamePast(own, past, !atLeast(version, "9.3"));
  };
  for (const [index, fork] of from < 0 ? [] : parents.slice(from).entries()) {
    const later = parents.slice(from + index + 1);
    const followed = [...later.map((one) => one.timeline), site].indexOf(reached ?? timeline);
    // It has followed past this fork; what it has of the timeline that was left there is none of its data any more: pg_rewind
    // leaves a segment in which both have a beginning.
    if (followed >= 0 && (await isPast(reached ?? timeline, parents.slice(0, from + index + 1 + followed)))) continue;
    if (!(await isPast(fork.timeline, parents.slice(0, from + index)))) return undefined;
    const beyond = await wentBeyond(host, dataDirectory, version, fork);
    if (beyond !== undefined) return { ...fork, beyond };
  }
  return undefined;
}

/** Where a server and a primary parted. */
export interface Parting extends Fork {
  /** `maybe`: it has WAL of where the primary may have left, or may not. */
  readonly beyond: "certainly" | "maybe";
}

/** Whether a server has WAL of a timeline beyond the place where that was left; undefined where it has none. */
async function wentBeyond(
  host: Host,
  dataDirectory: string,
  version: Major,
  { timeline, until, latest }: Fork,
): Promise<Parting["beyond"] | undefined> {
  if (latest === undefined) {
    const has = await hasRecordAt(host, dataDirectory, version, { timeline, position: until });
    return has ? "certainly" : undefined;
  }
  const end = await endOfTimeline(host, dataDirectory, version, timeline);
  if (end === undefined || end <= until) return undefined;
  return end > latest ? "certainly" : "maybe";
}

/**
 * Whether a server's WAL of a timeline has a whole record that begins at a position, where another record ended: so also of a
 * standby, whose control file tells only of its last restart point. A segment that is used again has an old record
 * there, which follows upon one that is at least a segment away. Of one that was cut off while it was received, the primary that
 * left the timeline there may have the same beginning, and pg_rewind copies that.
 */
async function hasRecordAt(
  host: Host,
  dataDirectory: string,
  version: Major,
  { timeline, position }: { readonly timeline: number; readonly position: bigint },
): Promise<boolean> {
  const folder = join(dataDirectory, namesOf(version).walDirectory);
  const size = await segmentSize(host, folder);
  const start = recordFrom(position, size, version);
  const from = start - (start % BigInt(pageBytes));
  const layout = { segment: size, page: pageBytes };
  const read = (length: number) => readWal(host, folder, version, { timeline, from, length, size });
  const record = recordAt(await read(2 * pageBytes), from, start, layout, version);
  if (record === undefined) return false;
  const format = formatOf(version);
  const distance = bytesBefore(position, size, format) - bytesBefore(record.previous, size, format);
  if (distance <= 0n || distance >= BigInt(size)) return false;
  // Each page that it goes on in begins with a header.
  const pages = await read(pageBytes * (2 + Math.ceil(record.length / (pageBytes - 2 * format.page.long))));
  return isWholeRecord(pages, from, start, layout, version);
}

/** Where a record begins that follows at a position: behind the header of a page, and in the next page where this one has no room. */
function recordFrom(position: bigint, size: number, version: Major): bigint {
  const format = formatOf(version);
  let at = bytesBefore(position, size, format);
  const left = (BigInt(pageBytes) - (at % BigInt(pageBytes))) % BigInt(pageBytes);
  if (!format.splitsHeaders && left < BigInt(format.record.length)) at += left;
  if (at % BigInt(pageBytes) === 0n) at += BigInt(headerAt(at, size, version));
  return positionAfter(at, size, format);
}

/** Bytes of a timeline's WAL from a position on, as many as are there of its segment and the next ones. */
async function readWal(
  host: Host,
  folder: string,
  version: Major,
  { timeline, from, length, size }: { timeline: number; from: bigint; length: number; size: number },
): Promise<Buffer> {
  const format = formatOf(version);
  const parts: Buffer[] = [];
  let at = bytesBefore(from, size, format);
  for (const end = at + BigInt(length); at < end; at += BigInt(parts.at(-1)?.length ?? 0)) {
    const offset = Number(at % BigInt(size));
    const wanted = Math.min(size - offset, Number(end - at));
    const segment = segmentAt(positionAfter(at, size, format), timeline, size);
    const read = await host.readBytes(join(folder, segment), offset, wanted);
    if (read === undefined || read.length === 0) break;
    parts.push(read);
    if (read.length < wanted) break;
  }
  return Buffer.concat(parts);
}
