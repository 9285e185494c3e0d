import type { Failover, Loss } from "../../postgres/rollout/model.js";
import type { Received, StreamEnd } from "../../postgres/wal/received.js";

/** Sentences about what standbys have received of their primary's WAL, and what a failover loses. */

/** What a failover loses, as far as anybody knows. */
export function lossInWords({ from, to }: Failover, loss: Loss): string {
  const { received } = loss;
  if (received === undefined) return `nothing tells what ${to} has received; what ${from} wrote after that is lost`;
  const ended = `it received ${receivedInWords(received)}, and ${streamInWords(received.stream, from)}`;
  if (received.stream.kind === "finished") return `${ended}; what it wrote if it was started again after that is lost`;
  return `${ended}; what ${from} wrote after that is lost, ${knownInWords({ from, to }, received, loss)}`;
}

function knownInWords({ from, to }: Failover, received: Received, { ahead, others }: Loss): string {
  if (ahead.length > 0) {
    const them = ahead.map(({ server, received: more }) => `${server} ${aheadInWords(more, received)}`).join(", ");
    const names = ahead.map(({ server }) => server).join(", ");
    return `up to what others received (${them}) at least; ${names} then ${ahead.length === 1 ? "rejoins" : "rejoin"} ${to}, and what is more there is kept aside`;
  }
  return others.length === 0
    ? `and nobody but ${from} knows what that is`
    : `of which ${others.join(", ")} received nothing either`;
}

/** What one that is ahead of another received. */
export function aheadInWords(received: Received, beside: Received): string {
  const words = `received ${receivedInWords(received)}`;
  return received.timeline === beside.timeline ? words : `${words}, on timeline ${received.timeline}`;
}

/** How the stream ended that came from a lost server. */
export function streamInWords({ kind, because }: StreamEnd, from: string): string {
  const said = because === undefined ? "" : ` (its log says "${because}")`;
  switch (kind) {
    case "open":
    case "fed":
    case "answered":
      return `its stream is open still, while nothing more comes`;
    case "broken":
      return "its stream ended with the primary";
    case "finished":
      return `${from} was shut down and had sent it everything`;
    case "early":
      return `its stream had ended before, while ${from} lived on${said}`;
    case "mute":
      return `nothing tells how its stream ended: with log_line_prefix '${because}' its log does not tell its own lines from those that clients can write`;
    case "unknown":
      return `nothing tells how its stream ended${said}`;
  }
}

const day = 86_400_000;

/** `up to 0/5000060 at 14:02:11 UTC, 35 s ago` */
export function receivedInWords({ lsn, at, ago }: Received): string {
  const [date = "", time = ""] = at.slice(0, 19).split("T");
  return `up to ${lsn} at ${ago < day ? "" : `${date} `}${time} UTC, ${agoInWords(ago)} ago`;
}

function agoInWords(ago: number): string {
  const seconds = Math.round(ago / 1000);
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 120) return `${minutes} min`;
  const hours = Math.round(minutes / 60);
  return hours < 48 ? `${hours} h` : `${Math.round(hours / 24)} days`;
}
