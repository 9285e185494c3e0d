import { join } from "node:path";
import type { Host } from "../hosts/host.js";
import { atLeast, type Major } from "../postgres/versions.js";
import { namesOf } from "./names.js";
import { page, segmentSize } from "./shutdownCheckpoint.js";
import { segmentAt } from "./walSegments.js";

/**
 * Whether a server's WAL of a timeline has a record that begins at a position, where another record ended: so also of a standby,
 * whose control file tells only of its last restart point. 9.3 and later. A segment that is used again has an old record
 * there, which follows upon one that is at least a segment away.
 */
export async function hasRecordAt(
  host: Host,
  dataDirectory: string,
  version: Major,
  { timeline, position }: { readonly timeline: number; readonly position: bigint },
): Promise<boolean> {
  const folder = join(dataDirectory, namesOf(version).walDirectory);
  const size = await segmentSize(host, folder);
  const start = position % BigInt(page.bytes) === 0n ? position + BigInt(headerAt(position, size)) : position;
  const path = join(folder, segmentAt(start, timeline, size));
  // XLogRecord: xl_tot_len, xl_xid, until 9.4 its length and kind, xl_prev.
  const previousAt = atLeast(version, "9.5") ? 8 : 16;
  const header = await host.readBytes(path, Number(start % BigInt(size)), previousAt + 8);
  if (header === undefined || header.length < previousAt + 8 || header.readUInt32LE(0) === 0) return false;
  const distance = position - header.readBigUInt64LE(previousAt);
  return distance > 0n && distance < BigInt(size);
}

function headerAt(position: bigint, size: number): number {
  return position % BigInt(size) === 0n ? page.firstHeader : page.header;
}
