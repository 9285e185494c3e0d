/**
 * The records of the WAL, as far as it takes to find where they end, and where a timeline began. What is received last is proven by
 * the chain and by checksums: segments are reused, and hold old WAL behind their end.
 */
import type { Major } from "../versions.js";
import { bytesBefore, formatOf, positionAfter, positionIn, type WalFormat } from "./formats.js";
import type { WalLayout } from "./pages.js";
import { nextMultiple, type Walk, walkFrom } from "./walk.js";

/** A record that is whole. */
export interface WalRecord {
  /** Its position. */
  readonly at: bigint;
  /** Behind it: where the next may begin. */
  readonly end: bigint;
  readonly manager: number;
  /** What its resource manager says of it: the high bits of xl_info. */
  readonly kind: number;
  /** 0 where it is of none. */
  readonly transaction: number;
  /** Behind its header. */
  readonly data: Buffer;
}

/**
 * The records that begin and end in consecutive pages of one timeline, up to the last whole one.
 * @param start position of the first page
 */
export function* recordsIn(pages: Buffer, start: bigint, layout: WalLayout, version: Major): Generator<WalRecord> {
  const format = formatOf(version);
  const { record: header } = format;
  const position = (bytes: bigint) => positionAfter(bytes, layout.segment, format);
  const walk = walkFrom(pages, start, layout, format);
  let next = walk.firstRecord();
  let previous: bigint | undefined;
  while (next !== undefined) {
    const at: bigint | undefined = walk.begin(next);
    const record = at === undefined ? undefined : walk.record(at);
    if (at === undefined || record === undefined) return;
    if (record === "overwritten") {
      next = walk.afterPage(at);
      previous = undefined;
      continue;
    }
    const { bytes } = record;
    const chained = bytesBefore(positionIn(bytes, header.previous, format), layout.segment, format);
    if (previous === undefined ? chained >= at : chained !== previous) return;
    if (!isWhole(bytes, format)) return;
    previous = at;
    const manager = bytes[header.manager] ?? 0;
    const kind = (bytes[header.info] ?? 0) & 0xf0;
    // XLOG_SWITCH of the first resource manager: the rest of the segment is empty.
    const switched = manager === 0 && kind === 0x40;
    next = switched ? nextMultiple(record.end, BigInt(layout.segment)) : record.end;
    const transaction = bytes.readUInt32LE(header.transaction);
    yield { at: position(at), end: position(next), manager, kind, transaction, data: bytes.subarray(header.length) };
  }
}

/**
 * Where the last whole record ends, in consecutive pages of one timeline; undefined where no record begins and ends in them.
 * @param start position of the first of them
 */
export function endOfRecords(pages: Buffer, start: bigint, layout: WalLayout, version: Major): bigint | undefined {
  let end: bigint | undefined;
  for (const record of recordsIn(pages, start, layout, version)) end = record.end;
  return end;
}

/**
 * Whether a whole record begins at a position, in consecutive pages of one timeline. What was cut off while it was received is none.
 * @param start position of the first page @param at behind the header of a page, if it begins there
 */
export function isWholeRecord(pages: Buffer, start: bigint, at: bigint, layout: WalLayout, version: Major): boolean {
  const format = formatOf(version);
  const record = walkFrom(pages, start, layout, format).record(bytesBefore(at, layout.segment, format));
  return record !== undefined && record !== "overwritten" && isWhole(record.bytes, format);
}

/** What the header of a record says of it. */
export interface RecordStart {
  /** Bytes of the whole record, without the headers of pages. */
  readonly length: number;
  /** Where the record before it begins. */
  readonly previous: bigint;
}

/**
 * The header of a record, which may begin at the end of a page and go on in the next; undefined where it is not all there, or no
 * record begins at that place.
 * @param start position of the first page @param at behind the header of a page, if it begins there
 */
export function recordAt(
  pages: Buffer,
  start: bigint,
  at: bigint,
  layout: WalLayout,
  version: Major,
): RecordStart | undefined {
  const format = formatOf(version);
  const { record: header } = format;
  const walk: Walk = walkFrom(pages, start, layout, format);
  const bytes = walk.across(bytesBefore(at, layout.segment, format), header.length);
  const length = bytes?.readUInt32LE(header.total) ?? 0;
  if (bytes === undefined || length === 0) return undefined;
  return { length, previous: positionIn(bytes, header.previous, format) };
}

/** Over what follows the header, then over the header itself. */
function isWhole(bytes: Buffer, { record, checksum, summed }: WalFormat): boolean {
  const sum = checksum(checksum(0xffffffff, bytes.subarray(record.length)), bytes.subarray(...summed));
  return (sum ^ 0xffffffff) >>> 0 === bytes.readUInt32LE(record.checksum);
}
