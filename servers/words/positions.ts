import type { Positions, Replication, Slot } from "../../postgres/positions.js";
import { isDroppable } from "../rollout/positions.js";
import { divergenceInWords } from "./divergence.js";
import { problemInWords } from "./problems.js";

/** What servers that did not come right in time are to be, and are. */
export function misplacedInWords(names: readonly string[], found: Positions, wanted: Positions): string {
  const lines = names.flatMap((name) => {
    const { replication, diverged } = found[name] ?? {};
    const shall = wanted[name]?.replication;
    const is = replication === undefined ? "not known" : replicationInWords(replication);
    const should = shall === undefined ? "nothing" : replicationInWords(shall);
    return [
      ...(is === should ? [] : [`${name} is to be: ${should}. It is: ${is}`]),
      ...(diverged === undefined ? [] : [`the timeline of ${name} is ${divergenceInWords(name, diverged)}`]),
    ];
  });
  return lines.join("; ");
}

export function replicationInWords(replication: Replication): string {
  switch (replication.kind) {
    case "writes":
      return "takes writes";
    case "streams":
      return `streams from ${replication.from}`;
    case "recovers":
      return "in recovery, from nobody";
    case "off": {
      const said = replication.because === undefined ? "" : `; its log says "${replication.because}"`;
      return `off: ${problemInWords(replication.why)}${said}`;
    }
    case "not running":
      return "does not run";
    case "unknown":
      return `not known: ${problemInWords(replication.why)}`;
  }
}

export function roleInWords(declared: Replication): string {
  return declared.kind === "streams" ? `a standby of ${declared.from}` : replicationInWords(declared);
}

export function slotInWords({ name, kind, active }: Slot): string {
  return `${name} (${kind}${active ? ", active" : ""})`;
}

export function slotRemedy(slot: Slot): string {
  if (isDroppable(slot)) return "";
  const reader = slot.active ? "end whoever streams from it, or " : "drop it where its reader is gone for good, or ";
  return ` (${reader}declare it in slots)`;
}

/** Why the slot of a server that has left, or follows another now, was left where it is. */
export function keptSlotInWords(left: {
  readonly server: string;
  readonly slot: string;
  /** Whose it was. */
  readonly of: string;
  readonly dataDirectory: string;
  /** Why nobody knows whether it is there. */
  readonly because?: string;
}): string {
  const { server, slot, of, dataDirectory, because } = left;
  const kept = `the replication slot ${slot} of ${server} keeps WAL for ${of}, which follows ${server} no more by the stack file`;
  if (because !== undefined) {
    return `${kept}, and may be there still: ${because}. Where it is, drop it: select pg_drop_replication_slot('${slot}')`;
  }
  return `${kept}, and streams on by it: stop ${of} (pg_ctl stop -D ${dataDirectory}), and the next pulumi up of the stack of ${server} drops it; or declare it there under slots, to keep it`;
}

/** Why a slot that nobody declared was left where it is. */
export function leftSlotInWords(server: string, { name, active }: Slot): string {
  const why = active ? "somebody streams from it" : "its subscriber may come back for what it keeps";
  const remedy = active ? "end that, and the next pulumi up drops it" : "drop it by hand where its reader is gone";
  return `left the replication slot ${name} of ${server}: ${why}. Declare it under slots, to keep it; else ${remedy}`;
}
