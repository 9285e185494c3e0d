import type { Backups } from "../../config/site.js";
import { startOfRun } from "../backups/newest.js";
import { newestRun, type Place, type Run, type RunsReport } from "../backups/runs.js";
import { scheduleInWords } from "../words/schedule.js";
import type { PageBackups, PageRun } from "./model.js";

/** Of the runs in all places so many of the newest are shown. */
const most = 200;

/** The backups of a stack, and what could not be looked at. */
export function backupsOf(
  { schedule, timeZone }: Pick<Backups, "schedule" | "timeZone">,
  report: RunsReport,
): { readonly backups: PageBackups; readonly unknown: readonly string[] } {
  const runs = report.places
    .flatMap((place) => place.runs.map((run) => runOf(place, run)))
    .sort((left, right) => right.name.localeCompare(left.name) || left.place.localeCompare(right.place));
  const unasked = report.unknown.length > 0 || report.places.some(({ unreachable }) => unreachable !== undefined);
  const [whole, verified] = [newestRun(report, "whole"), newestRun(report, "verified")];
  return {
    backups: {
      schedule: scheduleInWords(schedule, timeZone),
      runs: runs.slice(0, most),
      ...(whole === undefined ? {} : { whole: whole.name }),
      ...(verified === undefined ? {} : { verified: verified.name }),
      ...(unasked ? { unasked } : {}),
    },
    unknown: [
      ...report.places.flatMap(({ at, folder, unreachable }) =>
        unreachable === undefined ? [] : [`the backups in ${folder} on ${at} cannot be looked at: ${unreachable}`],
      ),
      ...report.unknown.map(({ server, message }) => `the backups of ${server} cannot be asked for: ${message}`),
    ],
  };
}

function runOf({ server, at, folder }: Place, { name, state, bytes, ended, verifiedAt }: Run): PageRun {
  const began = startOfRun(name);
  return {
    name,
    at: isoOf(began),
    server,
    place: `${at}:${folder}`,
    bytes,
    ...(ended === undefined ? {} : { seconds: Math.max(0, Math.round(ended - began / 1000)) }),
    state: state === "verified" ? "whole" : state,
    ...(verifiedAt === undefined ? {} : { verifiedAt: isoOf(verifiedAt * 1000) }),
  };
}

function isoOf(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace(".000Z", "Z");
}
