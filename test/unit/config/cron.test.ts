import { Cron } from "croner";
import { execa } from "execa";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type CronProblem, parseCron } from "../../../config/cron.js";
import { calendarOf } from "../../../installed/schedule/calendar.js";

const problemsOf = (text: string): readonly CronProblem[] => {
  const parsed = parseCron(text);
  return "problems" in parsed ? parsed.problems : [];
};
const calendar = (text: string) => {
  const parsed = parseCron(text);
  if ("problems" in parsed) throw new Error(JSON.stringify(parsed.problems));
  return calendarOf(parsed.times);
};

/** What either of a field's words may be, in a form that every cron takes. */
function field(from: number, to: number, names: readonly string[] = []): fc.Arbitrary<string> {
  const value = fc.integer({ min: from, max: to });
  const pair = fc.tuple(value, value).map(([one, other]) => [Math.min(one, other), Math.max(one, other)] as const);
  const step = fc.integer({ min: 1, max: Math.min(to, 12) });
  const item = fc.oneof(
    value.map(String),
    pair.map(([first, last]) => `${first}-${last}`),
    fc.tuple(pair, step).map(([[first, last], each]) => `${first}-${last}/${each}`),
    ...(names.length === 0 ? [] : [fc.constantFrom(...names)]),
  );
  return fc.oneof(
    { weight: 3, arbitrary: fc.constant("*") },
    { weight: 1, arbitrary: step.map((each) => `*/${each}`) },
    { weight: 3, arbitrary: fc.array(item, { minLength: 1, maxLength: 3 }).map((items) => items.join(",")) },
  );
}

const months = ["jan", "Feb", "mar", "apr", "may", "jun", "jul", "AUG", "sep", "oct", "nov", "dec"];
const days = ["sun", "mon", "Tue", "wed", "thu", "FRI", "sat"];
const expression = fc
  .tuple(field(0, 59), field(0, 23), field(1, 31), field(1, 12, months), field(0, 7, days))
  .map((words) => words.join(" "));

/** The first times after a moment, as another program reads the expression. */
const after = new Date("2027-02-27T12:34:00Z");
const timesByCroner = (text: string, count: number) =>
  new Cron(text, { mode: "5-part", timezone: "UTC", domAndDow: false, paused: true })
    .nextRuns(count, after)
    .map((time) => time.getTime());

