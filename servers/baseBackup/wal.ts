import { join } from "node:path";
import type { KnownServer } from "../../config/site.js";
import type { Host } from "../../hosts/host.js";
import { namesOf } from "../sql/versions.js";
import { isHistory, segmentsBetween } from "../wal/walSegments.js";
import type { RunningBackup } from "./backupSession.js";
import type { Copier } from "./copiers.js";
import { onNames } from "./copyTree.js";

/**
 * Copies the WAL from the backup's start to its stop, so that the copy becomes consistent without its upstream, and
 * marks it as archived, so that it is not archived again after a promotion (as pg_basebackup does).
 * @throws where a segment is gone already, with the remedy
 */
export async function copyWal(options: {
  readonly source: Host;
  readonly from: string;
  readonly target: Host;
  readonly server: KnownServer;
  readonly backup: RunningBackup;
  readonly copier: Copier;
  readonly first: string;
  readonly last: string;
  readonly signal: AbortSignal;
}): Promise<void> {
  const { source, target, server, backup, copier, first, last, signal } = options;
  const directory = namesOf(server.version).walDirectory;
  const from = join(options.from, directory);
  const to = join(server.dataDirectory, directory);
  await target.makeDirectory(join(to, "archive_status"));
  const segments = segmentsBetween(first, last, backup.facts.segmentSize, backup.facts.version);
  const histories = ((await source.list(from)) ?? []).filter(isHistory);
  const names = [...histories, ...segments];
  const step = copier.atOnce ? names.length : 4;
  for (let index = 0; index < names.length; index += step) {
    await copier.copy(from, to, names.slice(index, index + step), signal);
  }
  await refuseRecycled(source, from, segments, "on the source, or free a replication slot");
  const done = names.map((name) => `${name}.done`);
  await onNames(target, server, ["touch", "--"], join(to, "archive_status"), done, signal);
}

/**
 * Looked at after a copy: a segment that was recycled while it was read no longer has its name.
 * @param folder of the WAL @param remedy beside larger wal_keep_segments, and where
 */
export async function refuseRecycled(
  source: Host,
  folder: string,
  segments: readonly string[],
  remedy: string,
): Promise<void> {
  const present = new Set(await source.list(folder));
  const gone = segments.filter((name) => !present.has(name));
  if (gone.length === 0) return;
  const more = gone.length > 1 ? ` and ${gone.length - 1} more` : "";
  throw new Error(
    `WAL of the time of the copy is gone already (${gone[0]}${more}): raise wal_keep_segments (wal_keep_size) ${remedy}, and run again`,
  );
}
