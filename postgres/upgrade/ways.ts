import { atLeast, type Major, majors } from "../versions.js";
import type { UpgradeFacts, Way } from "./model.js";

const mebibyte = 1024 * 1024;

/** What a way is by, and what it costs. */
interface WayRow {
  readonly by: "pg_upgrade" | "dump";
  readonly keepsRollback: boolean;
  /** The first version whose programs know it. */
  readonly from?: Major;
  /** Of the data's size, what it takes in space beside them. */
  readonly space: number;
  /** Bytes a second of the data while the server is stopped; undefined where their size does not matter. */
  readonly rate: ((facts: Pick<UpgradeFacts, "copyRate">, jobs: number) => number) | undefined;
}

/** A dump is read, sent, parsed and written again, and indexes are made: of one worker, by experience. */
const restoreRate = 20 * mebibyte;

const rows: Readonly<Record<Way, WayRow>> = {
  // Shared blocks take no space, and a new server's catalogues little.
  clone: { by: "pg_upgrade", keepsRollback: true, from: "12", space: 0.01, rate: undefined },
  // A tenth for what grows until then.
  copy: { by: "pg_upgrade", keepsRollback: true, space: 1.1, rate: ({ copyRate }) => copyRate },
  link: { by: "pg_upgrade", keepsRollback: false, space: 0.01, rate: undefined },
  dump: {
    by: "dump",
    keepsRollback: true,
    space: 1.1,
    rate: ({ copyRate }, jobs) => Math.min(copyRate, restoreRate * jobs),
  },
};

/** By which programs a way is gone. */
export function programsOf(way: Way): "pg_upgrade" | "dump" {
  return rows[way].by;
}

/** Whether the old data can be started again once the new server has run. */
export function keepsRollback(way: Way): boolean {
  return rows[way].keepsRollback;
}

/** Whether programs of a version know a way. */
export function isKnownAt(way: Way, to: Major): boolean {
  const { from } = rows[way];
  return from === undefined || atLeast(to, from);
}

/**
 * The oldest version that programs of a version take data from: pg_upgrade, and pg_dump, which dropped old servers together.
 * Newest first. (20 takes 10 and later.)
 */
const oldest: readonly { readonly to: Major; readonly takes: Major }[] = [
  { to: "15", takes: "9.2" },
  { to: "9.0", takes: "9.0" },
];

export function oldestFor(to: Major): Major {
  return oldest.find((row) => atLeast(to, row.to))?.takes ?? (majors[0] as Major);
}

/** What a new cluster takes by itself: its catalogues, the WAL that it begins with, and some to work in. */
function ownSpace(segmentSize: number): number {
  return 128 * mebibyte + 4 * segmentSize;
}

/** WAL that loading a dump leaves at most, in MB: the new server is filled with it as max_wal_size. */
export const fillingWal = 8192;

/** Bytes that a way takes beside the data as they are. */
export function spaceFor(way: Way, size: number, segmentSize: number): number {
  const wal = way === "dump" ? Math.min(size, fillingWal * mebibyte) : 0;
  return Math.ceil(size * rows[way].space + wal + ownSpace(segmentSize));
}

/** Bytes that a standby takes beside the data that are set aside: it is seeded anew whatever the way is. */
export function spaceForStandby(size: number, segmentSize: number): number {
  return Math.ceil(size + ownSpace(segmentSize));
}

/**
 * Seconds: a shutdown, whose checkpoint is made before, two starts and a proof; and for each database its catalogue. On two busy
 * cores an upgrade of two little databases was seen to take 6 to 7, whatever the way (test/proof/upgradeSaid.proof.ts).
 */
const always = 7;
const aDatabase = 1;

/** How long nobody is served, in seconds: an estimate. */
export function downtimeOf(way: Way, facts: Pick<UpgradeFacts, "cluster" | "copyRate">, jobs: number): number {
  const { dataSize, databases } = facts.cluster;
  const rate = rows[way].rate?.(facts, Math.max(1, jobs));
  // Rows that follow keep nobody waiting; their space is needed all the same.
  const later = databases.reduce((sum, { deferredSize = 0 }) => sum + (way === "dump" ? deferredSize : 0), 0);
  const moved = rate === undefined || rate <= 0 ? 0 : Math.max(0, dataSize - later) / rate;
  return Math.ceil(always + aDatabase * Math.max(1, databases.length) + moved);
}
