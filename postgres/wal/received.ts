/**
 * What a standby has of its primary's WAL, and how the stream that brought it ended: what a failover is judged by. Where
 * two servers are compared, timelines count before positions.
 */

export interface Received {
  readonly timeline: number;
  /** Where its last whole record ends: from there it goes on when it is promoted. `0/5000060` */
  readonly lsn: string;
  /** When it last received any, by its host's clock: `2026-11-21T14:02:11.000Z`. */
  readonly at: string;
  /** How long ago that was, in milliseconds, by the same clock. */
  readonly ago: number;
  readonly stream: StreamEnd;
}

/**
 * `open`: its walreceiver streams still, as far as it knows (a host that lost its power says nothing); `fed`: and goes on
 * receiving; `answered`: and nothing comes, but a server answers where the stream comes from; `broken`: the primary's end closed it, or fell silent; `finished`: the primary sent all of its WAL and shut
 * down, and may have started again; `early`: the primary is known to have lived on without it; `mute`: its log does not tell
 * its own lines from those that clients can write; `unknown`: nothing tells.
 */
export interface StreamEnd {
  readonly kind: "open" | "fed" | "answered" | "broken" | "finished" | "early" | "mute" | "unknown";
  /** The line of its log that says so; of `mute`, its log_line_prefix. */
  readonly because?: string;
}

/** What `installed/runbook/stream.awk` says of a log. */
export function streamEnd(judged: string): StreamEnd {
  const [word = "", because = ""] = judged.trimEnd().split("\t");
  // A stream that began last, and of whose end nothing is said, while there is no walreceiver any more.
  const kind = ends.find((known) => known === word) ?? "unknown";
  return because === "" || word === "open" ? { kind } : { kind, because };
}

const ends = ["broken", "finished", "early"] as const;

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
