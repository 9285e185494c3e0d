import { atLeast } from "../versions.js";
import { compareReceived, type Received, receivedWords, type StreamEnd } from "../wal/received.js";
import type { ActualServer, Failover, LostServers } from "./model.js";
import { type Actual, type Desired, followsFrom, promoted, toPromote } from "./promotion.js";
import { refuseBelow } from "./refusals.js";

/**
 * What makes the declared primary the primary where the one that it followed, maybe by way of others, is declared lost:
 * nothing where it is the primary already, or another server of those that are left takes writes or was shut down as a
 * primary.
 */
export function failoverOf(actual: Actual, desired: Desired, lost: LostServers): Failover | undefined {
  const to = toPromote(actual, desired);
  if (to === undefined) return undefined;
  if (Object.keys(desired).some((name) => actual[name]?.data === true && !actual[name]?.inRecovery)) return undefined;
  const from = actual[headOf(to, actual)]?.follows;
  return from === undefined || lost[from] === undefined ? undefined : { from, to };
}

/** The server of those that are left by way of which a standby got what it has: itself, where it followed none of them. */
function headOf(name: string, actual: Actual): string {
  const seen = new Set([name]);
  for (const at of seen) {
    const next = actual[at]?.follows;
    if (next === undefined || actual[next] === undefined) return at;
    seen.add(next);
  }
  return name;
}

/** What a standby has received, and how the stream ended by which that came from the lost server. */
function receivedBy(name: string, actual: Actual): Received | undefined {
  const own = actual[name]?.received;
  const head = actual[headOf(name, actual)]?.received;
  return own === undefined || head === undefined ? own : { ...own, stream: head.stream };
}

/** Why a failover is not carried out as things are. Where the stack accepts it, what is known to be lost is lost. */
export function refuseFailover(
  { from, to }: Failover,
  actual: Actual,
  desired: Desired,
  lost: LostServers,
): readonly string[] {
  const [next, declared] = [actual[to], desired[to]];
  if (next === undefined || declared === undefined) return [];
  const begun = `the failover from ${from} to ${to}`;
  const found: string[] = [];
  for (const name of Object.keys(desired).sort()) {
    const why = actual[name]?.unreachable;
    if (why !== undefined) found.push(`${begun}: ${why}: bring it back, or declare servers.${name}.lost: true too`);
  }
  if (!next.running) found.push(`${begun}: ${to} is stopped: bring it up first (pgsite start ${to}), and run again`);
  const received = receivedBy(to, actual);
  if (received?.stream.kind === "fed") {
    found.push(
      `${begun}: ${to} goes on receiving WAL, so ${from} lives: shut it down where it runs, or take lost away, and it is a switchover`,
    );
  }
  found.push(...refuseBelow(begun, to, actual, desired));
  if (lost[from]?.acceptDataLoss === true) return found;
  const accept = `what is lost then must be accepted: servers.${from}.acceptDataLoss: true`;
  if (received === undefined) return [...found, `${begun}: nothing tells what ${to} has received; ${accept}`];
  const [ahead] = moreAdvanced(to, actual);
  if (ahead !== undefined) {
    found.push(
      `${begun}: ${to} received ${receivedWords(received)}, and ${ahead.name} ${positionIn(ahead.received, received)}: declare ${ahead.name} as the primary; with ${to}, ${accept}, and ${ahead.name} would rejoin it, with what it alone has kept aside`,
    );
  }
  if (["early", "mute", "unknown"].includes(received.stream.kind)) {
    found.push(
      `${begun}: ${to} received ${receivedWords(received)}, and ${endWords(received.stream, from)}; ${accept}`,
    );
  }
  return found;
}

/** Those that are left and have more than the one that is to take over, the most advanced first. */
export function moreAdvanced(to: string, actual: Actual): readonly { name: string; received: Received }[] {
  const own = actual[to]?.received;
  if (own === undefined) return [];
  return Object.entries(actual)
    .flatMap(([name, { received, inRecovery }]) =>
      received !== undefined && inRecovery && compareReceived(received, own) > 0 ? [{ name, received }] : [],
    )
    .sort((one, other) => compareReceived(other.received, one.received));
}

/** The servers as a failover leaves them. */
export function afterFailover(actual: Actual, { to }: Failover): Actual {
  const next = actual[to];
  return next === undefined ? actual : { ...actual, [to]: promoted(next) };
}

/** In words, for a plan: what is done, and what is lost. */
export function describeFailover({ from, to }: Failover, actual: Actual, desired: Desired): string {
  const seeded = atLeast(desired[to]?.version ?? followsFrom, followsFrom)
    ? []
    : [
        `before ${followsFrom} no standby follows another timeline over the line: all others are to be seeded again (move their data directories away, and run pulumi up)`,
      ];
  return [`${to}: promote (failover: ${from} is lost)`, whatIsLost({ from, to }, actual), ...seeded].join("; ");
}

/** What a failover loses, as far as anybody knows. */
export function whatIsLost({ from, to }: Failover, actual: Actual): string {
  const received = receivedBy(to, actual);
  if (received === undefined) return `nothing tells what ${to} has received; what ${from} wrote after that is lost`;
  const ended = `it received ${receivedWords(received)}, and ${endWords(received.stream, from)}`;
  if (received.stream.kind === "finished") return `${ended}; what it wrote if it was started again after that is lost`;
  return `${ended}; what ${from} wrote after that is lost, ${knownBy(from, to, received, actual)}`;
}

function knownBy(from: string, to: string, received: Received, actual: Actual): string {
  const ahead = moreAdvanced(to, actual);
  if (ahead.length > 0) {
    const them = ahead.map(({ name, received: more }) => `${name} ${positionIn(more, received)}`).join(", ");
    const names = ahead.map(({ name }) => name).join(", ");
    return `up to what others received (${them}) at least; ${names} then ${ahead.length === 1 ? "rejoins" : "rejoin"} ${to}, and what is more there is kept aside`;
  }
  const others = Object.keys(actual).filter((name) => name !== to && actual[name]?.received !== undefined);
  return others.length === 0
    ? `and nobody but ${from} knows what that is`
    : `of which ${others.sort().join(", ")} received nothing either`;
}

function positionIn(received: Received, beside: Received): string {
  const words = `received ${receivedWords(received)}`;
  return received.timeline === beside.timeline ? words : `${words}, on timeline ${received.timeline}`;
}

function endWords({ kind, because }: StreamEnd, from: string): string {
  const said = because === undefined ? "" : ` (its log says "${because}")`;
  switch (kind) {
    case "open":
    case "fed":
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

/**
 * The way out where the old primary does not come back, for whoever has not declared it lost: with what a failover
 * would lose.
 */
export function orFailOver({ from, to }: Failover, actual: Actual): string {
  const loss = actual[to]?.received === undefined ? "" : `: ${whatIsLost({ from, to }, actual)}`;
  return `or, where it is gone, declare servers.${from}.lost: true, and ${to} takes over${loss}`;
}

/** Whether what standbys have received decides anything: only then it is looked at. */
export function needsReceived(actual: Actual, desired: Desired, lost: LostServers): boolean {
  const to = toPromote(actual, desired);
  if (to === undefined) return false;
  if (failoverOf(actual, desired, lost) !== undefined) return true;
  const old = Object.keys(desired).filter((name) => name !== to && actual[name]?.data && !actual[name]?.inRecovery);
  const isGone = ({ unreachable, running, shutDown }: ActualServer) =>
    unreachable !== undefined || (!running && shutDown !== true);
  return old.length === 1 && isGone(actual[old[0] as string] as ActualServer);
}
