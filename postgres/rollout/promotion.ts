import { recoveryParameters } from "../settings/catalogue.js";
import { atLeast, type Major } from "../versions.js";
import type { ActualServer, DesiredServer } from "./model.js";

/** What switchovers and failovers have in common: a standby that is declared the primary. */

export type Actual = Readonly<Record<string, ActualServer>>;
export type Desired = Readonly<Record<string, DesiredServer>>;

/** The first version whose standbys follow a promoted server by streaming alone. */
export const followsFrom: Major = "9.3";

/** Whether a standby of this version goes over to the timeline of a promoted server by itself. */
export function followsOver(version: Major): boolean {
  return atLeast(version, followsFrom);
}

/** How a version is told to take over. */
export type PromotedBy =
  | { readonly by: "trigger file" }
  /** With what `pg_ctl promote` takes so that it does not wait. */
  | { readonly by: "pg_ctl"; readonly options: readonly string[] };

/** Oldest first; a version is described by the last row that is not newer than it. */
const promotions: readonly (PromotedBy & { readonly from: Major })[] = [
  { from: "9.0", by: "trigger file" },
  { from: "9.1", by: "pg_ctl", options: [] },
  { from: "10", by: "pg_ctl", options: ["-W"] },
];

export function promotedBy(version: Major): PromotedBy {
  return promotions.findLast(({ from }) => atLeast(version, from)) as PromotedBy;
}

/** Why a standby cannot be promoted as it runs. */
export function refusePromotion(
  { settings }: ActualServer,
  { version }: DesiredServer,
): readonly { readonly code: "noTriggerFile" }[] {
  return promotedBy(version).by === "trigger file" && !settings.trigger_file ? [{ code: "noTriggerFile" }] : [];
}

/** The declared primary, where it has data and is in recovery. */
export function toPromote(actual: Actual, desired: Desired): string | undefined {
  const to = Object.keys(desired).find((name) => desired[name]?.role === "primary");
  const next = to === undefined ? undefined : actual[to];
  return next?.data && next.inRecovery ? to : undefined;
}

/** A standby as its promotion leaves it: the server itself takes away what made it one, until 11 with the settings in it. */
export function promoted({ follows: _follows, ...server }: ActualServer, version: Major): ActualServer {
  const { "standby.signal": _signal, "recovery.conf": _recovery, ...files } = server.files;
  const gone = recoveryParameters(version);
  const settings = Object.entries(server.settings).filter(([name]) => !gone.has(name.toLowerCase()));
  return { ...server, files, settings: Object.fromEntries(settings), inRecovery: false };
}
