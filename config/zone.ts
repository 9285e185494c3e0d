import { isTimeZone } from "../postgres/settings/timeZones.js";
import { parseCron } from "./cron.js";

/** Why times of one zone cannot be said in another's. */
export type ZoneProblem =
  /** The two clocks are not always as far from each other: summer time. */
  | { readonly code: "apart"; readonly zone: string; readonly host: string }
  /** Days of the month, or hours of two days, would have to move to another day. */
  | { readonly code: "days"; readonly zone: string; readonly host: string }
  /** The host does not say which zone its clock shows. */
  | { readonly code: "unknown"; readonly zone: string };

/**
 * The time zone of a host's clock. Undefined where the host does not name it.
 * @param localtime what /etc/localtime leads to; undefined where it is not there @param timezone content of /etc/timezone
 */
export function zoneOfHost(localtime: string | undefined, timezone: string | undefined): string | undefined {
  if (localtime === undefined) return "UTC";
  const name = /\/zoneinfo\/(?:posix\/|right\/)?(.+)$/.exec(localtime)?.[1];
  // A copy of the zone's file: the distribution may say of which.
  const said = name ?? timezone?.trim() ?? "";
  return isTimeZone(said) ? said : undefined;
}

const day = 86_400_000;
/** As far as the rules of zones are known to be of use. */
const years = 5;

/**
 * A cron expression of one zone's times, as a host says it whose clock shows another's: shifted, if the two are always as far from
 * each other. Debian's cron knows no zone but its host's.
 */
export function inZoneOfHost(
  cron: string,
  zone: string,
  host: string | undefined,
  from: Date = new Date(),
): { readonly cron: string } | { readonly problem: ZoneProblem } {
  if (host === undefined) return { problem: { code: "unknown", zone } };
  const minutes = constantDifference(host, zone, from);
  if (minutes === undefined) return { problem: { code: "apart", zone, host } };
  const shifted = shift(cron, minutes);
  return shifted === undefined ? { problem: { code: "days", zone, host } } : { cron: shifted };
}

/** By how many minutes one zone's clock is ahead of another's on each of the coming days; undefined where that changes. */
function constantDifference(ahead: string, of: string, from: Date): number | undefined {
  if (ahead === of) return 0;
  const [one, other] = [offsets(ahead), offsets(of)];
  let known: number | undefined;
  for (let time = from.getTime(), end = time + years * 365 * day; time < end; time += day / 4) {
    const difference = one(time) - other(time);
    if (known !== undefined && known !== difference) return undefined;
    known = difference;
  }
  return known;
}

/** Minutes by which a zone's clock is ahead of UTC at a time. */
function offsets(timeZone: string): (time: number) => number {
  const format = new Intl.DateTimeFormat("en-US", { timeZone, timeZoneName: "longOffset", hour: "numeric" });
  return (time) => {
    const name = format.formatToParts(time).find(({ type }) => type === "timeZoneName")?.value ?? "";
    const [, sign, hours = "0", minutes = "0"] = /^GMT(?:([+-])(\d{2}):(\d{2}))?/.exec(name) ?? [];
    return (sign === "-" ? -1 : 1) * (Number(hours) * 60 + Number(minutes));
  };
}

/** Undefined where one expression cannot say it. */
function shift(cron: string, by: number): string | undefined {
  const parsed = parseCron(cron);
  if ("problems" in parsed) return undefined;
  const { times } = parsed;
  if (by === 0) return times.text;
  const [, , days = "*", months = "*", weekdays = "*"] = times.text.split(" ");
  // Each minute of each hour: the same in any zone that is whole hours away.
  if (times.hours === undefined && by % 60 === 0 && times.days === undefined && times.weekdays === undefined)
    return months === "*" ? times.text : undefined;
  if (times.hours === undefined || times.minutes === undefined) return undefined;
  const moved = times.hours.flatMap((hour) => (times.minutes ?? []).map((minute) => hour * 60 + minute + by));
  const [crossed] = new Set(moved.map((minute) => Math.floor(minute / 1440)));
  const isOneDay = moved.every((minute) => Math.floor(minute / 1440) === crossed);
  const anyDay = days === "*" && weekdays === "*" && months === "*";
  if (!anyDay && !isOneDay) return undefined;
  if (crossed !== 0 && !anyDay && (days !== "*" || months !== "*")) return undefined;
  const clock = moved.map((minute) => ((minute % 1440) + 1440) % 1440);
  const [newMinutes, newHours] = [
    distinct(clock.map((at) => at % 60)),
    distinct(clock.map((at) => Math.floor(at / 60))),
  ];
  if (newMinutes.length * newHours.length !== distinct(clock).length) return undefined;
  const newWeekdays =
    times.weekdays === undefined || crossed === undefined
      ? weekdays
      : distinct(times.weekdays.map((weekday) => (weekday + crossed + 7) % 7)).join(",");
  return `${newMinutes.join(",")} ${newHours.join(",")} ${days} ${months} ${newWeekdays}`;
}

function distinct(numbers: readonly number[]): readonly number[] {
  return [...new Set(numbers)].sort((one, other) => one - other);
}