const elapses = /(?:Next elapse|Iter\. #\d+): \w+ (\d+-\d+-\d+) (\d+:\d+:\d+) UTC/g;
async function timesBySystemd(events: readonly string[], count: number): Promise<readonly number[]> {
  const options = ["--base-time=2027-02-27 12:34:00", `--iterations=${count}`];
  const { stdout } = await execa("systemd-analyze", ["calendar", ...options, "--", ...events], {
    env: { TZ: "UTC", LC_ALL: "C" },
  });
  const found = [...stdout.matchAll(elapses)].map(([, date, time]) => Date.parse(`${date}T${time}Z`));
  return [...new Set(found)].sort((one, other) => one - other).slice(0, count);
}

describe("a cron expression", () => {
  it("is in numbers for every cron, and in systemd's words", () => {
    expect(parseCron("  */15 2,14 * jan-mar  MON-fri ")).toMatchObject({
      times: { minutes: [0, 15, 30, 45], hours: [2, 14], months: [1, 2, 3], text: "*/15 2,14 * 1-3 1-5" },
    });
    expect(calendar("30 2 * * *")).toEqual(["*-*-* 02:30:00"]);
    expect(calendar("*/15 2,14 * jan-mar MON-fri")).toEqual(["Mon,Tue,Wed,Thu,Fri *-01,02,03-* 02,14:00,15,30,45:00"]);
    expect(calendar("0 5 * * 5-7")).toEqual(["Sun,Fri,Sat *-*-* 05:00:00"]);
    expect(calendar("0-59 * * * *")).toEqual(["*-*-* *:*:00"]);
  });

  it("with days of the month and of the week comes on either", () => {
    expect(calendar("0 3 1,15 * sun")).toEqual(["*-*-01,15 03:00:00", "Sun *-*-* 03:00:00"]);
  });

  it("is refused with the field and what it takes, where crons differ or none knows it", () => {
    expect(problemsOf("")).toEqual([{ code: "fields", found: 0 }]);
    expect(problemsOf("0 3 * *")).toEqual([{ code: "fields", found: 4 }]);
    expect(problemsOf("0 0 3 * * *")).toEqual([{ code: "fields", found: 6 }]);
    expect(problemsOf("@daily")).toEqual([{ code: "fields", found: 1 }]);
    expect(problemsOf("60 24 0 13 8")).toEqual([
      { code: "field", field: "minute", received: "60", from: 0, to: 59 },
      { code: "field", field: "hour", received: "24", from: 0, to: 23 },
      { code: "field", field: "day of the month", received: "0", from: 1, to: 31 },
      { code: "field", field: "month", received: "13", from: 1, to: 12 },
      { code: "field", field: "day of the week", received: "8", from: 0, to: 7 },
    ]);
    const minutes = [
      "5/10",
      "*/0",
      "*/60",
      "30-10",
      "1,",
      ",1",
      "1-2-3",
      "*,5",
      "5-*",
      "-1",
      "~",
      "1~5",
      "?",
      "L",
      "1#2",
      "mon",
      "001",
      "1;",
      "%",
    ];
    for (const word of minutes)
      expect(problemsOf(`${word} * * * *`), word).toMatchObject([{ code: "field", received: word.toLowerCase() }]);
    for (const word of ["L", "15W", "LW", "?"])
      expect(problemsOf(`0 0 ${word} * *`), word).toMatchObject([{ code: "field" }]);
    for (const word of ["5#2", "mon#1", "L", "8", "sat-sun", "monday"])
      expect(problemsOf(`0 0 * * ${word}`), word).toMatchObject([{ code: "field" }]);
    // Vixie's wants both, BusyBox either.
    for (const text of ["0 0 */2 * 1", "0 0 1 * */2", "0 0 1-31 * 1", "0 0 */2 * */2", "0 0 1 * 0-6"])
      expect(problemsOf(text), text).toEqual([{ code: "days" }]);
    for (const text of ["0 0 */2 * *", "0 0 1-31 * *", "0 0 */1 * 1"]) expect(problemsOf(text), text).toEqual([]);
  });

  it("is refused where no such day comes, and taken where one does in a leap year", () => {
    expect(problemsOf("0 0 30 2 *")).toEqual([{ code: "never" }]);
    expect(problemsOf("0 0 31 4,jun,9,11 *")).toEqual([{ code: "never" }]);
    expect(problemsOf("0 0 29 2 *")).toEqual([]);
    expect(problemsOf("0 0 30 2,3 *")).toEqual([]);
    expect(problemsOf("0 0 30 2 1")).toEqual([]);
  });

  it("that is taken comes when a library says, and when systemd does", async (context) => {
    if ((await execa("systemd-analyze", ["--version"], { reject: false })).exitCode !== 0)
      context.skip("no systemd here");
    let taken = 0;
    await fc.assert(
      fc.asyncProperty(expression, async (text) => {
        const parsed = parseCron(text);
        if ("problems" in parsed) {
          expect(
            parsed.problems.map(({ code }) => code),
            text,
          ).toEqual([expect.stringMatching(/^(days|never)$/)]);
          return;
        }
        taken += 1;
        const expected = timesByCroner(parsed.times.text, 4);
        // The library takes a */1 for days that are named.
        if (!/\*\/1(?!\d)/.test(text)) expect(timesByCroner(text, 4), text).toEqual(expected);
        expect(await timesBySystemd(calendarOf(parsed.times), 4), `${text} is ${calendarOf(parsed.times)}`).toEqual(
          expected,
        );
      }),
      { numRuns: 100 },
    );
    expect(taken).toBeGreaterThan(40);
  }, 60_000);
});
