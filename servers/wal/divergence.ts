import { join } from "node:path";
import type { Host } from "../../hosts/host.js";
import type { Major } from "../../postgres/versions.js";
import { isWholeRecord, recordAt } from "../../postgres/wal/records.js";
import { namesOf } from "../sql/versions.js";
import { headerAt, type Place, page, segmentSize } from "./shutdownCheckpoint.js";
import { type Branch, type Fork, historyOf } from "./timelines.js";
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
): Promise<Fork | undefined> {
  const from = parents.findIndex((one) => one.timeline === timeline);
  const isPast = async (one: number, past: readonly Fork[]) => {
    const own = one === timeline ? past : await historyOf(host, dataDirectory, version, one);
    return own.length === past.length && own.every(({ until }, at) => until === past[at]?.until);
  };
  for (const [index, fork] of from < 0 ? [] : parents.slice(from).entries()) {
    const later = parents.slice(from + index + 1);
    const followed = [...later.map((one) => one.timeline), site].indexOf(reached ?? timeline);
    // It has followed past this fork; what it has of the timeline that was left there is none of its data any more: pg_rewind
    // leaves a segment in which both have a beginning.
    if (followed >= 0 && (await isPast(reached ?? timeline, parents.slice(0, from + index + 1 + followed)))) continue;
    if (!(await isPast(fork.timeline, parents.slice(0, from + index)))) return undefined;
    if (await hasRecordAt(host, dataDirectory, version, { timeline: fork.timeline, position: fork.until })) return fork;
  }
  return undefined;
}

/**
 * Whether a server's WAL of a timeline has a whole record that begins at a position, where another record ended: so also of a
 * standby, whose control file tells only of its last restart point. 9.3 and later. A segment that is used again has an old record
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
  const start = position % BigInt(page.bytes) === 0n ? position + BigInt(headerAt(position, size)) : position;
  const from = start - (start % BigInt(page.bytes));
  const layout = { segment: size, page: page.bytes };
  const first = await readWal(host, folder, { timeline, from, length: 2 * page.bytes, size });
  const record = recordAt(first, from, start, layout, version);
  if (record === undefined) return false;
  const distance = position - record.previous;
  if (distance <= 0n || distance >= BigInt(size)) return false;
  // Each page that it goes on in begins with a header.
  const length = page.bytes * (2 + Math.ceil(record.length / (page.bytes - page.firstHeader)));
  const pages = await readWal(host, folder, { timeline, from, length, size });
  return isWholeRecord(pages, from, start, layout, version);
}

/** Bytes of a timeline's WAL from a position on, as many as are there of its segment and the next ones. */
async function readWal(
  host: Host,
  folder: string,
  { timeline, from, length, size }: { timeline: number; from: bigint; length: number; size: number },
): Promise<Buffer> {
  const parts: Buffer[] = [];
  for (let at = from; at < from + BigInt(length); at += BigInt(parts.at(-1)?.length ?? 0)) {
    const offset = Number(at % BigInt(size));
    const wanted = Math.min(size - offset, Number(from + BigInt(length) - at));
    const read = await host.readBytes(join(folder, segmentAt(at, timeline, size)), offset, wanted);
    if (read === undefined || read.length === 0) break;
    parts.push(read);
    if (read.length < wanted) break;
  }
  return Buffer.concat(parts);
}
