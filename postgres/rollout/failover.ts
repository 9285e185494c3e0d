import { compareReceived, type Received } from "../wal/received.js";
import type { ActualServer, CostedFailover, Failover, FailoverRefusal, Loss, LostServers } from "./model.js";
import { type Actual, type Desired, promoted, refusePromotion, toPromote } from "./promotion.js";
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
): readonly FailoverRefusal[] {
  const [next, declared] = [actual[to], desired[to]];
  if (next === undefined || declared === undefined) return [];
  const begun = { act: "failover", from, to } as const;
  const found: FailoverRefusal[] = [];
  for (const server of Object.keys(desired).sort()) {
    const why = actual[server]?.unreachable;
    if (why !== undefined) found.push({ ...begun, code: "otherUnreachable", server, why });
  }
  if (!next.running) found.push({ ...begun, code: "nextStopped" });
  found.push(...refusePromotion(next, declared).map((one) => ({ ...begun, ...one })));
  const received = receivedBy(to, actual);
  const end = received?.stream.kind;
  if (end === "fed" || end === "answered") found.push({ ...begun, code: "notLost", by: end });
  found.push(...refuseBelow(to, actual, desired).map((one) => ({ ...begun, ...one })));
  if (lost[from]?.acceptDataLoss === true) return found;
  if (received === undefined) return [...found, { ...begun, code: "receivedUnknown" }];
  const [ahead] = moreAdvanced(to, actual);
  if (ahead !== undefined) found.push({ ...begun, code: "otherAhead", received, ahead });
  if (["early", "mute", "unknown"].includes(received.stream.kind)) {
    found.push({ ...begun, code: "streamEnd", received });
  }
  return found;
}

/** Those that are left and have more than the one that is to take over, the most advanced first. */
export function moreAdvanced(to: string, actual: Actual): Loss["ahead"] {
  const own = actual[to]?.received;
  if (own === undefined) return [];
  return Object.entries(actual)
    .flatMap(([server, { received, inRecovery }]) =>
      received !== undefined && inRecovery && compareReceived(received, own) > 0 ? [{ server, received }] : [],
    )
    .sort((one, other) => compareReceived(other.received, one.received));
}

/** The servers as a failover leaves them. */
export function afterFailover(actual: Actual, desired: Desired, { to }: Failover): Actual {
  const [next, declared] = [actual[to], desired[to]];
  if (next === undefined || declared === undefined) return actual;
  return { ...actual, [to]: promoted(next, declared.version) };
}

/** A failover with what is lost with it. */
export function costOf(failover: Failover, actual: Actual): CostedFailover {
  return { ...failover, loss: lossOf(failover.to, actual) };
}

/** What is lost when a standby takes over, as far as anybody knows. */
export function lossOf(to: string, actual: Actual): Loss {
  const received = receivedBy(to, actual);
  const ahead = moreAdvanced(to, actual);
  const isOther = (name: string) => name !== to && !ahead.some(({ server }) => server === name);
  const others = Object.keys(actual).filter((name) => isOther(name) && actual[name]?.received !== undefined);
  return { ...(received === undefined ? {} : { received }), ahead, others: others.sort() };
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
