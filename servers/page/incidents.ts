import { noSchedule } from "../../config/schema/jobs.js";
import type { Site, Watch } from "../../config/site.js";
import { type Incident, incidentsOver, watchStateIn } from "../../installed/watch/state.js";
import { conditions } from "../../postgres/watch/conditions.js";
import { scheduleInWords } from "../words/schedule.js";
import { incidentInWords, silentWatchInWords } from "../words/watch.js";
import type { HostFacts } from "./hostFacts.js";
import type { PageIncident, PageWatch } from "./model.js";

/** Of incidents that are over, so many of the newest are shown. */
const most = 100;

/** Seconds after which a watch that looks every day must have looked. */
const tooLong = 26 * 3600;

/**
 * What the watches of a stack have mailed of, open ones first, as their hosts remember it, and what to say of watches that have not
 * looked. @param facts by server, of hosts that told @param now seconds since 1970
 */
export function watchOf(
  site: Pick<Site, "servers"> & { readonly watch: Watch },
  facts: ReadonlyMap<string, HostFacts>,
  now: number,
): { readonly watch: PageWatch; readonly unknown: readonly string[] } {
  const seen = site.servers.flatMap(({ name, lost }) => {
    const found = facts.get(name);
    if (lost !== undefined || found === undefined) return [];
    const state = found.watch === undefined ? undefined : watchStateIn(found.watch.text);
    const all = [...(state?.open ?? []), ...incidentsOver(found.over?.text ?? "")];
    const shown = all.map((one) => incidentOf(site, name, one));
    return [{ name, last: state?.last, isThere: found.watch !== undefined, shown }];
  });
  const incidents = seen.flatMap(({ shown }) => shown);
  const open = incidents.filter(({ ended }) => ended === undefined).sort(newestFirst);
  const over = incidents.filter(({ ended }) => ended !== undefined).sort(newestFirst);
  return {
    watch: {
      schedule: scheduleInWords(site.watch.schedule, site.watch.timeZone),
      incidents: [...open, ...over.slice(0, most)],
    },
    unknown: seen.flatMap(({ name, last, isThere }) => {
      if (last === undefined)
        return isThere || site.watch.schedule !== noSchedule ? [silentWatchInWords(name, isThere)] : [];
      return isDaily(site.watch) && now - last > tooLong ? [silentWatchInWords(name, true, last)] : [];
    }),
  };
}

function newestFirst(left: PageIncident, right: PageIncident): number {
  return (right.ended ?? right.since).localeCompare(left.ended ?? left.since);
}

/** Whether it looks once a day at least. */
function isDaily({ schedule }: Watch): boolean {
  return /^\S+\s+\S+\s+\*\s+\*\s+\*$/.test(schedule);
}

function incidentOf(
  site: Pick<Site, "servers"> & { readonly watch: Watch },
  name: string,
  incident: Incident,
): PageIncident {
  const { condition, object, since, ended } = incident;
  const threshold = incident.threshold === "" ? thresholdOf(site.watch, condition) : incident.threshold;
  return {
    server: site.servers.some((one) => one.name === object) ? object : name,
    seenBy: name,
    condition,
    message: incidentInWords({ ...incident, threshold }),
    since: timeOf(since),
    ...(ended === undefined ? {} : { ended: timeOf(ended) }),
  };
}

/** What it was held against, as it is declared now: the host does not remember it of one that goes on. */
function thresholdOf({ thresholds }: Watch, condition: string): string {
  const test = conditions.find(({ name }) => name === condition)?.tests[0];
  return test === undefined ? "" : `${(test.key === undefined ? undefined : thresholds[test.key]) ?? test.threshold}`;
}

function timeOf(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace(".000Z", "Z");
}
