import { needsReceived } from "../../postgres/rollout/failover.js";
import type { LookAt } from "../status/look.js";
import { ifTold } from "./ifTold.js";
import { actualOf } from "./plan.js";
import { serverOf } from "./site.js";
import type { Observed, RolloutServer, RolloutState } from "./state.js";

type Servers = Readonly<Record<string, RolloutServer>>;

/**
 * What was observed of servers, with what those in recovery have received where that decides anything: where their primary
 * is lost. A site that is well is not asked.
 */
export async function markReceived<O extends Observed>(
  observed: Readonly<Record<string, O>>,
  wanted: Servers,
  lost: RolloutState["lost"],
  lookAt: LookAt,
): Promise<Readonly<Record<string, O>>> {
  if (!needsReceived(actualOf(wanted, observed, lost), wanted, lost ?? {})) return observed;
  const { receivedBy } = await import("../wal/received.js");
  const found = await Promise.all(
    Object.entries(observed).map(async ([name, one]) => {
      const server = wanted[name];
      if (server === undefined || one.data !== "present" || !one.recovery) return [name, one] as const;
      const received = await ifTold(async () => receivedBy((await lookAt(server)).host, serverOf(server)));
      return [name, received === undefined ? one : { ...one, received }] as const;
    }),
  );
  return Object.fromEntries(found);
}
