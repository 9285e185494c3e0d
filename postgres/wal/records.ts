/**
 * The records of the WAL, as far as it takes to find where they end (xlogrecord.h, xlog_internal.h; from 9.3 on, which
 * changed the positions, little-endian). What is received last is proven by the chain and, from 9.5 on, by checksums:
 * segments are reused, and hold old WAL behind their end.
 */
import { atLeast, type Major } from "../versions.js";

/** Flags of a page's header (XLP_…). */
const continued = 1;
const longHeader = 2;
const overwritten = 8;

const shortLength = 24;
const longLength = 40;

export interface WalLayout {
  /** Bytes: a segment, and a page of it. */
  readonly segment: number;
  readonly page: number;
}

/** How a segment is laid out, by its first page; undefined where that is no first page of a segment at `position`. */
export function layoutOf(firstPage: Buffer, position: bigint): WalLayout | undefined {
  if (firstPage.length < longLength || !isPage(firstPage, 0, position)) return undefined;
  if ((firstPage.readUInt16LE(2) & longHeader) === 0) return undefined;
  return { segment: firstPage.readUInt32LE(32), page: firstPage.readUInt32LE(36) };
}

/** Whether there is a page of the WAL at an offset that belongs to this position, and no older one. */
export function isPage(bytes: Buffer, offset: number, position: bigint): boolean {
  if (bytes.length < offset + shortLength) return false;
  // XLOG_PAGE_MAGIC: D075 at 9.3, D118 at 18.
  const magic = bytes.readUInt16LE(offset) >>> 8;
  return (magic === 0xd0 || magic === 0xd1) && bytes.readBigUInt64LE(offset + 8) === position;
}

/** Where the fields of a record's header are. */
interface RecordHeader {
  readonly length: number;
  readonly previous: number;
  readonly info: number;
  readonly manager: number;
  /** Absent where the checksum is another than CRC-32C. */
  readonly checksum?: number;
}

const headers: readonly (RecordHeader & { readonly from: Major })[] = [
  { from: "9.3", length: 32, info: 12, manager: 13, previous: 16 },
  { from: "9.5", length: 24, previous: 8, info: 16, manager: 17, checksum: 20 },
];

/**
 * Where the last whole record ends, in consecutive pages of one timeline; undefined where no record begins and ends in them.
 * @param start position of the first of them
 */
export function endOfRecords(pages: Buffer, start: bigint, layout: WalLayout, version: Major): bigint | undefined {
  const header = headers.findLast(({ from }) => atLeast(version, from)) ?? headers[0];
  if (header === undefined) return undefined;
  const walk = new Walk(pages, start, layout);
  let next = walk.firstRecord();
  let previous: bigint | undefined;
  let end: bigint | undefined;
  while (next !== undefined) {
    const at = walk.inPage(next);
    const record = at === undefined ? undefined : walk.record(at, header.length);
    if (at === undefined || record === undefined) break;
    if (record === "overwritten") {
      next = walk.afterPage(at);
      previous = undefined;
      continue;
    }
    const { bytes } = record;
    const chained = bytes.readBigUInt64LE(header.previous);
    if (previous === undefined ? chained >= at : chained !== previous) break;
    if (header.checksum !== undefined && !isWhole(bytes, header.length, header.checksum)) break;
    previous = at;
    // XLOG_SWITCH of the first resource manager: the rest of the segment is empty.
    const switched = bytes[header.manager] === 0 && ((bytes[header.info] ?? 0) & 0xf0) === 0x40;
    end = switched ? nextMultiple(record.end, BigInt(layout.segment)) : record.end;
    next = end;
  }
  return end;
}

/**
 * Whether a whole record begins at a position, in consecutive pages of one timeline. What was cut off while it was received is none.
 * @param start position of the first page @param at behind the header of a page, if it begins there
 */
export function isWholeRecord(pages: Buffer, start: bigint, at: bigint, layout: WalLayout, version: Major): boolean {
  const header = headers.findLast(({ from }) => atLeast(version, from)) ?? headers[0];
  if (header === undefined) return false;
  const record = new Walk(pages, start, layout).record(at, header.length);
  if (record === undefined || record === "overwritten") return false;
  return header.checksum === undefined || isWhole(record.bytes, header.length, header.checksum);
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
  const header = headers.findLast(({ from }) => atLeast(version, from)) ?? headers[0];
  const bytes = header && new Walk(pages, start, layout).across(at, header.length);
  const length = bytes?.readUInt32LE(0) ?? 0;
  if (header === undefined || bytes === undefined || length === 0) return undefined;
  return { length, previous: bytes.readBigUInt64LE(header.previous) };
}

class Walk {
  constructor(
    private readonly pages: Buffer,
    private readonly start: bigint,
    private readonly layout: WalLayout,
  ) {}

