/**
 * What a standby has of its primary's WAL, and how the stream that brought it ended: what a failover is judged by. Where
 * two servers are compared, timelines count before positions.
 */

export interface Received {
  readonly timeline: number;
  /** Where its last whole record ends: from there it goes on when it is promoted. `0/5000060` */
  readonly lsn: string;
  /** When it last received any: milliseconds since 1970 by its host's clock. */
  readonly at: number;
  /** How long ago that was, in milliseconds, by the same clock. */
  readonly ago: number;
  readonly stream: StreamEnd;
}

/**
 * `open`: its walreceiver streams still, as far as it knows (a host that lost its power says nothing); `fed`: and goes on
 * receiving; `broken`: the primary's end closed it, or fell silent; `finished`: the primary sent all of its WAL and shut
 * down, and may have started again; `early`: the primary is known to have lived on without it; `unknown`: nothing tells.
 */
export interface StreamEnd {
  readonly kind: "open" | "fed" | "broken" | "finished" | "early" | "unknown";
  /** The line of its log that says so. */
  readonly because?: string;
}

/** Lines of a standby's log, of all versions, that tell when it streamed and how that ended (walreceiver.c, libpqwalreceiver.c). */
const began =
  /started streaming WAL from primary at|restarted WAL streaming at|streaming replication successfully connected to primary/;
const broke = /could not (receive data from|send data to) WAL stream|terminating walreceiver due to timeout/;
const finished = /replication terminated by primary server/;
const ownEnd =
  /terminating walreceiver process due to administrator command|received (fast|smart|immediate) shutdown request|interrupted while in recovery/;
/** It is up, or was a moment ago, and says neither that it lives nor that it writes. */
const inBetween =
  /FATAL: +the database system is (starting up|shutting down|in recovery mode|not (yet )?accepting connections)/;
/** An answer of a server that others may have written to. Its own error stands behind that of the connection. */
const answered =
  /could not connect to the primary server: .*FATAL: |requested WAL segment \S+ has already been removed|could not start WAL streaming: |primary server's |database system identifier differs|highest timeline \d+ of the primary is behind|no pg_hba\.conf entry|password authentication failed|is not permitted to log in|certificate verify failed/;

/** What of a log has to be looked at: an extended regular expression, for grep. Those who only try again in vain are not in it. */
export const tellingLines = [
  "started streaming WAL from primary|restarted WAL streaming at",
  "streaming replication successfully connected",
  "could not (receive|send) data (from|to) WAL stream",
  "terminating walreceiver",
  "replication terminated by primary server",
  "received (fast|smart|immediate) shutdown request",
  "interrupted while in recovery",
  "FATAL: .*FATAL: ",
  "FATAL: +the database system is",
  "requested WAL segment .* removed",
  "could not start WAL streaming",
  "primary server's ",
  "database system identifier differs",
  "highest timeline .* is behind",
  "no pg_hba.conf entry",
  "password authentication failed",
  "is not permitted to log in",
  "certificate verify failed",
].join("|");

/** @param lines of its log, oldest first @param streams whether its walreceiver is there and streams */
export function streamEnd(lines: readonly string[], streams: boolean): StreamEnd {
  if (streams) return { kind: "open" };
  const start = lines.findLastIndex((line) => began.test(line));
  const after = lines.slice(start + 1).filter((line) => !inBetween.test(line));
  const living = after.find((line) => answered.test(line));
  if (living !== undefined) return { kind: "early", because: plain(living) };
  const end = after.find((line) => finished.test(line) || broke.test(line) || ownEnd.test(line));
  if (end === undefined) return { kind: "unknown" };
  if (finished.test(end)) return { kind: "finished", because: plain(end) };
  return { kind: broke.test(end) ? "broken" : "early", because: plain(end) };
}

/** Without the time stamp and process number before it. */
function plain(line: string): string {
  const start = line.search(/(FATAL|ERROR|LOG): /);
  return (start < 0 ? line : line.slice(start)).replace(/\s+/g, " ").trim();
}

/** Which of two has more: below 0 where the first has less. */
export function compareReceived(one: Received, other: Received): number {
  if (one.timeline !== other.timeline) return one.timeline - other.timeline;
  const [left, right] = [positionOf(one), positionOf(other)];
  return left < right ? -1 : left > right ? 1 : 0;
}

/** Bytes of the WAL. */
function positionOf({ lsn }: Received): bigint {
  const [high = "0", low = "0"] = lsn.split("/");
  return (BigInt(`0x${high}`) << 32n) + BigInt(`0x${low}`);
}

const day = 86_400_000;

/** `up to 0/5000060 at 14:02:11 UTC, 35 s ago` */
export function receivedWords({ lsn, at, ago }: Received): string {
  const [date = "", time = ""] = new Date(at).toISOString().slice(0, 19).split("T");
  return `up to ${lsn} at ${ago < day ? "" : `${date} `}${time} UTC, ${agoWords(ago)} ago`;
}

function agoWords(ago: number): string {
  const seconds = Math.round(ago / 1000);
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 120) return `${minutes} min`;
  const hours = Math.round(minutes / 60);
  return hours < 48 ? `${hours} h` : `${Math.round(hours / 24)} days`;
}
