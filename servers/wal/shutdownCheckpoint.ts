import { join } from "node:path";
import { type Host, HostError } from "../../hosts/host.js";
import type { Major } from "../../postgres/versions.js";
import { wasShutDown } from "../../postgres/wal/controlFile.js";
import { bytesBefore, formatOf, positionAfter, restLength } from "../../postgres/wal/formats.js";
import { readControlFile } from "../data/controlFile.js";
import { namesOf } from "../sql/versions.js";
import { branchOf } from "./timelines.js";
import { isSegment, segmentAt } from "./walSegments.js";

/** Bytes of a page of the WAL (XLOG_BLCKSZ). */
export const pageBytes = 8192;

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
  const lengthAt = Number(start % BigInt(size)) + formatOf(version).record.total;
  const length = (await host.readBytes(path, lengthAt, 4))?.readUInt32LE(0);
  if (length === undefined) throw new HostError(`${path} on ${host.name} is not there, and the WAL ends in it`);
  return segmentsUpTo(start, endOfRecord(start, length, size, version), branch.timeline, size, version);
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
export function headerAt(position: bigint, size: number, version: Major): number {
  const { short, long } = formatOf(version).page;
  return position % BigInt(size) === 0n ? long : short;
}

/** Where a record ends that begins at a position, with what stands before the rest of it in the pages that it reaches into. */
function endOfRecord(start: bigint, length: number, segment: number, version: Major): bigint {
  const format = formatOf(version);
  let at = bytesBefore(start, segment, format);
  for (let left = BigInt(length); ; ) {
    const room = BigInt(pageBytes) - (at % BigInt(pageBytes));
    if (left <= room) return at + left;
    left -= room;
    at += room;
    at += BigInt(headerAt(at, segment, version) + (format.page.rest === undefined ? restLength : 0));
  }
}

/**
 * From the segment of a position to that of an end: the last up to the end, those before it whole.
 * @param end bytes of WAL before it
 */
function segmentsUpTo(start: bigint, end: bigint, timeline: number, size: number, version: Major): WalEnd {
  const format = formatOf(version);
  const whole = BigInt(size);
  const last = (end - 1n) / whole;
  const found: { segment: string; bytes: number }[] = [];
  for (let number = bytesBefore(start, size, format) / whole; number <= last; number++) {
    found.push({
      segment: segmentAt(positionAfter(number * whole, size, format), timeline, size),
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
