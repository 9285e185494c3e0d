import { atLeast } from "../versions.js";
import { orFailOver } from "./failover.js";
import type { Switchover } from "./model.js";
import { type Actual, type Desired, followsFrom, promoted, toPromote } from "./promotion.js";
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

/** Why a switchover cannot be carried out as things are; nothing is lost by waiting for them to be otherwise. */
export function refuseSwitchover({ from, to }: Switchover, actual: Actual, desired: Desired): readonly string[] {
  const [old, next, declared] = [actual[from], actual[to], desired[to]];
  if (old === undefined || next === undefined || declared === undefined) return [];
  const begun = `the switchover from ${from} to ${to}`;
  const found: string[] = [];
  if (!atLeast(declared.version, followsFrom)) {
    found.push(
      `${begun}: before ${followsFrom} no standby follows another timeline over the line, and all would have to be seeded again: that is done by hand`,
    );
  }
  if (!next.running) found.push(`${begun}: ${to} is stopped; declare ${from} as the primary, and bring ${to} up first`);
  else if (next.follows !== from) {
    found.push(
      `${begun}: ${to} follows ${next.follows ?? "another server"}: only a server that streams from ${from} has all of it`,
    );
  }
  if (old.unreachable !== undefined) {
    found.push(`${begun}: ${old.unreachable}: bring it back, and run again; ${orFailOver({ from, to }, actual)}`);
  } else if (!old.running && old.shutDown !== true) {
    found.push(
      `${begun}: ${from} is stopped and was not shut down, so that nobody knows what ${to} lacks: start it (pgsite start ${from}), and run again; ${orFailOver({ from, to }, actual)}`,
    );
  }
  found.push(...refuseBelow(begun, to, actual, withoutServer(desired, from)));
  return found;
}

function withoutServer(desired: Desired, name: string): Desired {
  return Object.fromEntries(Object.entries(desired).filter(([one]) => one !== name));
}

/** The servers as a switchover leaves them: the old primary is stopped, and is a standby when it starts again. */
export function afterSwitchover(actual: Actual, { from, to }: Switchover): Actual {
  const [old, next] = [actual[from], actual[to]];
  if (old === undefined || next === undefined) return actual;
  return { ...actual, [from]: { ...old, running: false, inRecovery: true }, [to]: promoted(next) };
}

/** In words, for a plan. */
export function describeSwitchover({ from, to }: Switchover): string {
  return `${from}: shut down; ${to}: promote, once it has all that ${from} wrote (switchover)`;
}
