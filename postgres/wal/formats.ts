/**
 * How each version lays out its WAL: pages, records, positions, checksums (xlog_internal.h; xlog.h until 9.4, xlogrecord.h
 * from 9.5 on; xlogdefs.h; pg_crc.h). Little-endian, and aligned to eight bytes.
 */
import { atLeast, type Major } from "../versions.js";
import { type Checksum, castagnoli, legacy } from "./checksums.js";

/** Where the fields of a record's header are, and how long it is: XLogRecord. */
interface RecordHeader {
  readonly length: number;
  /** Of the whole record, without the headers of pages. */
  readonly total: number;
  readonly transaction: number;
  readonly info: number;
  readonly manager: number;
  readonly previous: number;
  readonly checksum: number;
}

/** XLogPageHeaderData, and XLogLongPageHeaderData of the first page of a segment. */
interface PageHeader {
  readonly short: number;
  readonly long: number;
  /** In a long one: bytes of a segment, and of a page. */
  readonly segmentSize: number;
  readonly pageSize: number;
  /** Where it says how much of a record goes on from the page before; left out where that stands behind the header (XLogContRecord). */
  readonly rest?: number;
}

/** Bytes of what says so. */
export const restLength = 4;

export interface WalFormat {
  /** A position is two numbers of four bytes, the high one first, and the last segment of each 4 GB is never used. */
  readonly halves: boolean;
  readonly page: PageHeader;
  readonly record: RecordHeader;
  /** Whether a record's header may go on in the next page: else what is left of a page that has no room for it stays empty. */
  readonly splitsHeaders: boolean;
  readonly checksum: Checksum;
  /** Which bytes of the header the checksum is over, after what follows the header. */
  readonly summed: readonly [number, number];
}

const whole: PageHeader = { short: 24, long: 40, segmentSize: 32, pageSize: 36, rest: 16 };

/** Oldest first; a version's is the last row that is not newer than it. */
const formats: readonly (WalFormat & { readonly from: Major })[] = [
  {
    from: "9.0",
    halves: true,
    page: { short: 16, long: 32, segmentSize: 24, pageSize: 28 },
    record: { length: 32, checksum: 0, previous: 4, transaction: 12, total: 16, info: 24, manager: 25 },
    splitsHeaders: false,
    checksum: legacy,
    summed: [4, 32],
  },
  {
    from: "9.3",
    halves: false,
    page: whole,
    record: { length: 32, total: 0, transaction: 4, info: 12, manager: 13, previous: 16, checksum: 24 },
    splitsHeaders: true,
    checksum: legacy,
    summed: [0, 24],
  },
  {
    from: "9.5",
    halves: false,
    page: whole,
    record: { length: 24, total: 0, transaction: 4, previous: 8, info: 16, manager: 17, checksum: 20 },
    splitsHeaders: true,
    checksum: castagnoli,
    summed: [0, 20],
  },
];

export function formatOf(version: Major): WalFormat {
  return formats.findLast(({ from }) => atLeast(version, from)) ?? (formats[0] as WalFormat);
}

/** A position in the WAL as a page or a record has it. */
export function positionIn(bytes: Buffer, at: number, { halves }: Pick<WalFormat, "halves">): bigint {
  return halves
    ? (BigInt(bytes.readUInt32LE(at)) << 32n) + BigInt(bytes.readUInt32LE(at + 4))
    : bytes.readBigUInt64LE(at);
}

/**
 * How many bytes of WAL there are before a position: the same as the position, but for what is left out where the last
 * segment of each 4 GB is never used. The end of such 4 GB is the beginning of the next. @param segment bytes
 */
export function bytesBefore(position: bigint, segment: number, { halves }: Pick<WalFormat, "halves">): bigint {
  return halves ? (position >> 32n) * inEach4GB(segment) + (position & 0xffffffffn) : position;
}

/** The position that has so many bytes of WAL before it. */
export function positionAfter(bytes: bigint, segment: number, { halves }: Pick<WalFormat, "halves">): bigint {
  return halves ? ((bytes / inEach4GB(segment)) << 32n) + (bytes % inEach4GB(segment)) : bytes;
}

function inEach4GB(segment: number): bigint {
  return (1n << 32n) - BigInt(segment);
}
