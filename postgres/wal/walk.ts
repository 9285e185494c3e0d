import { bytesBefore, positionAfter, restLength, type WalFormat } from "./formats.js";
import { continued, isPageOf, longHeader, overwritten, type WalLayout } from "./pages.js";

/**
 * Goes through consecutive pages of one timeline. All that it takes and gives are bytes of WAL since its very beginning
 * (`bytesBefore`), not positions: these jump where the last segment of each 4 GB is never used.
 */
export class Walk {
  /** @param start of the first page */
  constructor(
    private readonly pages: Buffer,
    private readonly start: bigint,
    private readonly layout: WalLayout,
    private readonly format: WalFormat,
  ) {}

  /** The first record that begins in these pages: what goes on from before them is passed over. */
  firstRecord(): bigint | undefined {
    const page = BigInt(this.layout.page);
    for (let at = this.start; this.has(at); at += page) {
      if ((this.flags(at) & continued) === 0) return this.skipHeader(at);
      const [behind, left] = this.continuation(at) ?? [];
      if (behind === undefined || left === undefined) return undefined;
      if (behind + left <= at + page) return this.begin(aligned(behind + left));
    }
    return undefined;
  }

  /** Where a record begins that follows at a place: at the beginning of a page, behind its header. */
  begin(at: bigint): bigint | undefined {
    const page = BigInt(this.layout.page);
    const over = at % page;
    if (over === 0n) return this.skipHeader(at);
    const fits = this.format.splitsHeaders || page - over >= BigInt(this.format.record.length);
    return fits ? at : this.skipHeader(at - over + page);
  }

  /** The bytes of a record and where it ends; undefined where it is not all there. */
  record(at: bigint): { bytes: Buffer; end: bigint } | "overwritten" | undefined {
    const { record } = this.format;
    const page = BigInt(this.layout.page);
    let from = at;
    const offset = this.offset(from);
    if (offset + record.total + 4 > this.pages.length) return undefined;
    const length = this.pages.readUInt32LE(offset + record.total);
    if (length < record.length) return undefined;
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
      if (!this.has(from)) return undefined;
      if ((this.flags(from) & overwritten) !== 0) return "overwritten";
      if ((this.flags(from) & continued) === 0) return undefined;
      const [behind, rest] = this.continuation(from) ?? [];
      if (behind === undefined || rest !== BigInt(left)) return undefined;
      from = behind;
    }
  }

  /** So many bytes from a place on, without the headers of the pages that they reach into; undefined where they are not all there. */
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
      const [behind] = this.continuation(from + BigInt(taken)) ?? [];
      if (behind === undefined) return undefined;
      from = behind;
    }
  }

  /** The first record of the page after that of a place, and the pages after it. */
  afterPage(at: bigint): bigint | undefined {
    const page = BigInt(this.layout.page);
    let next = nextMultiple(at + 1n, page);
    while (this.has(next) && (this.flags(next) & overwritten) === 0) next += page;
    return this.has(next) ? next : undefined;
  }

  /** Behind the header of the page that begins here; undefined where there is no such page. */
  private skipHeader(at: bigint): bigint | undefined {
    return this.has(at) ? at + BigInt(this.headerLength(at)) : undefined;
  }

  /** Where a record goes on that reaches into this page, and how much of it is left; undefined where there is no such page. */
  private continuation(at: bigint): readonly [behind: bigint, left: bigint] | undefined {
    if (!this.has(at)) return undefined;
    const length = this.headerLength(at);
    const { rest } = this.format.page;
    const restAt = this.offset(at) + (rest ?? length);
    if (restAt + restLength > this.pages.length) return undefined;
    return [at + BigInt(length + (rest === undefined ? restLength : 0)), BigInt(this.pages.readUInt32LE(restAt))];
  }

  private headerLength(at: bigint): number {
    const { short, long } = this.format.page;
    return (this.flags(at) & longHeader) === 0 ? short : long;
  }

  private has(at: bigint): boolean {
    if (at < this.start) return false;
    return isPageOf(this.format, this.pages, this.offset(at), positionAfter(at, this.layout.segment, this.format));
  }

  private flags(at: bigint): number {
    return this.pages.readUInt16LE(this.offset(at) + 2);
  }

  private offset(at: bigint): number {
    return Number(at - this.start);
  }
}

/** @param start position of the first page */
export function walkFrom(pages: Buffer, start: bigint, layout: WalLayout, format: WalFormat): Walk {
  return new Walk(pages, bytesBefore(start, layout.segment, format), layout, format);
}

/** MAXALIGN */
function aligned(place: bigint): bigint {
  return nextMultiple(place, 8n);
}

export function nextMultiple(place: bigint, of: bigint): bigint {
  return ((place + of - 1n) / of) * of;
}
