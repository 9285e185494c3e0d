import { join } from "node:path";
import { namesOf } from "../sql/versions.js";
import { countWhile } from "../wal/halving.js";
import { endOfWal, hasWal, segmentSize } from "../wal/shutdownCheckpoint.js";
import { isSegment, startOf, timelineOf } from "../wal/walSegments.js";
import type { Place } from "./standing.js";

/**
 * Two servers that take writes, or did, on one timeline: one of them was started without what makes it a standby, so that no
 * promotion gave it a timeline of its own, and no history file tells where they parted. Their WAL does.
 */

/** Whether a server that was shut down has nothing that the other has not: it follows that as it is. */
export async function isBeginningOf(own: Place, other: Place): Promise<boolean> {
  const end = await endOfWal(own.host, own.dataDirectory, own.version);
  return end !== undefined && (await hasWal(own, other, own.version, end));
}

/** The first byte of a timeline's WAL that is not the same; undefined where they have no segment in common that differs. */
export async function partsAt(own: Place, other: Place, timeline: number): Promise<bigint | undefined> {
  const folderOf = ({ dataDirectory, version }: Place) => join(dataDirectory, namesOf(version).walDirectory);
  const segmentsOf = async (place: Place) => (await place.host.list(folderOf(place))) ?? [];
  const [names, theirs] = await Promise.all([segmentsOf(own), segmentsOf(other)]);
  const common = names
    .filter((name) => isSegment(name) && timelineOf(name) === timeline && theirs.includes(name))
    .sort();
  const size = await segmentSize(own.host, folderOf(own));
  const isSame = (segment: string, bytes: number) => hasWal(own, other, own.version, [{ segment, bytes }]);
  const same = await countWhile(common.length, (index) => isSame(common[index] ?? "", size));
  const segment = common[same];
  if (segment === undefined) return undefined;
  return startOf(segment, size) + BigInt(await countWhile(size, (index) => isSame(segment, index + 1)));
}
