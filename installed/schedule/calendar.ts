import type { CronTimes } from "../../config/cron.js";

const weekdayNames = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"] as const;

/**
 * A cron expression as systemd's calendar events (systemd.time(7)): several mean that any of them is enough. Numbers are
 * spelt out, which every version of systemd takes.
 */
export function calendarOf({ minutes, hours, days, months, weekdays }: CronTimes): readonly string[] {
  const clock = `${listOf(hours)}:${listOf(minutes)}:00`;
  const event = (names: CronTimes["weekdays"], numbers: CronTimes["days"]) => {
    const prefix = names === undefined ? "" : `${names.map((day) => weekdayNames[day]).join(",")} `;
    return `${prefix}*-${listOf(months)}-${listOf(numbers)} ${clock}`;
  };
  // systemd wants both; cron is content with either.
  return days !== undefined && weekdays !== undefined
    ? [event(undefined, days), event(weekdays, undefined)]
    : [event(weekdays, days)];
}

function listOf(values: readonly number[] | undefined): string {
  return values?.map((value) => `${value}`.padStart(2, "0")).join(",") ?? "*";
}
