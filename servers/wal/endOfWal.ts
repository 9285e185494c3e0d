import { join } from "node:path";
import type { Host } from "../../hosts/host.js";
import type { Major } from "../../postgres/versions.js";
import { isPage, layoutOf, type WalLayout } from "../../postgres/wal/pages.js";
import { endOfRecords } from "../../postgres/wal/records.js";
import { namesOf } from "../sql/versions.js";
import { countWhile } from "./halving.js";
import { isSegment, segmentAfter, startOf, timelineOf } from "./walSegments.js";

/** Where the WAL that a server in recovery has comes to its end. */
export interface EndOfReceived {
  readonly timeline: number;
  /** Behind its last whole record. */
  readonly position: bigint;
  /** When the segment that it is in was last written, by the host's clock: milliseconds since 1970. */
  readonly at: number;
}

/** Pages that are read before the last one, until a record begins in them. */
const windows = [8, 128, 2048];
/** Bytes that every first page of a segment must have for its layout to be known. */
const headerBytes = 64;
/** A page is at least that large; what is looked at of each. */
const pageHeader = 24;

/**
 * Finds it in the segments themselves, so also of a warm standby, or one that is stopped: what is replayed at a promotion is
 * what is whole there. Undefined where there is no WAL, or none that can be read.
 */
export async function endOfReceived(
  host: Host,
  dataDirectory: string,
  version: Major,
): Promise<EndOfReceived | undefined> {
  const folder = join(dataDirectory, namesOf(version).walDirectory);
  const names = ((await host.list(folder)) ?? []).filter(isSegment);
  const timelines = [...new Set(names.map(timelineOf))].sort((one, other) => other - one);
  for (const timeline of timelines) {
    const segments = names.filter((name) => timelineOf(name) === timeline).sort();
    const found = await endIn(host, folder, segments, version);
    if (found !== undefined) return { timeline, ...found };
  }
  return undefined;
}

/** Where the WAL ends that a server has of one timeline, be there later ones; undefined where it has none that can be read. */
export async function endOfTimeline(
  host: Host,
  dataDirectory: string,
  version: Major,
  timeline: number,
): Promise<bigint | undefined> {
  const folder = join(dataDirectory, namesOf(version).walDirectory);
  const names = ((await host.list(folder)) ?? []).filter((name) => isSegment(name) && timelineOf(name) === timeline);
  return (await endIn(host, folder, [...names].sort(), version))?.position;
}

/** @param segments names, of one timeline, in order */
async function endIn(
  host: Host,
  folder: string,
  segments: readonly string[],
  version: Major,
): Promise<Omit<EndOfReceived, "timeline"> | undefined> {
  const size = (await host.stat(join(folder, segments[0] ?? "")))?.size ?? 0;
  if (size === 0) return undefined;
  const first = (index: number) => host.readBytes(join(folder, segments[index] ?? ""), 0, headerBytes);
  const isWritten = async (index: number) => {
    const page = await first(index);
    return page !== undefined && layoutOf(page, startOf(segments[index] ?? "", size), version) !== undefined;
  };
  // Segments are written in order; those behind the last one are older ones, renamed to be written anew.
  const last = (await countWhile(segments.length, isWritten)) - 1;
  const name = segments[last];
  const page = last < 0 ? undefined : await first(last);
  if (name === undefined || page === undefined) return undefined;
  const start = startOf(name, size);
  const layout = layoutOf(page, start, version);
  const status = await host.stat(join(folder, name));
  if (layout === undefined || status === undefined) return undefined;
  const path = join(folder, name);
  const pages = await countWhile(size / layout.page, async (index) => {
    const header = await host.readBytes(path, index * layout.page, pageHeader);
    return header !== undefined && isPage(header, 0, start + BigInt(index * layout.page), version);
  });
  const before = segments[last - 1];
  const position = await endOfSegment(
    host,
    { folder, name, ...(before === undefined ? {} : { before }), start },
    pages,
    layout,
    version,
  );
  return position === undefined ? undefined : { position, at: status.changed };
}

interface Segment {
  readonly folder: string;
  readonly name: string;
  /** The segment before it, where that is there. */
  readonly before?: string;
  readonly start: bigint;
}

/** Reads as few of the last pages as have a record that begins and ends in them. */
async function endOfSegment(
  host: Host,
  { folder, name, before, start }: Segment,
  pages: number,
  layout: WalLayout,
  version: Major,
): Promise<bigint | undefined> {
  for (const window of windows) {
    const from = Math.max(0, pages - window) * layout.page;
    const read = await host.readBytes(join(folder, name), from, pages * layout.page - from);
    if (read === undefined) return undefined;
    const found = endOfRecords(read, start + BigInt(from), layout, version);
    if (found !== undefined) return found;
    if (from > 0) continue;
    // All that is in this segment is the rest of a record that begins in the one before.
    if (before === undefined || segmentAfter(before, layout.segment, version) !== name) return undefined;
    const length = Math.min(layout.segment, (windows.at(-1) ?? 1) * layout.page);
    const earlier = await host.readBytes(join(folder, before), layout.segment - length, length);
    return earlier === undefined
      ? undefined
      : endOfRecords(
          Buffer.concat([earlier, read]),
          startOf(before, layout.segment) + BigInt(layout.segment - length),
          layout,
          version,
        );
  }
  return undefined;
}
