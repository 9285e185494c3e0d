import { join } from "node:path";
import { type Host, HostError } from "../../hosts/host.js";
import { atLeast, type Major } from "../../postgres/versions.js";
import { wasShutDown } from "../../postgres/wal/controlFile.js";
import { readControlFile } from "../data/controlFile.js";
import { namesOf } from "../sql/versions.js";
import { branchOf } from "./timelines.js";
import { isSegment, segmentAt } from "./walSegments.js";

/** A page of the WAL, and the header of each (XLOG_BLCKSZ, SizeOfXLogShortPHD, SizeOfXLogLongPHD of xlog_internal.h). */
export const page = { bytes: 8192, header: 24, firstHeader: 40 } as const;

/** Segments of the WAL with the bytes of each, from its beginning, that a server which has all must have. */
export type WalEnd = readonly { readonly segment: string; readonly bytes: number }[];

/**
 * Where the WAL of a primary ends that was shut down: with the checkpoint in its control file. @returns undefined where it
 * was not shut down @throws where the segment is not there
 */
export async function endOfWal(host: Host, dataDirectory: string, version: Major): Promise<WalEnd | undefined> {
  const control = await readControlFile(host, dataDirectory);
  if (control === undefined || !wasShutDown(control)) return undefined;
  const branch = await branchOf(host, dataDirectory, version, control);
  if (branch === undefined) return undefined;
  const folder = join(dataDirectory, namesOf(version).walDirectory);
  const size = await segmentSize(host, folder);
  const start = branch.checkpoint;
  const path = join(folder, segmentAt(start, branch.timeline, size));
  // XLogRecord: until 9.2 its length came after a checksum, a position and a transaction.
  const lengthAt = Number(start % BigInt(size)) + (atLeast(version, "9.3") ? 0 : 16);
  const length = (await host.readBytes(path, lengthAt, 4))?.readUInt32LE(0);
  if (length === undefined) throw new HostError(`${path} on ${host.name} is not there, and the WAL ends in it`);
  return segmentsUpTo(start, endOfRecord(start, length, size), branch.timeline, size);
}

/** Whether a server has, byte by byte, the WAL of another up to its end. */
export async function hasWal(from: Place, to: Place, version: Major, end: WalEnd): Promise<boolean> {
  const folder = namesOf(version).walDirectory;
  for (const { segment, bytes } of end) {
    const digestOn = ({ host, dataDirectory }: Place) => digest(host, join(dataDirectory, folder, segment), bytes);
    const [theirs, own] = await Promise.all([digestOn(from), digestOn(to)]);
    if (own === undefined || own !== theirs) return false;
  }
  return true;
}

export interface Place {
  readonly host: Host;
  readonly dataDirectory: string;
}

const hashing = `[ -f "$2" ] || exit 3; head -c "$1" -- "$2" | sha256sum`;

async function digest(host: Host, path: string, bytes: number): Promise<string | undefined> {
  const { code, stdout, stderr } = await host.run(["sh", "-c", hashing, "sh", `${bytes}`, path]);
  if (code === 3) return undefined;
  if (code !== 0) throw new HostError(`${path} on ${host.name} cannot be read: ${stderr.trim()}`);
  return stdout.split(" ")[0];
}

/** Bytes of the header of the page that begins at a position. */
export function headerAt(position: bigint, size: number): number {
  return position % BigInt(size) === 0n ? page.firstHeader : page.header;
}

/** Where a record ends that begins at a position, with the headers of the pages that it reaches into. */
function endOfRecord(start: bigint, length: number, segment: number): bigint {
  let at = start;
  for (let left = BigInt(length); ; ) {
    const room = BigInt(page.bytes) - (at % BigInt(page.bytes));
    if (left <= room) return at + left;
    left -= room;
    at += room;
    at += BigInt(headerAt(at, segment));
  }
}

/** From the segment of a position to that of an end: the last up to the end, those before it whole. */
function segmentsUpTo(start: bigint, end: bigint, timeline: number, size: number): WalEnd {
  const whole = BigInt(size);
  const last = (end - 1n) / whole;
  const found: { segment: string; bytes: number }[] = [];
  for (let number = start / whole; number <= last; number++) {
    found.push({
      segment: segmentAt(number * whole, timeline, size),
      bytes: number === last ? Number(end - last * whole) : size,
    });
  }
  return found;
}

/** Of any segment's file: all have the same size, which initdb decided. */
export async function segmentSize(host: Host, folder: string): Promise<number> {
  const name = ((await host.list(folder)) ?? []).find(isSegment);
  const status = name === undefined ? undefined : await host.stat(join(folder, name));
  if (status === undefined) throw new HostError(`there is no WAL in ${folder} on ${host.name}`);
  return status.size;
}
