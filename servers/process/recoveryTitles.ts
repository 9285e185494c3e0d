import type { Server } from "../../config/site.js";
import type { Host } from "../../hosts/host.js";
import { type ProcessState, processState } from "./process.js";
import { titlesBelow } from "./titles.js";

/** What the processes of a server in recovery say in their titles: all that a warm standby tells. */
export interface RecoveryTitles {
  /** How far the walreceiver has received, where it streams. */
  readonly receiver?: string;
  /** The WAL segment that is being replayed. */
  readonly recovering?: string;
  /** Its replay waits for a query on it. */
  readonly waits?: true;
}

/**
 * Whole titles: that of a session, also of one that waits for its password, has names in it that a client chose, but also its
 * address behind them. What is before a colon is cluster_name.
 */
const receiving = /^postgres: (?:.*: )?wal ?receiver(?: process)? +streaming ([0-9A-F]{1,8}\/[0-9A-F]{1,8}) *$/m;
const replaying = /^postgres: (?:.*: )?startup(?: process)? +(?:recovering|waiting for) ([0-9A-F]{24})( waiting)? *$/m;

/**
 * Reads the titles from /proc; the words differ from version to version, the positions do not.
 * @param known its process, where that was just looked at @throws HostError where nobody can read them
 */
export async function recoveryTitles(
  host: Host,
  server: Pick<Server, "dataDirectory">,
  known?: ProcessState,
): Promise<RecoveryTitles> {
  const state = known ?? (await processState(host, server.dataDirectory));
  if (state.kind !== "running") return {};
  const titles = (await titlesBelow(host, server.dataDirectory, state.pid)).join("\n");
  const receiver = receiving.exec(titles)?.[1];
  const [, recovering, waits] = replaying.exec(titles) ?? [];
  return {
    ...(receiver === undefined ? {} : { receiver }),
    ...(recovering === undefined ? {} : { recovering }),
    ...(waits === undefined ? {} : { waits: true as const }),
  };
}
