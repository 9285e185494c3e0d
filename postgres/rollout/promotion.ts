import type { Major } from "../versions.js";
import type { ActualServer, DesiredServer } from "./model.js";

/** What switchovers and failovers have in common: a standby that is declared the primary. */

export type Actual = Readonly<Record<string, ActualServer>>;
export type Desired = Readonly<Record<string, DesiredServer>>;

/** The first version whose standbys follow a promoted server by streaming alone. */
export const followsFrom: Major = "9.3";

/** The declared primary, where it has data and is in recovery. */
export function toPromote(actual: Actual, desired: Desired): string | undefined {
  const to = Object.keys(desired).find((name) => desired[name]?.role === "primary");
  const next = to === undefined ? undefined : actual[to];
  return next?.data && next.inRecovery ? to : undefined;
}

/** A standby as its promotion leaves it: the server itself takes away what made it one. */
export function promoted({ follows: _follows, ...server }: ActualServer): ActualServer {
  const { "standby.signal": _signal, "recovery.conf": _recovery, ...files } = server.files;
  return { ...server, files, inRecovery: false };
}
