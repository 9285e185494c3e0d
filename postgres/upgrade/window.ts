import type { Window } from "./model.js";

const minute = 60_000;

/** `05:00` as minutes of a day; undefined where it is none. */
export function minutesOf(clock: string): number | undefined {
  const [, hours, minutes] = /^([01]?\d|2[0-3]):([0-5]\d)$/.exec(clock) ?? [];
  return hours === undefined ? undefined : Number(hours) * 60 + Number(minutes);
}

/** Whether a time is within a window. Of one that goes past midnight, the day is that on which it begins. */
export function isWithin(window: Window, at: Date): boolean {
  const [from, until] = [minutesOf(window.from) ?? 0, minutesOf(window.until) ?? 0];
  const { day, minutes } = clockAt(window.timeZone, at);
  const isDay = (one: number) => window.days === undefined || window.days.includes((one + 7) % 7);
  if (from < until) return isDay(day) && minutes >= from && minutes < until;
  return (isDay(day) && minutes >= from) || (isDay(day - 1) && minutes < until);
}

/**
 * When a window opens next, or is open already, as `2026-11-30T22:00:00Z`; looked for as clocks go, so that summer time counts.
 * Undefined where no day of it comes within the next weeks.
 */
export function nextOpening(window: Window, now: Date): string | undefined {
  const first = Math.ceil(now.getTime() / minute) * minute;
  const end = first + 15 * 24 * 60 * minute;
  for (let time = first; time < end; time += minute) {
    const at = new Date(time);
    if (isWithin(window, at)) return at.toISOString().replace(".000Z", "Z");
  }
  return undefined;
}

const formats = new Map<string, Intl.DateTimeFormat>();
const days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

/** What a clock of a zone shows. */
function clockAt(timeZone: string, at: Date): { readonly day: number; readonly minutes: number } {
  const format =
    formats.get(timeZone) ??
    new Intl.DateTimeFormat("en-US", {
      timeZone,
      weekday: "short",
      hour: "2-digit",
      minute: "2-digit",
      hourCycle: "h23",
    });
  formats.set(timeZone, format);
  const parts = Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, value]));
  return { day: days.indexOf(parts.weekday ?? ""), minutes: Number(parts.hour) * 60 + Number(parts.minute) };
}
