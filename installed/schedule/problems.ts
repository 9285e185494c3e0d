import type { CronProblem } from "../../config/cron.js";

/** Why a schedule cannot be put on a host. */
export type ScheduleProblem =
  | CronProblem
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
    case "fields":
      return `it has ${problem.found} fields, and a cron expression has five: minute, hour, day of the month, month, day of the week`;
    case "field":
      return `${JSON.stringify(problem.received)} is no ${problem.field}: allowed are *, */STEP, and lists of numbers from ${problem.from} to ${problem.to}, names, FIRST-LAST and FIRST-LAST/STEP`;
    case "days":
      return "days of the month and of the week together are to be listed both, as in 1,15 and mon-fri: with a step from *, or all of them, crons differ in whether both or either must hold";
    case "never":
      return "none of its months has such a day";
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
  }
}
