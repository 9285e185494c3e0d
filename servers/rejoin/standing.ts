import type { Host } from "../../hosts/host.js";
import type { Divergence, Fork } from "../../postgres/rollout/diverged.js";
import { followsOver } from "../../postgres/rollout/promotion.js";
import type { Major } from "../../postgres/versions.js";
import { lsnOf } from "../sql/sql.js";
import { partedAt } from "../wal/divergence.js";
import { type Branch, divergence, forkOf } from "../wal/timelines.js";

/** Where a server stands beside its primary, by the files of both. */
export interface Standing {
  readonly branch: Branch;
  /** Why it can never follow, as it is. */
  readonly diverged?: Divergence;
  /** Where the primary left its timeline. */
  readonly fork?: Omit<Fork, "end" | "recovers">;
  /** It has nothing that the primary has not, and its version does not follow over the line to the primary's timeline. */
  readonly behind?: { readonly own: number; readonly primary: number };
}

export interface Place {
  readonly host: Host;
  readonly dataDirectory: string;
  readonly version: Major;
}

/** @param primary the name of the server that takes writes, or did so last @param hostOf of the server that is judged, where its WAL is looked at */
export async function standingOf(
  own: Branch,
  site: Branch,
  primary: string,
  { version, placeOf }: { readonly version: Major; readonly placeOf: () => Promise<Place | undefined> },
): Promise<Standing> {
  const known = divergence(own, site);
  const left = forkOf(own, site);
  const timelines = { timeline: own.timeline, primaryTimeline: site.timeline };
  if (left === undefined) {
    // Nobody can tell where the primary left it, and it cannot follow: it may have more.
    const isEarlier = own.cluster === site.cluster && own.timeline < site.timeline;
    if (known !== undefined || followsOver(version) || !isEarlier) {
      // Where the primary's own timeline is the one that was left, it may be the wrong one that is declared.
      const remedy = forkOf(site, own) !== undefined ? "choose" : "by hand";
      return { branch: own, ...(known === undefined ? {} : { diverged: { ...known, remedy } }) };
    }
    const diverged = { kind: "untold", ...timelines, remedy: "rejoin" } as const;
    return { branch: own, diverged, fork: { ...timelines, primary } };
  }
  const parted = known === undefined ? await beyond(own, site, placeOf) : undefined;
  const where = parted ?? left;
  const fork = {
    timeline: where.timeline,
    primary,
    primaryTimeline: site.timeline,
    at: lsnOf(where.until),
    ...(where.latest === undefined ? {} : { latest: lsnOf(where.latest) }),
  };
  const kind = parted?.beyond === "certainly" ? "went on" : "untold";
  const wentOn = parted === undefined ? undefined : ({ ...timelines, kind, timeline: parted.timeline } as const);
  const why = known ?? wentOn;
  if (why !== undefined) return { branch: own, fork, diverged: { ...why, remedy: "rejoin" } };
  const isBehind = !followsOver(version) && own.timeline !== site.timeline;
  return { branch: own, fork, ...(isBehind ? { behind: { own: own.timeline, primary: site.timeline } } : {}) };
}

/** Where a server has WAL beyond what the primary has, though its last checkpoint is before that. */
async function beyond(own: Branch, site: Branch, placeOf: () => Promise<Place | undefined>) {
  const place = await placeOf();
  return place === undefined ? undefined : partedAt(place, own, site);
}
