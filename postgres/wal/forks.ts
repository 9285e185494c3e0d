/** Where a timeline left the one before it. Until 9.2 a history file names the segment alone; the exact place is in the WAL. */
import type { Major } from "../versions.js";
import type { WalLayout } from "./pages.js";
import { recordsIn, type WalRecord } from "./records.js";

/** A timeline that another came from. */
export interface Fork {
  readonly timeline: number;
  /** Where the next one left it: both have what is before. Where `latest` is there, that is the earliest place that it can be. */
  readonly until: bigint;
  /** The last place that it can be; left out where `until` is the very place. */
  readonly latest?: bigint;
}

/** What a history file says of a timeline: where it was left, or until 9.2 in which segment. */
export type Left = { readonly timeline: number } & ({ readonly until: bigint } | { readonly segment: string });

/** Whether two may be one fork: what one knows exactly lies within what the other knows. */
export function maybeSame(one: Fork | undefined, other: Fork | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  const last = ({ until, latest }: Fork) => latest ?? until;
  return one.timeline === other.timeline && one.until <= last(other) && other.until <= last(one);
}

/** The same of what two timelines came from. @param incomplete whether the oldest may be left out of either */
export function maybeSamePast(one: readonly Fork[], other: readonly Fork[], incomplete = false): boolean {
  if (!incomplete && one.length !== other.length) return false;
  const length = Math.min(one.length, other.length);
  const newest = other.slice(other.length - length);
  return one.slice(one.length - length).every((fork, index) => maybeSame(fork, newest[index]));
}

/** XLOG_CHECKPOINT_SHUTDOWN of the first resource manager; CheckPoint begins with redo and ThisTimeLineID. */
function begins({ manager, kind, data }: WalRecord, timeline: number): boolean {
  return manager === 0 && kind === 0 && data.length >= 12 && data.readUInt32LE(8) === timeline;
}

/** Resource managers that clean up at the end of a recovery, before the checkpoint, by records of no transaction: B-tree, GIN, GiST, SP-GiST. */
const cleaners = new Set([11, 13, 14, 16]);

/**
 * Where a timeline begins, until 9.2: each promotion writes a checkpoint with the new number. What B-trees and the like left half
 * done is completed before it, and such records look like any other of theirs: where the last ones may be such, each place that
 * the beginning may be is given, the earliest first. Undefined where these pages do not have it.
 * @param start position of the first page @param isFirst whether the timeline is known to begin in these pages: then it may do so
 * with their first record
 */
export function beginningsIn(
  pages: Buffer,
  start: bigint,
  layout: WalLayout,
  version: Major,
  { timeline, isFirst }: { readonly timeline: number; readonly isFirst: boolean },
): readonly bigint[] | undefined {
  let found: bigint[] = [];
  for (const record of recordsIn(pages, start, layout, version)) {
    if (isFirst && found.length === 0) found = [record.at];
    if (begins(record, timeline)) return found.length === 0 ? undefined : found;
    const mayCleanUp = cleaners.has(record.manager) && record.transaction === 0;
    if (!mayCleanUp) found = [record.end];
    else if (found.length > 0) found.push(record.end);
  }
  return undefined;
}
