import { atLeast, type Major } from "../../postgres/versions.js";
import { bytesOfLsn } from "../sql/sql.js";

/** A WAL segment by its file's name: 8 digits each of timeline, log and segment, hexadecimal. */
export function timelineOf(segment: string): number {
  return Number.parseInt(segment.slice(0, 8), 16);
}

/** Where a segment is in the WAL, whatever its timeline. @param segmentSize bytes */
export function startOf(segment: string, segmentSize: number): bigint {
  const [log, number] = [segment.slice(8, 16), segment.slice(16, 24)].map((digits) => BigInt(`0x${digits}`)) as [
    bigint,
    bigint,
  ];
  return (log << 32n) + number * BigInt(segmentSize);
}

/** The segment that follows. Until 9.2 the last one of each 4 GB was never used. @param segmentSize bytes */
export function segmentAfter(segment: string, segmentSize: number, version: Major): string {
  const perLog = 2 ** 32 / segmentSize - (atLeast(version, "9.3") ? 0 : 1);
  const log = Number.parseInt(segment.slice(8, 16), 16);
  const number = Number.parseInt(segment.slice(16, 24), 16) + 1;
  return `${segment.slice(0, 8)}${hex(log + Math.floor(number / perLog))}${hex(number % perLog)}`;
}

/** The names of the segments from `first` to `last`, both included. @param segmentSize bytes */
export function segmentsBetween(first: string, last: string, segmentSize: number, version: Major): readonly string[] {
  const names: string[] = [];
  const end = startOf(last, segmentSize);
  for (let name = first; startOf(name, segmentSize) <= end; name = segmentAfter(name, segmentSize, version)) {
    names.push(name);
  }
  return names;
}

/** The segment that a position is in (XLogFileName of xlog_internal.h). @param segmentSize bytes */
export function segmentAt(position: bigint, timeline: number, segmentSize: number): string {
  return `${hex(timeline)}${hex(position >> 32n)}${hex((position & 0xffffffffn) / BigInt(segmentSize))}`;
}

function hex(value: number | bigint): string {
  return value.toString(16).toUpperCase().padStart(8, "0");
}

/** As PostgreSQL writes a position: `16/B374D848`. */
export function lsnText(position: bigint): string {
  return `${(position >> 32n).toString(16).toUpperCase()}/${(position & 0xffffffffn).toString(16).toUpperCase()}`;
}

export const isSegment = (name: string): boolean => /^[0-9A-F]{24}$/.test(name);

/** Whether a file beside the segments tells what a timeline came from. */
export const isHistory = (name: string): boolean => /^[0-9A-F]{8}\.history$/.test(name);

/** What a server has of its WAL. */
export interface WalThere {
  /** Names in pg_wal. */
  readonly names: readonly string[];
  /** How far the server has written. */
  readonly current: string;
}

/**
 * Whether a server still has the WAL from a segment on: the segment's file is there, of its timeline or a later one that
 * took it over, or it is still to be written. Else the oldest that is there.
 */
export function keeps(
  { names, current }: WalThere,
  needed: string,
  segmentSize: number,
): true | { readonly oldest: string | undefined } {
  const segments = names.filter(isSegment).filter((name) => name.slice(0, 8) >= needed.slice(0, 8));
  const place = needed.slice(8);
  if (segments.some((name) => name.slice(8) === place)) return true;
  if (startOf(needed, segmentSize) >= bytesOfLsn(current)) return true;
  return { oldest: segments.sort((one, other) => (one.slice(8) < other.slice(8) ? -1 : 1))[0] };
}
