import prettyBytes from "pretty-bytes";
import prettyMilliseconds from "pretty-ms";
import type { PageServer } from "../servers/page/model.js";

/** What the page itself says about sizes, spans and times. Pure: the clock is given. */

export const bytes = (count: number): string => prettyBytes(count);

export const seconds = (count: number): string => prettyMilliseconds(Math.round(count) * 1000, { unitCount: 2 });

const units = [
  [86_400, "d"],
  [3600, "h"],
  [60, "min"],
] as const;

/** How long, in the largest unit that holds a whole one, and the next one: `6 d 15 h`. */
export function span(milliseconds: number): string {
  let rest = Math.max(0, milliseconds) / 1000;
  const parts = units.map(([length, unit]) => {
    const whole = Math.floor(rest / length);
    rest -= whole * length;
    return { whole, text: `${whole} ${unit}` };
  });
  const first = parts.findIndex(({ whole }) => whole > 0);
  const shown = first < 0 ? [] : parts.slice(first, first + 2).filter(({ whole }) => whole > 0);
  return shown.length === 0 ? "less than a minute" : shown.map(({ text }) => text).join(" ");
}

/** `1 server`, `3 servers`. */
export function count(number: number, thing: string, things = `${thing}s`): string {
  return `${number} ${number === 1 ? thing : things}`;
}

/** `server2`, `server2 and server3`, `server2, server3 and 4 more`. */
export function names(all: readonly string[], most = 4): string {
  const shown = all.slice(0, most);
  const more = all.length - shown.length;
  const last = more > 0 ? `${more} more` : shown.pop();
  return shown.length === 0 ? (last ?? "") : `${shown.join(", ")} and ${last}`;
}

/** How far back `at` lies. A page that was written ages by itself, so it says to when that counts; a live one does not. */
export function ago(at: string, written: string, live: boolean): string {
  const passed = Date.parse(written) - Date.parse(at);
  if (Number.isNaN(passed)) return "";
  if (passed < 0) return live ? "not yet" : "later than this was written";
  return `${span(passed)} ${live ? "ago" : "before"}`;
}

/** A moment by UTC and by this browser's clock. `zone`: how far that is from UTC, left out if it is not. */
export interface Moment {
  readonly utc: string;
  readonly local?: string;
}

const two = (number: number): string => String(number).padStart(2, "0");

/** What is no time is shown as it is. */
export function moment(at: string): Moment {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return { utc: at };
  const [day, clock] = [date.toISOString().slice(0, 10), date.toISOString().slice(11, 16)];
  const utc = `${day} ${clock} UTC`;
  if (date.getTimezoneOffset() === 0) return { utc };
  const here = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  const time = `${two(date.getHours())}:${two(date.getMinutes())}`;
  return { utc, local: `${here === day ? "" : `${here} `}${time} local` };
}

/** The browser's time zone: `America/Santiago, UTC−3`. */
export function zone(date: Date): string {
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
  const minutes = -date.getTimezoneOffset();
  if (minutes === 0) return "UTC";
  const [hours, rest] = [Math.floor(Math.abs(minutes) / 60), Math.abs(minutes) % 60];
  return `${timeZone}, UTC${minutes < 0 ? "−" : "+"}${hours}${rest === 0 ? "" : `:${two(rest)}`}`;
}

/** How far behind its upstream a server is. Undefined where that does not apply. */
export function lag({ state, lagBytes, lagSeconds, late }: PageServer): string | undefined {
  const why = late === undefined ? "" : ` (${late})`;
  if (state !== "in recovery, read-only" && state !== "in recovery, refuses queries") return undefined;
  if (lagBytes === undefined) return `not known${why}`;
  const time = lagBytes === 0 || lagSeconds === undefined ? "" : `, ${seconds(lagSeconds)}`;
  return `${bytes(lagBytes)}${time}${why}`;
}
