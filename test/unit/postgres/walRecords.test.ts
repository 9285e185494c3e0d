import { describe, expect, it } from "vitest";
import { isPage, layoutOf } from "../../../postgres/wal/pages.js";
import { endOfRecords, isWholeRecord, recordAt } from "../../../postgres/wal/records.js";

const layout = { segment: 64 * 1024, page: 8192 };
const start = 5n * BigInt(layout.segment);

/** Writes WAL as a server of 10 and later does: records one after the other, with a header before each page. */
class Wal {
  readonly bytes = Buffer.alloc(2 * layout.segment);
  #at = start;
  #previous = start - 64n;

  /** Behind what was written. */
  get end(): bigint {
    return this.#at;
  }

  /** @param data bytes after the header @param info XLOG_SWITCH is 0x40, of the first resource manager */
  write(data: number, info = 0, manager = 10): this {
    const record = Buffer.alloc(24 + data, 7);
    record.writeUInt32LE(record.length, 0);
    record.writeBigUInt64LE(this.#previous, 8);
    record[16] = info;
    record[17] = manager;
    record.writeUInt32LE(checksum(Buffer.concat([record.subarray(24), record.subarray(0, 20)])), 20);
    this.#page(0);
    this.#previous = this.#at;
    for (let written = 0; written < record.length; ) {
      this.#page(record.length - written);
      const room = layout.page - Number(this.#at % BigInt(layout.page));
      const part = record.subarray(written, written + room);
      part.copy(this.bytes, this.#offset());
      written += part.length;
      this.#at += BigInt(part.length);
    }
    this.#at = ((this.#at + 7n) / 8n) * 8n;
    return this;
  }

  /** The rest of the segment stays empty. */
  switch(): this {
    this.write(0, 0x40, 0);
    const segment = BigInt(layout.segment);
    this.#at = ((this.#at + segment - 1n) / segment) * segment;
    return this;
  }

  #page(left: number): void {
    if (this.#at % BigInt(layout.page) !== 0n) return;
    const isFirst = this.#at % BigInt(layout.segment) === 0n;
    const isRest = left > 0 && this.#previous !== this.#at && this.#at !== start;
    const at = this.#offset();
    this.bytes.writeUInt16LE(0xd110, at);
    this.bytes.writeUInt16LE((isRest ? 1 : 0) | (isFirst ? 2 : 0), at + 2);
    this.bytes.writeBigUInt64LE(this.#at, at + 8);
    this.bytes.writeUInt32LE(isRest ? left : 0, at + 16);
    if (isFirst) this.bytes.writeUInt32LE(layout.segment, at + 32);
    if (isFirst) this.bytes.writeUInt32LE(layout.page, at + 36);
    this.#at += isFirst ? 40n : 24n;
  }

  #offset(): number {
    return Number(this.#at - start);
  }
}

/** CRC-32C, bit by bit. */
function checksum(bytes: Buffer): number {
  let value = 0xffffffff;
  for (const byte of bytes) {
    value ^= byte;
    for (let bit = 0; bit < 8; bit++) value = (value & 1) === 0 ? value >>> 1 : (value >>> 1) ^ 0x82f63b78;
  }
  return (value ^ 0xffffffff) >>> 0;
}

const endIn = (wal: Wal, from = 0) => endOfRecords(wal.bytes.subarray(from), start + BigInt(from), layout, "15");

describe("a record at a position", () => {
  const wal = new Wal().write(100);
  const at = wal.end;
  wal.write(20_000).write(50);
  const isWhole = (bytes: Buffer, position = at) => isWholeRecord(bytes, start, position, layout, "15");

  it("is whole where all of it is there, over pages too", () => {
    expect(isWhole(wal.bytes)).toBe(true);
  });

  it("is none where its beginning alone was received, or other bytes than were written", () => {
    for (const left of [24, 8000, 16_000]) {
      const cut = Buffer.from(wal.bytes);
      cut.fill(0, Number(at - start) + left);
      expect(isWhole(cut)).toBe(false);
      expect(isWhole(cut.subarray(0, Number(at - start) + left))).toBe(false);
    }
    const torn = Buffer.from(wal.bytes);
    torn[Number(at - start) + 4000] = 8;
    expect(isWhole(torn)).toBe(false);
  });

  it("says how long it is and what comes before it, wherever in a page it begins: its header may go on in the next", () => {
    for (let left = 8; left <= 64; left += 8) {
      const before = start + 40n;
      const at = start + BigInt(layout.page - left);
      const { bytes } = new Wal().write(layout.page - left - 64).write(300);
      expect(recordAt(bytes, start, at, layout, "18")).toEqual({ length: 324, previous: before });
      expect(isWholeRecord(bytes, start, at, layout, "18")).toBe(true);
      // What was received ends with the page.
      const cut = Buffer.from(bytes).fill(0, layout.page);
      expect(recordAt(cut, start, at, layout, "18")?.previous).toBe(left < 24 ? undefined : before);
      expect(isWholeRecord(cut, start, at, layout, "18")).toBe(false);
    }
    expect(recordAt(Buffer.alloc(layout.page), start, start + 40n, layout, "18")).toBeUndefined();
  });

  it("does not begin in the middle of another", () => {
    expect(isWhole(wal.bytes, at + 8n)).toBe(false);
  });
});

describe("where the WAL ends", () => {
  it("is behind its last whole record, also one that goes on over pages", () => {
    const wal = new Wal().write(100).write(3).write(20_000).write(50);
    expect(endIn(wal)).toBe(wal.end);
  });

  it("is found from any page on: what began before it is passed over", () => {
    const wal = new Wal().write(100).write(20_000).write(50);
    expect(endIn(wal, layout.page)).toBe(wal.end);
    expect(endIn(wal, 2 * layout.page)).toBe(wal.end);
  });

  it("is before a record of which a part is missing, or was received in pieces", () => {
    const wal = new Wal().write(100);
    const { end } = wal;
    wal.write(20_000);
    const cut = Buffer.from(wal.bytes);
    cut.fill(0, 2 * layout.page);
    expect(endOfRecords(cut, start, layout, "15")).toBe(end);
    const torn = Buffer.from(wal.bytes);
    torn.fill(0, layout.page + 100, layout.page + 200);
    expect(endOfRecords(torn, start, layout, "15")).toBe(end);
  });

  it("is before what a reused segment has behind it", () => {
    const old = new Wal().write(40).write(40).write(40);
    const wal = new Wal().write(100);
    old.bytes.copy(wal.bytes, Number(wal.end - start), Number(wal.end - start));
    expect(endIn(wal)).toBe(wal.end);
  });

  it("is at the end of a segment that was switched away from, and goes on in the next", () => {
    const wal = new Wal().write(100).switch();
    expect(endIn(wal)).toBe(start + BigInt(layout.segment));
    wal.write(30);
    expect(endIn(wal)).toBe(wal.end);
  });

  it("is not known where no record begins", () => {
    expect(endOfRecords(Buffer.alloc(layout.page), start, layout, "15")).toBeUndefined();
    const wal = new Wal().write(60_000);
    expect(endOfRecords(wal.bytes.subarray(layout.page, 3 * layout.page), start + 8192n, layout, "15")).toBeUndefined();
  });
});

describe("a page", () => {
  it("is one of its position, or of an older use of its segment", () => {
    const { bytes } = new Wal().write(10);
    expect(isPage(bytes, 0, start, "15")).toBe(true);
    expect(isPage(bytes, 0, start + BigInt(layout.segment), "15")).toBe(false);
    expect(layoutOf(bytes, start, "15")).toEqual(layout);
    expect(layoutOf(bytes, 0n, "15")).toBeUndefined();
    expect(layoutOf(Buffer.alloc(64), 0n, "15")).toBeUndefined();
  });
});
