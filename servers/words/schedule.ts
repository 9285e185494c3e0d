import { parseCron } from "../../config/cron.js";
import { noSchedule } from "../../config/schema/jobs.js";

const weekdays = ["Sundays", "Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays"] as const;

/** When something runs: `Sundays at 11:02, America/Santiago`. What is no plain time of a day, as cron has it. */
export function scheduleInWords(schedule: string, timeZone?: string): string {
  if (schedule === noSchedule) return "by hand alone";
  return `${timesInWords(schedule)}, ${timeZone ?? "the host's own time"}`;
}

function timesInWords(schedule: string): string {
  const parsed = parseCron(schedule);
  const asItIs = `cron ${schedule}`;
  if ("problems" in parsed) return asItIs;
  const { minutes, hours, days, months, weekdays: on } = parsed.times;
  if (minutes?.length !== 1 || days !== undefined || months !== undefined) return asItIs;
  const minute = `${minutes[0]}`.padStart(2, "0");
  if (hours === undefined) return on === undefined ? `at minute ${minutes[0]} of every hour` : asItIs;
  const clock = hours.map((hour) => `${`${hour}`.padStart(2, "0")}:${minute}`).join(" and ");
  return `${on === undefined ? "every day" : on.map((day) => weekdays[day]).join(", ")} at ${clock}`;
}
