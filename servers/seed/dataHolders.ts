import type { Place } from "../../config/site.js";
import type { Host, HostSpec } from "../../hosts/host.js";
import { type DataDirectoryState, inspectDataDirectory } from "../data/dataDirectory.js";

/** The first of these servers that holds data: to make a new cluster beside it would abandon what it holds. */
export async function holderAmong<P extends Place>(
  places: readonly P[],
  open: (spec: HostSpec) => Host | Promise<Host>,
): Promise<{ readonly place: P; readonly state: DataDirectoryState } | undefined> {
  for (const place of places) {
    const state = await inspectDataDirectory(await open(place.host), place);
    if (state.systemIdentifier !== undefined && state.kind !== "incomplete") return { place, state };
  }
  return undefined;
}

/** Why no new cluster is made for a server while another one holds data, and what to do. */
export function refusalFor(lost: string, place: Place, { kind, systemIdentifier }: DataDirectoryState): string {
  return `${place.name} holds ${kind === "ours" ? "the site's data" : "data"} (${place.dataDirectory} on ${place.host.name}, system identifier ${systemIdentifier}): a new cluster would abandon it. Promote ${place.name} and run again (${lost} is then copied from it), or move its data away if the site is to begin anew`;
}
