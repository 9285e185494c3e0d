import { createHash } from "node:crypto";
import { join } from "node:path";
import * as z from "zod";
import { archiveNames } from "../../config/controlDirectory.js";
import type { Host } from "../../hosts/host.js";
import { majorOf } from "../../postgres/versions.js";

export const compressors = ["zstd", "gzip", "none"] as const;
export type Compressor = (typeof compressors)[number];

/** The two tar files of an archive: the data; and, made after the backup has ended, WAL, label and control file. */
export const streams = ["base", "wal"] as const;
export type Stream = (typeof streams)[number];

const segment = z.string().regex(/^[0-9A-F]{24}$/);
const lsn = z.string().regex(/^[0-9A-F]{1,8}\/[0-9A-F]{1,8}$/);
const bytes = z.number().int().nonnegative();
const part = z.object({
  // A plain name: whoever carried the folder may have written another into it.
  name: z.string().regex(/^(base|wal)\.tar(\.zst|\.gz)?\.\d{4,}$/),
  size: bytes,
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});

/** Of a tablespace: a plain absolute path, whoever wrote it. */
const location = z
  .string()
  .regex(/^\/[^\0\r\n]*[^/\0\r\n]$/)
  .refine((path) =>
    path
      .split("/")
      .slice(1)
      .every((name) => !["", ".", ".."].includes(name)),
  );

function distinct(tablespaces: readonly { readonly oid: string; readonly location: string }[]): boolean {
  return (["oid", "location"] as const).every(
    (key) => new Set(tablespaces.map((one) => one[key])).size === tablespaces.length,
  );
}

/** What of a data directory's top belongs to one server beside what no copy has: private keys by their usual name, and what ALTER SYSTEM wrote. */
export function isOwn(path: string): boolean {
  return /^([^/]+\.key|postgresql\.auto\.conf)$/.test(path);
}

/** Whether these are all parts of a stream, from the first on, in order. */
export function isWhole(stream: Stream, parts: readonly { readonly name: string }[]): boolean {
  return (
    parts.length > 0 &&
    parts.every(({ name }, index) => name.startsWith(`${stream}.tar`) && Number(/\d+$/.exec(name)?.[0]) === index)
  );
}

const schema = z.object({
  format: z.literal(1),
  site: z.string(),
  /** The server that it was made of, and `Host.machine` of where that ran. */
  source: z.object({ server: z.string(), machine: z.string(), dataDirectory: z.string() }),
  /** When it was complete, ISO 8601. */
  created: z.string(),
  systemIdentifier: z.string().regex(/^\d+$/),
  /** The major version. */
  postgresql: z.string().refine((version) => majorOf(version) !== undefined),
  timeline: z.number().int().positive(),
  start: z.object({ lsn, segment }),
  /** The archive holds the WAL up to and including this segment, which is complete. */
  stop: z.object({ lsn, segment }),
  segmentSize: bytes,
  tablespaces: z.array(z.object({ oid: z.string().regex(/^\d+$/), location })).refine(distinct),
  /** The slot that keeps the WAL after `stop` on the server. */
  slot: z.string().optional(),
  /** Whether the files may be read by their group (initdb -g). */
  groupRead: z.boolean(),
  /** What was left out of the data directory, for readers. */
  excluded: z.array(z.string()),
  /** Bytes of all files on a disk. */
  unpacked: bytes,
  compressor: z.enum(compressors),
  parts: z.object({
    base: z.array(part).refine((parts) => isWhole("base", parts)),
    wal: z.array(part).refine((parts) => isWhole("wal", parts)),
  }),
});

/** What an archive is, and is made of: parts of a stream are one tar file when put one after the other. */
export type Manifest = z.infer<typeof schema>;
export type Part = z.infer<typeof part>;

export function partsOf({ parts }: Pick<Manifest, "parts">): readonly Part[] {
  return streams.flatMap((stream) => parts[stream]);
}

export function renderManifest(manifest: Manifest): string {
  return `${JSON.stringify(manifest, undefined, 2)}\n`;
}

/** An archive, or what is taken for one, cannot be used; nothing was touched. */
export class ArchiveRefused extends Error {
  constructor(reason: string) {
    super(`${reason}; nothing was touched`);
    this.name = "ArchiveRefused";
  }
}

export interface ReadManifest {
  readonly manifest: Manifest;
  /** SHA-256 of the file: what tells an archive from any other, also from one that somebody made to look like it. */
  readonly sha256: string;
}

/** @throws ArchiveRefused where the folder is no archive */
export async function readManifest(host: Host, folder: string): Promise<ReadManifest> {
  const where = `${folder} on ${host.name}`;
  const content = await host.readFile(join(folder, archiveNames.manifest));
  if (content === undefined) {
    const names = await host.list(folder);
    const why =
      names === undefined
        ? "does not exist"
        : names.includes(archiveNames.unfinished)
          ? "is not finished: pgsite archive create was cut off there, or still runs"
          : `has no ${archiveNames.manifest}`;
    throw new ArchiveRefused(`${where} ${why}: no archive`);
  }
  try {
    const manifest = schema.parse(JSON.parse(content.toString("utf8")));
    return { manifest, sha256: createHash("sha256").update(content).digest("hex") };
  } catch {
    throw new ArchiveRefused(
      `${join(folder, archiveNames.manifest)} on ${host.name} is not a manifest that this pgsite understands: carry the archive again, or use the pgsite that made it`,
    );
  }
}
