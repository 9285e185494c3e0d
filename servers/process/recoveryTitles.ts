import type { Server } from "../../config/site.js";
import type { Host } from "../../hosts/host.js";
import { bytesOfLsn, lsnOf } from "../sql/sql.js";
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

/** A walsender, by its title: all that is known of it before pg_stat_replication, which came with 9.1. */
export interface SenderTitle {
  /** Where its standby connects from, as the server writes it: a host name with log_hostname. */
  readonly from: string;
  readonly port: number;
  /** How far it has sent. */
  readonly sent: string;
}

/**
 * Whole titles: that of a session, also of one that waits for its password, has names in it that a client chose, but also its
 * address behind them. What is before a colon is cluster_name.
 */
const receiving = /^postgres: (?:.*: )?wal ?receiver(?: process)? +streaming ([0-9A-F]{1,8}\/[0-9A-F]{1,8}) *$/m;
const replaying = /^postgres: (?:.*: )?startup(?: process)? +(?:recovering|waiting for) ([0-9A-F]{24})( waiting)? *$/m;

/** What a walsender does comes last, behind the names that its client chose, and is the server's own word. */
const sending =
  /^postgres: (?:.*: )?wal ?sender(?: process)? .* (\S+)\((\d{1,5})\) streaming ([0-9A-F]{1,8}\/[0-9A-F]{1,8}) *$/;

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
  return state.kind === "running" ? recoveryIn(await titlesBelow(host, server.dataDirectory, state.pid)) : {};
}

/** Of titles that were read. */
export function recoveryIn(lines: readonly string[]): RecoveryTitles {
  const titles = lines.join("\n");
  const receiver = receiving.exec(titles)?.[1];
  const [, recovering, waits] = replaying.exec(titles) ?? [];
  return {
    ...(receiver === undefined ? {} : { receiver }),
    ...(recovering === undefined ? {} : { recovering }),
    ...(waits === undefined ? {} : { waits: true as const }),
  };
}

/** Walsenders that stream. */
export function sendersIn(lines: readonly string[]): readonly SenderTitle[] {
  return lines.flatMap((line) => {
    const [, from, port, sent] = sending.exec(line) ?? [];
    return from === undefined || sent === undefined ? [] : [{ from, port: Number(port), sent }];
  });
}

/** Bytes of a segment of WAL, as long as that was decided when a server was built (until 10). */
const segmentSize = 16 * 1024 * 1024;

/**
 * How far a server that streams has replayed at least: where it works on the segment that it receives, all that it has received,
 * for it replays what comes at once; else up to the segment that it works on.
 */
export function replayedBy({ receiver, recovering }: RecoveryTitles): string | undefined {
  if (receiver === undefined || recovering === undefined) return undefined;
  const [, log = "", segment = ""] = /^.{8}(.{8})(.{8})$/.exec(recovering) ?? [];
  const start = (BigInt(`0x${log}`) << 32n) + BigInt(`0x${segment}`) * BigInt(segmentSize);
  // What ends where the segment does is all of it.
  const isThere = bytesOfLsn(receiver) >= start && bytesOfLsn(receiver) <= start + BigInt(segmentSize);
  return isThere ? receiver : lsnOf(start);
}
