/**
 * What pgsite reads from global/pg_control (`ControlFileData` of pg_control.h, little-endian, the same on every 64-bit
 * platform): pg_controldata is not in every package, and over SQL a stopped server answers nothing.
 */
import { atLeast, type Major } from "../versions.js";

/** As many bytes of the file as its data ever take: PG_CONTROL_MAX_SAFE_SIZE, one sector. */
export const controlLength = 512;

/** `DBState`: shut down in recovery, in archive recovery. */
const recoveryStates = new Set([2, 5]);
/** Shut down, shutting down, in production. */
const primaryStates = new Set([1, 3, 6]);

/** What its server is or was last, where the control file says so. */
export function recordedRole(control: Buffer): "recovery" | "primary" | undefined {
  if (control.length < 20) return undefined;
  const state = control.readInt32LE(16);
  return recoveryStates.has(state) ? "recovery" : primaryStates.has(state) ? "primary" : undefined;
}

/** Whether its server was a primary that was shut down: the last checkpoint is then the end of its WAL. */
export function wasShutDown(control: Buffer): boolean {
  return control.length >= 20 && control.readInt32LE(16) === 1;
}

/** Whether its server was shut down, as a primary or in recovery: nothing waits to be recovered from its WAL. */
export function isAtRest(control: Buffer): boolean {
  return control.length >= 20 && [1, 2].includes(control.readInt32LE(16));
}

/** Where minRecoveryPoint is, which minRecoveryPointTLI follows: behind checkPointCopy, which has grown, and unloggedLSN. */
const minimumAt: readonly { readonly from: Major; readonly at: number }[] = [
  { from: "12", at: 136 },
  { from: "11", at: 128 },
  { from: "9.5", at: 136 },
  { from: "9.3", at: 128 },
];

/**
 * How far a standby's data are for certain: the place, and its timeline, up to which it has to recover at least whatever happens.
 * pg_rewind writes there where its source was. Undefined for what is no standby, and where the file does not say it.
 */
export function minimumReached(
  version: Major,
  control: Buffer,
): { readonly position: bigint; readonly timeline: number } | undefined {
  const { at } = minimumAt.find(({ from }) => atLeast(version, from)) ?? {};
  if (at === undefined || control.length < at + 12 || recordedRole(control) !== "recovery") return undefined;
  const timeline = control.readUInt32LE(at + 8);
  return timeline === 0 ? undefined : { position: control.readBigUInt64LE(at), timeline };
}

/** In the order of the file, which has them one after the other. */
const recorded: readonly { readonly name: string; readonly from: Major }[] = [
  { name: "max_connections", from: "9.0" },
  { name: "max_worker_processes", from: "9.4" },
  { name: "max_wal_senders", from: "12" },
  { name: "max_prepared_transactions", from: "9.0" },
  { name: "max_locks_per_transaction", from: "9.0" },
];

/**
 * The primary's values that a standby needs at least to start hot (CheckRequiredParameterValues of xlogrecovery.c): as of
 * the last change that it has replayed; of a base backup, those of its source. They lie before `track_commit_timestamp`
 * (9.5 and later), `maxAlign` and `floatFormat`, and the last two are known values, by which they are found in any version.
 * Undefined where these are not there.
 */
export function recordedFloors(version: Major, control: Buffer): Readonly<Record<string, number>> | undefined {
  const places = placesIn(version, control);
  if (places === undefined) return undefined;
  const { names, first } = places;
  return Object.fromEntries(names.map((name, index) => [name, control.readInt32LE(first + index * 4)]));
}

/**
 * Whether the WAL tells of every page that changed, hint bits too, as pg_rewind needs it: by data checksums, or by
 * wal_log_hints as of the last start. 9.5 and later.
 */
export function logsHints(version: Major, control: Buffer): boolean {
  const places = placesIn(version, control);
  if (places === undefined || !atLeast(version, "9.5")) return false;
  // wal_log_hints, a byte in a word of its own, comes right before the floors; eight lengths and at most three bytes come
  // between floatFormat and data_checksum_version.
  const checksums = control.readUInt32LE(places.formatAt + 8 + 8 * 4 + 4);
  return control[places.first - 4] === 1 || checksums === 1;
}

/** Where things are behind `floatFormat`: lengths of four bytes, of which 9.4 has one more, then flags, then data_checksum_version. */
const lengths: readonly { readonly from: Major; readonly checksums?: number }[] = [
  { from: "9.4", checksums: 8 * 4 + 4 },
  { from: "9.3", checksums: 7 * 4 + 4 },
  { from: "9.0" },
];
const segmentSizeAt = 3 * 4;

/** Bytes of a WAL segment; undefined where the file is not whole. */
export function walSegmentSize(version: Major, control: Buffer): number | undefined {
  const places = placesIn(version, control);
  return places === undefined ? undefined : control.readUInt32LE(places.formatAt + 8 + segmentSizeAt);
}

/** Whether pages have checksums (9.3 and later); undefined where the file is not whole. */
export function hasChecksums(version: Major, control: Buffer): boolean | undefined {
  const places = placesIn(version, control);
  if (places === undefined) return undefined;
  const { checksums } = lengths.find(({ from }) => atLeast(version, from)) ?? {};
  return checksums !== undefined && control.readUInt32LE(places.formatAt + 8 + checksums) !== 0;
}

/** Where the floors begin, and `floatFormat`. */
function placesIn(version: Major, control: Buffer) {
  const format = Buffer.alloc(8);
  format.writeDoubleLE(1234567);
  const formatAt = control.indexOf(format);
  if (formatAt < 8) return undefined;
  const alignAt = [formatAt - 4, formatAt - 8].find((at) => control.readUInt32LE(at) === 8);
  if (alignAt === undefined) return undefined;
  const names = recorded.filter(({ from }) => atLeast(version, from)).map(({ name }) => name);
  return { names, first: alignAt - (atLeast(version, "9.5") ? 4 : 0) - names.length * 4, formatAt };
}

/** What a build of PostgreSQL must have in common with the one that made the data, as its control file says. */
export const buildFacts = [
  "pg_control_version",
  "catalog version",
  "alignment",
  "float format",
  "block size",
  "segment size",
  "WAL block size",
  "name length",
  "index columns",
  "TOAST chunk",
] as const;

export type BuildFacts = Readonly<Record<(typeof buildFacts)[number], number>>;

/** Undefined where the file does not have what tells where these are: another byte order, another float format. */
export function buildOf(version: Major, control: Buffer): BuildFacts | undefined {
  const places = placesIn(version, control);
  if (places === undefined || control.length < places.formatAt + 8 + 7 * 4) return undefined;
  // The segment size of WAL, the fourth, is a cluster's own from 11 on.
  const at = (index: number) => control.readUInt32LE(places.formatAt + 8 + index * 4);
  return {
    pg_control_version: control.readUInt32LE(8),
    "catalog version": control.readUInt32LE(12),
    alignment: 8,
    "float format": 1234567,
    "block size": at(0),
    "segment size": at(1),
    "WAL block size": at(2),
    "name length": at(4),
    "index columns": at(5),
    "TOAST chunk": at(6),
  };
}
