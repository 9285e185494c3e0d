import { lossOf } from "./failover.js";
import type { Switchover, SwitchoverRefusal } from "./model.js";
import { type Actual, type Desired, promoted, refusePromotion, toPromote } from "./promotion.js";
import { refuseBelow } from "./refusals.js";

/**
 * What makes the declared primary the primary: nothing where it is, or where another than a planned switchover would be
 * needed. One that was cut off after the old primary was shut down goes on from there.
 */
export function switchoverOf(actual: Actual, desired: Desired): Switchover | undefined {
  const to = toPromote(actual, desired);
  if (to === undefined) return undefined;
  const isPrimary = (name: string) => name !== to && actual[name]?.data === true && !actual[name]?.inRecovery;
  const [from, second] = Object.keys(desired).filter(isPrimary);
  return from === undefined || second !== undefined ? undefined : { from, to };
}

/**
 * Why a switchover cannot be carried out as things are; nothing is lost by waiting for them to be otherwise.
 * @param unallowed servers that would be seeded again after it, of which nobody has allowed that
 */
export function refuseSwitchover(
  { from, to }: Switchover,
  actual: Actual,
  desired: Desired,
  unallowed: readonly string[] = [],
): readonly SwitchoverRefusal[] {
  const [old, next, declared] = [actual[from], actual[to], desired[to]];
  if (old === undefined || next === undefined || declared === undefined) return [];
  const begun = { act: "switchover", from, to } as const;
  const found: SwitchoverRefusal[] = [];
  if (unallowed.length > 0) found.push({ ...begun, code: "timelinesNotFollowed", servers: unallowed });
  if (!next.running) found.push({ ...begun, code: "nextStopped" });
  else if (next.follows !== from) {
    const upstream = next.follows === undefined ? {} : { upstream: next.follows };
    found.push({ ...begun, code: "followsAnother", ...upstream });
  }
  found.push(...refusePromotion(next, declared).map((one) => ({ ...begun, ...one })));
  const loss = lossOf(to, actual);
  if (old.unreachable !== undefined) found.push({ ...begun, code: "oldUnreachable", why: old.unreachable, loss });
  else if (!old.running && old.shutDown !== true) found.push({ ...begun, code: "oldCrashed", loss });
  const below = refuseBelow(to, actual, withoutServer(desired, from));
  return [...found, ...below.map((one) => ({ ...begun, ...one }))];
}

function withoutServer(desired: Desired, name: string): Desired {
  return Object.fromEntries(Object.entries(desired).filter(([one]) => one !== name));
}

/** The servers as a switchover leaves them: the old primary is stopped, and is a standby when it starts again. */
export function afterSwitchover(actual: Actual, desired: Desired, { from, to }: Switchover): Actual {
  const [old, next, declared] = [actual[from], actual[to], desired[to]];
  if (old === undefined || next === undefined || declared === undefined) return actual;
  return { ...actual, [from]: { ...old, running: false, inRecovery: true }, [to]: promoted(next, declared.version) };
}
