import type { Host, HostSpec } from "../../hosts/host.js";
import { needsReceived } from "../../postgres/rollout/failover.js";
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
  hostOf: (spec: HostSpec) => Host | Promise<Host>,
): Promise<Readonly<Record<string, O>>> {
  if (!needsReceived(actualOf(wanted, observed, lost), wanted, lost ?? {})) return observed;
  const { receivedBy } = await import("../wal/received.js");
  const found = await Promise.all(
    Object.entries(observed).map(async ([name, one]) => {
      const server = wanted[name];
      if (server === undefined || one.data !== "present" || !one.recovery) return [name, one] as const;
      const received = await Promise.resolve(hostOf(server.host))
        .then((host) => receivedBy(host, serverOf(server)))
        .catch(() => undefined);
      return [name, received === undefined ? one : { ...one, received }] as const;
    }),
  );
  return Object.fromEntries(found);
}
