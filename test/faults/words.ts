import type { Act } from "./acts.js";
import { refusable, type Step } from "./campaign.js";
import type { Fault } from "./faults.js";

/** A step in one line. */
export function stepWords({ act, fault, ifRefused }: Step): string {
  const beside = fault === undefined ? "" : `; beside it: ${faultWords(fault)}`;
  return `${actWords(act)}${refusable.has(act.kind) && ifRefused === "runbook" ? ", then the primary is lost" : ""}${beside}`;
}

function actWords({ kind, ...rest }: Act): string {
  return `${kind}${listed(rest)}`;
}

function faultWords({ kind, after, ...rest }: Fault): string {
  return `${kind}${listed(rest)} after ${(after / 1000).toFixed(1)} s`;
}

function listed(values: Readonly<Record<string, unknown>>): string {
  return Object.entries(values)
    .map(([name, value]) => ` ${name}=${typeof value === "string" ? value : JSON.stringify(value)}`)
    .join("");
}

/** `3:07` */
export function clock(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}
