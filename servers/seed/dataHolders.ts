import type { Place } from "../../config/site.js";
import type { Host, HostSpec } from "../../hosts/host.js";
import type { DataRefusal } from "../../postgres/differences.js";
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

/** Why no new cluster is made for a server while another one holds data. */
export function refusalFor(
  lost: string,
  { name, dataDirectory, host }: Place,
  { kind, systemIdentifier = "" }: DataDirectoryState,
): Extract<DataRefusal, { code: "data elsewhere" }> {
  const place = { server: name, dataDirectory, host: host.name };
  return { code: "data elsewhere", ...place, ours: kind === "ours", systemIdentifier, lost };
}
