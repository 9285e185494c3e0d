import { type Major, majorOf } from "../versions.js";

/** What an archive of pg_dump's says of itself in its first bytes. */
export interface ArchiveHeader {
  readonly format: "custom" | "directory" | "tar";
  /** The database that it is of. */
  readonly database: string;
  /** As its server said: `15.18 (Debian 15.18-0+deb12u1)`. */
  readonly server: string;
  /** Of the pg_dump that made it. */
  readonly dumper: string;
  /** By the clock of whoever made it. */
  readonly made: string;
}

/** As many bytes of an archive, or of a folder's `toc.dat`, as its header ever takes: two versions and a database's name. */
export const headerLength = 4096;

const formats = { 1: "custom", 3: "tar", 5: "directory" } as const;

/** Reads it (WriteHead of pg_backup_archiver.c, from 9.0's format 1.12 on). Undefined for what is no archive, or is cut off within. */
export function parseArchiveHeader(bytes: Buffer): ArchiveHeader | undefined {
  if (bytes.subarray(0, 5).toString("latin1") !== "PGDMP") return undefined;
  const reader = new Reader(bytes, 5);
  try {
    const [major, minor] = [reader.byte(), reader.byte()];
    // Its revision.
    reader.byte();
    if (major !== 1 || minor < 10) return undefined;
    reader.intSize = reader.byte();
    // The size of an offset.
    reader.byte();
    const format = formats[reader.byte() as keyof typeof formats];
    if (format === undefined || reader.intSize < 1 || reader.intSize > 8) return undefined;
    // How it is compressed.
    if (minor >= 15) reader.byte();
    else reader.int();
    const [second = 0, minute = 0, hour = 0, day = 0, month = 0, year = 0] = Array.from({ length: 7 }, () =>
      reader.int(),
    );
    const [database, server, dumper] = [reader.text(), reader.text(), reader.text()];
    const two = (number: number) => `${number}`.padStart(2, "0");
    const made = `${year + 1900}-${two(month + 1)}-${two(day)} ${two(hour)}:${two(minute)}:${two(second)}`;
    return { format, database, server, dumper, made };
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** The major version that a server needs at least to take it back: a newer pg_dump writes what an older server may not know. */
export function newestIn({ server, dumper }: Pick<ArchiveHeader, "server" | "dumper">): {
  readonly server: Major | undefined;
  readonly dumper: Major | undefined;
} {
  return { server: majorOf(server), dumper: majorOf(dumper) };
}

class Reader {
  intSize = 4;

  constructor(
    private readonly bytes: Buffer,
    private at: number,
  ) {}

  byte(): number {
    return this.bytes.readUInt8(this.at++);
  }

  /** A sign, and as many bytes as an integer had where it was made, the lowest first. */
  int(): number {
    const negative = this.byte() !== 0;
    let value = 0;
    for (let index = 0; index < this.intSize; index++) value += this.byte() * 256 ** index;
    return negative ? -value : value;
  }

  text(): string {
    const length = this.int();
    if (length < 0) return "";
    if (this.at + length > this.bytes.length) throw new RangeError("the header ends within a text");
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at).toString("utf8");
  }
}
