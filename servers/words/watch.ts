import { filled, messages, valueInWords } from "../../installed/watch/messages.js";
import type { Incident } from "../../installed/watch/state.js";
import { conditions } from "../../postgres/watch/conditions.js";
import type { Unasked, WatchedCondition } from "../watch/ask.js";

/** The sentence about what a server's watch found, as its mail has it. */
export function watchedInWords({
  condition,
  object,
  value,
  threshold,
  detail,
  status,
  since,
}: WatchedCondition): string {
  const message = messages[condition];
  const unit = conditions.find(({ name }) => name === condition)?.tests[0].unit ?? "count";
  const sentence =
    message === undefined
      ? `${condition} ${object}`.trim()
      : filled(message.begins, {
          o: object,
          v: valueInWords(unit, value),
          t: valueInWords(unit, threshold),
          d: detail,
        });
  return status === "open"
    ? `${sentence} Since ${timeInWords(since)}.`
    : `${sentence} It is not mailed of yet, or follows from something else.`;
}

/** The sentence about an incident that a watch has mailed of: as its mail began. */
export function incidentInWords({ condition, object, value, threshold, detail }: Incident): string {
  const message = messages[condition];
  if (message === undefined) return `${condition} ${object}`.trim();
  const unit = conditions.find(({ name }) => name === condition)?.tests[0].unit ?? "count";
  const [v, t] = [value, threshold].map((number) => valueInWords(unit, number)) as [string, string];
  return filled(message.begins, { o: object, v, t, d: detail });
}

/** That a watch has not looked as it should, so that nobody knows of what it would have seen. @param last seconds since 1970 */
export function silentWatchInWords(server: string, isThere: boolean, last?: number): string {
  if (last !== undefined) return `the watch of ${server} looked last ${timeInWords(last)}: does cron run there?`;
  return isThere
    ? `what the watch of ${server} remembers is of another version of it`
    : `the watch of ${server} has not looked yet`;
}

/** Why a server's watch could not be asked, and what to do. */
export function unaskedInWords(unasked: Unasked): string {
  switch (unasked.code) {
    case "host":
      return unasked.because;
    case "notInstalled":
      return `there is no ${unasked.path}: pulumi up installs what the stack declares (watch:)`;
    case "failed":
      return `its watch ended with status ${unasked.status}${unasked.because === "" ? "" : `: ${unasked.because}`}`;
  }
}

function timeInWords(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace(/\.\d+Z$/, "Z");
}
