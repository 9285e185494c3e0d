import prettyBytes from "pretty-bytes";
import type { KnownServer } from "../../config/site.js";
import type { Host } from "../../hosts/host.js";
import { freeBytes } from "../data/freeSpace.js";
import type { CopyProgress } from "./progress.js";

/** Does a copy, and where the target's disk became full meanwhile, says so in one line instead of what a program said. */
export async function explaining<T>(
  host: Host,
  { dataDirectory }: KnownServer,
  progress: CopyProgress,
  act: (progress: CopyProgress) => Promise<T>,
): Promise<T> {
  let total = 0;
  let done = 0;
  const counted: CopyProgress = {
    start(all, already) {
      total = all;
      done = already;
      progress.start(all, already);
    },
    advance(bytes) {
      done += bytes;
      progress.advance(bytes);
    },
    end: () => progress.end(),
  };
  try {
    return await act(counted);
  } catch (error) {
    if (!(error instanceof Error) || !/No space left on device|Disk quota exceeded/.test(error.message)) throw error;
    const free = await freeBytes(host, dataDirectory).catch(() => undefined);
    const now = free === undefined ? "" : ` (${prettyBytes(free)} free now)`;
    throw new Error(
      `${dataDirectory} on ${host.name}: its disk became full after ${prettyBytes(done)} of ${prettyBytes(total)}${now}; make room and run again`,
      { cause: error },
    );
  }
}
