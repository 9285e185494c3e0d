import type { CronProblem } from "../../config/cron.js";
import { cronWords } from "../../config/cronWords.js";
import type { ZoneProblem } from "../../config/zone.js";
import { zoneRemedy, zoneWords } from "../../config/zoneWords.js";

/** Why a schedule cannot be put on a host. */
export type ScheduleProblem =
  | CronProblem
  /** Its times are of a zone that its host cannot say. */
  | { readonly code: "zone"; readonly problem: ZoneProblem }
  /** A calendar event of systemd's, for cron. */
  | { readonly code: "calendar"; readonly calendar: string }
  | { readonly code: "name" }
  | { readonly code: "user"; readonly user: string }
  | { readonly code: "path"; readonly path: string }
  | { readonly code: "line break"; readonly text: string }
  | { readonly code: "long"; readonly length: number; readonly longest: number };

export class ScheduleRefused extends Error {
  constructor(
    readonly schedule: string,
    readonly problems: readonly ScheduleProblem[],
  ) {
    super(
      `the schedule ${JSON.stringify(schedule)} cannot be put on a host: ${problems.map(scheduleWords).join("; ")}`,
    );
    this.name = "ScheduleRefused";
  }
}

/** A problem in words: what was received, and what is allowed. */
export function scheduleWords(problem: ScheduleProblem): string {
  switch (problem.code) {
    case "calendar":
      return `${JSON.stringify(problem.calendar)} is a calendar event of systemd's, which does not run there: give the five fields of a cron expression`;
    case "name":
      return "its name is to begin with a letter or a digit, and to have no more than 63 letters, digits, - and _";
    case "user":
      return `${JSON.stringify(problem.user)} is no name of an OS user`;
    case "path":
      return `${JSON.stringify(problem.path)} is not absolute`;
    case "line break":
      return `${JSON.stringify(problem.text)} has a line break`;
    case "long":
      return `its command is ${problem.length} bytes long, and a cron takes ${problem.longest}: put it into a script`;
    case "zone":
      return `${zoneWords(problem.problem)}: ${zoneRemedy}`;
    default:
      return cronWords(problem);
  }
}
