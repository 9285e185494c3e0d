import type { Server } from "../../config/site.js";
import type { Host } from "../../hosts/host.js";
import { type CopyProgress, noProgress } from "../baseBackup/progress.js";
import type { Client } from "./clients.js";
import { type DumpPlace, feed, notedSum, sizeOf } from "./place.js";
import { DumpRefused } from "./refused.js";

/** Of one file. */
const sumOfFile = 'sha256sum -- "$1" | cut -c 1-64';

/** By name; of a dump in directory format. */
export const sumsOfFolder =
  'cd -- "$1" && find . -type f | LC_ALL=C sort | while IFS= read -r file; do sha256sum -- "$file" || exit; done';

/** Longest time of one reading, in milliseconds. */
const reading = 24 * 3_600_000;

/**
 * Reads a dump whole, by a pg_restore that writes nothing anywhere: its list alone (`pg_restore -l`) says nothing of what comes after
 * it. What it was written with tells what a dump without compression does not: a byte that was changed.
 * @throws DumpRefused
 */
export async function readWhole(options: {
  readonly place: DumpPlace;
  /** The path as it is called for people. @default its own */
  readonly called?: string;
  /** The server's, where pg_restore runs. */
  readonly host: Host;
  readonly server: Pick<Server, "controlDirectory">;
  readonly pgRestore: Client;
  /** @default what is noted beside it, if anything is */
  readonly wanted?: string;
  readonly progress?: CopyProgress;
  readonly signal: AbortSignal;
}): Promise<{ readonly sum: string | undefined; readonly bytes: number }> {
  const { place, called = place.path, host, pgRestore, progress = noProgress, signal } = options;
  const wanted = options.wanted ?? (await notedSum(place));
  const argv = [pgRestore.path, "-f", "/dev/null"];
  const bytes = await sizeOf(place);
  if (place.host === undefined) {
    progress.start(bytes, 0);
    const read = await feed(place.path, { host, argv, env: {}, signal }, progress.advance).finally(() =>
      progress.end(),
    );
    if (read.code !== 0) throw new DumpRefused({ code: "unreadable", path: called, said: last(read.stderr) });
    compare(called, wanted, read.sum);
    return { sum: read.sum, bytes };
  }
  const isFolder = (await place.host.stat(place.path))?.type === "directory";
  const { code, stderr } = await place.host.run([...argv, place.path], { timeout: reading, signal });
  signal.throwIfAborted();
  if (code !== 0) throw new DumpRefused({ code: "unreadable", path: called, said: last(stderr) });
  if (isFolder) return { sum: undefined, bytes };
  const { stdout } = await place.host.run(["sh", "-c", sumOfFile, "sh", place.path], { timeout: reading, signal });
  compare(called, wanted, stdout.trim());
  return { sum: stdout.trim(), bytes };
}

function compare(path: string, wanted: string | undefined, is: string): void {
  if (wanted !== undefined && wanted !== is) throw new DumpRefused({ code: "checksum", path, wanted, is });
}

/** What a program said last. */
export function last(text: string): string {
  return text.trim().split("\n").at(-1) ?? "";
}
