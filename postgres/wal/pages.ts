/** The pages of the WAL, each of which says where it belongs: segments are reused, and hold old pages behind their end. */
import type { Major } from "../versions.js";
import { formatOf, positionIn, type WalFormat } from "./formats.js";

/** Flags of a page's header (XLP_…). */
export const continued = 1;
export const longHeader = 2;
export const overwritten = 8;

export interface WalLayout {
  /** Bytes: a segment, and a page of it. */
  readonly segment: number;
  readonly page: number;
}

/** How a segment is laid out, by its first page; undefined where that is no first page of a segment at `position`. */
export function layoutOf(firstPage: Buffer, position: bigint, version: Major): WalLayout | undefined {
  const { page } = formatOf(version);
  if (firstPage.length < page.long || !isPage(firstPage, 0, position, version)) return undefined;
  if ((firstPage.readUInt16LE(2) & longHeader) === 0) return undefined;
  return { segment: firstPage.readUInt32LE(page.segmentSize), page: firstPage.readUInt32LE(page.pageSize) };
}

/** Whether there is a page of the WAL at an offset that belongs to this position, and no older one. */
export function isPage(bytes: Buffer, offset: number, position: bigint, version: Major): boolean {
  return isPageOf(formatOf(version), bytes, offset, position);
}

export function isPageOf(format: WalFormat, bytes: Buffer, offset: number, position: bigint): boolean {
  if (bytes.length < offset + format.page.short) return false;
  // XLOG_PAGE_MAGIC: D064 at 9.0, D118 at 18.
  const magic = bytes.readUInt16LE(offset) >>> 8;
  return (magic === 0xd0 || magic === 0xd1) && positionIn(bytes, offset + 8, format) === position;
}

/** The timeline that a page names: that of the first record on it. */
export function pageTimeline(bytes: Buffer, offset = 0): number {
  return bytes.readUInt32LE(offset + 4);
}
