/** The five fields of a cron expression (crontab(5)), in their order. */
const fields = [
  { name: "minute", from: 0, to: 59, names: [] },
  { name: "hour", from: 0, to: 23, names: [] },
  { name: "day of the month", from: 1, to: 31, names: [] },
  {
    name: "month",
    from: 1,
    to: 12,
    names: ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
  },
  { name: "day of the week", from: 0, to: 7, names: ["sun", "mon", "tue", "wed", "thu", "fri", "sat"] },
] as const;

type Field = (typeof fields)[number];
export type FieldName = Field["name"];

/** When something is to run, in the host's own time. `undefined`: whatever it is. */
export interface CronTimes {
  readonly minutes: readonly number[] | undefined;
  readonly hours: readonly number[] | undefined;
  readonly days: readonly number[] | undefined;
  readonly months: readonly number[] | undefined;
  /** 0 is Sunday. With `days`, either of the two is enough. */
  readonly weekdays: readonly number[] | undefined;
  /** The expression as every cron takes it: numbers, and one blank between the fields. */
  readonly text: string;
}

export type CronProblem =
  | { readonly code: "fields"; readonly found: number }
  | {
      readonly code: "field";
      readonly field: FieldName;
      readonly received: string;
      readonly from: number;
      readonly to: number;
    }
  /** Days by the month and by the week, one of them as a step from `*` or in full: crons differ in what that means. */
  | { readonly code: "days" }
  /** No month that is named has a day that is named. */
  | { readonly code: "never" };

/**
 * Reads a cron expression that means the same to every cron (Vixie's, cronie, BusyBox) and to a systemd timer: five fields of
 * `*`, `*` with a step, and lists of numbers, names, ranges and ranges with a step. Nothing that only some of them know.
 */
export function parseCron(text: string): { readonly times: CronTimes } | { readonly problems: readonly CronProblem[] } {
  const words = text.trim().toLowerCase().split(/\s+/);
  if (words.length !== fields.length)
    return { problems: [{ code: "fields", found: text.trim() === "" ? 0 : words.length }] };
  const parsed = fields.map((field, index) => parseField(words[index] as string, field));
  const problems = parsed.flatMap((values, index): CronProblem[] => {
    if (values !== undefined) return [];
    const { name, from, to } = fields[index] as Field;
    return [{ code: "field", field: name, received: words[index] as string, from, to }];
  });
  if (problems.length > 0) return { problems };
  const [minutes, hours, days, months, weekdays] = parsed.map((values, index) => {
    const { from, to } = fields[index] as Field;
    const all = index === 4 ? 7 : to - from + 1;
    const distinct = [...new Set((values ?? []).map((value) => (index === 4 ? value % 7 : value)))].sort(
      (a, b) => a - b,
    );
    return { values: distinct.length === all ? undefined : distinct, isStar: words[index]?.startsWith("*") === true };
  }) as [Values, Values, Values, Values, Values];
  const isAny = ({ values, isStar }: Values) => isStar && values === undefined;
  const isPlain = ({ values, isStar }: Values) => !isStar && values !== undefined;
  // `*/2` beside days of the week: both are needed, or either is enough. `1-31` the same.
  if (![days, weekdays].some(isAny) && ![days, weekdays].every(isPlain)) return { problems: [{ code: "days" }] };
  if (weekdays.values === undefined && !comes(days.values, months.values)) return { problems: [{ code: "never" }] };
  return {
    times: {
      minutes: minutes.values,
      hours: hours.values,
      days: days.values,
      months: months.values,
      weekdays: weekdays.values,
      // A day of the month of `*/1` is no `*` to every cron.
      text: words.map((word, index) => (word === "*/1" ? "*" : inNumbers(word, fields[index] as Field))).join(" "),
    },
  };
}

interface Values {
  /** Undefined if it is all of them. */
  readonly values: readonly number[] | undefined;
  readonly isStar: boolean;
}

/** Undefined where it is none. */
function parseField(word: string, field: Field): readonly number[] | undefined {
  const numbers = inNumbers(word, field);
  const every = /^\*(?:\/(\d+))?$/.exec(numbers);
  // Its week has seven days, although 7 is a Sunday as well.
  const last = field.name === "day of the week" ? 6 : field.to;
  if (every !== null) return range(field.from, last, every[1], field);
  const parts = numbers.split(",").map((item) => {
    const [, first, end, step] = /^(\d{1,2})(?:-(\d{1,2})(?:\/(\d+))?)?$/.exec(item) ?? [];
    return first === undefined ? undefined : range(Number(first), Number(end ?? first), step, field);
  });
  return parts.includes(undefined) ? undefined : (parts as number[][]).flat();
}

function range(first: number, last: number, stepText: string | undefined, { from, to }: Field): number[] | undefined {
  const step = Number(stepText ?? 1);
  if (first < from || last > to || first > last || step < 1 || step > to) return undefined;
  return Array.from({ length: Math.floor((last - first) / step) + 1 }, (_, index) => first + index * step);
}

function inNumbers(word: string, { names, from }: Field): string {
  return word.replaceAll(/[a-z]+/g, (name) => {
    const index = (names as readonly string[]).indexOf(name);
    return index < 0 ? name : `${index + from}`;
  });
}

/** Whether there is such a day in such a month, of a leap year if need be. */
function comes(days: readonly number[] | undefined, months: readonly number[] | undefined): boolean {
  const longest = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
  const first = Math.min(...(days ?? [1]));
  return (months ?? [1]).some((month) => first <= (longest[month - 1] ?? 0));
}