  /** The first record that begins in these pages: what goes on from before them is passed over. */
  firstRecord(): bigint | undefined {
    const page = BigInt(this.layout.page);
    for (let at = this.start; this.has(at); at += page) {
      const behind = this.skipHeader(at);
      if (behind === undefined) return undefined;
      if ((this.flags(at) & continued) === 0) return behind;
      const left = BigInt(this.pages.readUInt32LE(this.offset(at) + 16));
      if (behind + left < at + page) return aligned(behind + left);
      if (behind + left === at + page) return this.skipHeader(at + page);
    }
    return undefined;
  }

  /** Where a record begins that follows at a position: at the beginning of a page, behind its header. */
  inPage(at: bigint): bigint | undefined {
    return at % BigInt(this.layout.page) === 0n ? this.skipHeader(at) : at;
  }

  /** The bytes of a record and where it ends; undefined where it is not all there. */
  record(at: bigint, headerLength: number): { bytes: Buffer; end: bigint } | "overwritten" | undefined {
    const page = BigInt(this.layout.page);
    let from = at;
    const offset = this.offset(from);
    if (offset + 4 > this.pages.length) return undefined;
    const length = this.pages.readUInt32LE(offset);
    if (length < headerLength) return undefined;
    const parts: Buffer[] = [];
    for (let left = length; ; ) {
      const room = Number(page - (from % page));
      const taken = Math.min(room, left);
      const begin = this.offset(from);
      if (begin + taken > this.pages.length) return undefined;
      parts.push(this.pages.subarray(begin, begin + taken));
      left -= taken;
      from += BigInt(taken);
      if (left === 0) return { bytes: Buffer.concat(parts), end: aligned(from) };
      const behind = this.skipHeader(from);
      if (behind === undefined) return undefined;
      if ((this.flags(from) & overwritten) !== 0) return "overwritten";
      if ((this.flags(from) & continued) === 0) return undefined;
      if (this.pages.readUInt32LE(this.offset(from) + 16) !== left) return undefined;
      from = behind;
    }
  }

  /** So many bytes from a position on, without the headers of the pages that they reach into; undefined where they are not all there. */
  across(at: bigint, length: number): Buffer | undefined {
    const page = BigInt(this.layout.page);
    const parts: Buffer[] = [];
    let from = at;
    for (let left = length; ; ) {
      const taken = Math.min(Number(page - (from % page)), left);
      const begin = this.offset(from);
      if (begin + taken > this.pages.length) return undefined;
      parts.push(this.pages.subarray(begin, begin + taken));
      left -= taken;
      if (left === 0) return Buffer.concat(parts);
      const behind = this.skipHeader(from + BigInt(taken));
      if (behind === undefined) return undefined;
      from = behind;
    }
  }

  /** Behind the header of the page that begins here; undefined where there is no such page. */
  private skipHeader(at: bigint): bigint | undefined {
    if (!this.has(at)) return undefined;
    return at + BigInt((this.flags(at) & longHeader) === 0 ? shortLength : longLength);
  }

  /** The first record of the page after that of a position, and the pages after it. */
  afterPage(at: bigint): bigint | undefined {
    const page = BigInt(this.layout.page);
    let next = nextMultiple(at + 1n, page);
    while (this.has(next) && (this.flags(next) & overwritten) === 0) next += page;
    return this.has(next) ? next : undefined;
  }

  private has(at: bigint): boolean {
    return at >= this.start && isPage(this.pages, this.offset(at), at);
  }

  private flags(at: bigint): number {
    return this.pages.readUInt16LE(this.offset(at) + 2);
  }

  private offset(at: bigint): number {
    return Number(at - this.start);
  }
}

/** MAXALIGN */
function aligned(position: bigint): bigint {
  return nextMultiple(position, 8n);
}

function nextMultiple(position: bigint, of: bigint): bigint {
  return ((position + of - 1n) / of) * of;
}

/** CRC-32C over what follows the header, then over the header up to the checksum. */
function isWhole(bytes: Buffer, headerLength: number, checksum: number): boolean {
  const crc = update(update(0xffffffff, bytes.subarray(headerLength)), bytes.subarray(0, checksum));
  return (crc ^ 0xffffffff) >>> 0 === bytes.readUInt32LE(checksum);
}

const castagnoli = Uint32Array.from({ length: 256 }, (_none, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit++) value = (value & 1) === 0 ? value >>> 1 : (value >>> 1) ^ 0x82f63b78;
  return value >>> 0;
});

function update(crc: number, bytes: Buffer): number {
  let value = crc;
  for (const byte of bytes) value = (castagnoli[(value ^ byte) & 0xff] as number) ^ (value >>> 8);
  return value >>> 0;
}
