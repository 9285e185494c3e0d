import type { CronProblem } from "./cron.js";

/** What is wrong with a cron expression in words: what was received, and what is allowed. */
export function cronWords(problem: CronProblem): string {
  switch (problem.code) {
    case "fields":
      return `it has ${problem.found} fields, and a cron expression has five: minute, hour, day of the month, month, day of the week`;
    case "field":
      return `${JSON.stringify(problem.received)} is no ${problem.field}: allowed are *, */STEP, and lists of numbers from ${problem.from} to ${problem.to}, names, FIRST-LAST and FIRST-LAST/STEP`;
    case "days":
      return "days of the month and of the week together are to be listed both, as in 1,15 and mon-fri: with a step from *, or all of them, crons differ in whether both or either must hold";
    case "never":
      return "none of its months has such a day";
  }
}
