import { execFileSync, spawnSync } from "node:child_process";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

const script = join(import.meta.dirname, "../../../installed/backups/retention.awk");
const awks = [["mawk"], ["gawk"], ["busybox", "awk"]].filter(
  ([program = ""]) => spawnSync(program, ["--help"]).error === undefined,
);

interface Run {
  readonly name: string;
  readonly state: "whole" | "partial" | "damaged";
  readonly verified: boolean;
}

interface Keep {
  readonly last: number;
  readonly daily: number;
  readonly weekly: number;
  readonly monthly: number;
}

/** Names that go. */
function gone(runs: readonly Run[], keep: Keep, made = "", awk = awks[0] as string[]): readonly string[] {
  const [program = "", ...args] = awk;
  const numbers = Object.entries({ ...keep, made }).flatMap(([name, value]) => ["-v", `${name}=${value}`]);
  const input = runs.map(({ name, state, verified }) => `${name}\t${state}\t${verified ? 1 : 0}\n`).join("");
  const text = execFileSync(program, [...args, ...numbers, "-f", script], {
    input,
    env: { ...process.env, LC_ALL: "C" },
  });
  return text
    .toString()
    .split("\n")
    .filter((line) => line !== "");
}

const runName = (time: Date) => `${time.toISOString().slice(0, 19).replaceAll(/[-:]/g, "")}Z`;
const whole = (name: string, verified = false): Run => ({ name, state: "whole", verified });
const timeOf = (name: string) =>
  new Date(
    `${name.slice(0, 4)}-${name.slice(4, 6)}-${name.slice(6, 8)}T${name.slice(9, 11)}:${name.slice(11, 13)}:${name.slice(13, 15)}Z`,
  );

/** The ISO week, found by its Thursday. */
function isoWeek(time: Date): string {
  const thursday = new Date(time);
  thursday.setUTCDate(thursday.getUTCDate() + 3 - ((thursday.getUTCDay() + 6) % 7));
  const first = Date.UTC(thursday.getUTCFullYear(), 0, 1);
  return `${thursday.getUTCFullYear()}-${Math.ceil(((thursday.getTime() - first) / 86_400_000 + 1) / 7)}`;
}

const periods = {
  daily: (name: string) => name.slice(0, 8),
  weekly: (name: string) => isoWeek(timeOf(name)),
  monthly: (name: string) => name.slice(0, 6),
} as const;

/** The same, by other means: names of whole runs that stay. */
function stay(runs: readonly Run[], keep: Keep, made: string): ReadonlySet<string> {
  const newestFirst = runs
    .filter(({ state }) => state === "whole")
    .map(({ name }) => name)
    .sort()
    .reverse();
  if (keep.last + keep.daily + keep.weekly + keep.monthly === 0) return new Set(newestFirst);
  const verified = newestFirst.find((name) => runs.some((run) => run.name === name && run.verified));
  const kept = new Set([
    ...newestFirst.slice(0, Math.max(1, keep.last)),
    ...(verified === undefined ? [] : [verified]),
  ]);
  if (newestFirst.includes(made)) kept.add(made);
  for (const [kind, of] of Object.entries(periods)) {
    const newest = new Map<string, string>();
    for (const name of newestFirst) if (!newest.has(of(name))) newest.set(of(name), name);
    for (const name of [...newest.values()].slice(0, keep[kind as keyof typeof periods])) kept.add(name);
  }
  return kept;
}

describe("what retention removes", () => {
  it("is what no number keeps", () => {
    const days = Array.from({ length: 40 }, (_, day) => whole(runName(new Date(Date.UTC(2026, 10, 1 + day, 11, 2)))));
    const removed = gone(days, { last: 1, daily: 3, weekly: 3, monthly: 2 });
    const kept = days
      .map(({ name }) => name.slice(4, 8))
      .filter((day) => !removed.some((name) => name.slice(4, 8) === day));
    // The 10th is the newest; Sundays are the 6th and the 29th; the newest of November is the 30th.
    expect(kept).toEqual(["1129", "1130", "1206", "1208", "1209", "1210"]);
  });

  it("is never the newest whole run, the newest verified one or the one just made", () => {
    const runs = [
      whole("20260101T000000Z", true),
      whole("20260102T000000Z"),
      whole("20260103T000000Z"),
      whole("20250101T000000Z"),
    ];
    expect(gone(runs, { last: 1, daily: 0, weekly: 0, monthly: 0 })).toEqual(["20250101T000000Z", "20260102T000000Z"]);
    expect(gone(runs, { last: 1, daily: 0, weekly: 0, monthly: 0 }, "20250101T000000Z")).toEqual(["20260102T000000Z"]);
  });

  it("is what is partial or damaged once a newer run is whole, and never a whole one where nothing is declared", () => {
    const runs: Run[] = [
      { name: "20260101T000000Z", state: "partial", verified: false },
      { name: "20260102T000000Z", state: "damaged", verified: true },
      whole("20260103T000000Z"),
      whole("20260104T000000Z"),
      { name: "20260105T000000Z", state: "partial", verified: false },
      { name: "20260106T000000Z", state: "damaged", verified: false },
    ];
    const none = { last: 0, daily: 0, weekly: 0, monthly: 0 };
    expect(gone(runs, none)).toEqual(["20260101T000000Z", "20260102T000000Z"]);
    expect(gone(runs.slice(4), none)).toEqual([]);
  });

  it.each(awks.map((awk) => [awk.join(" "), awk] as const))(
    "over two years of runs that fail, are verified or found damaged, is as declared (%s)",
    (_, awk) => {
      fc.assert(
        fc.property(
          fc.record({ last: fc.nat(5), daily: fc.nat(8), weekly: fc.nat(6), monthly: fc.nat(14) }),
          fc.constantFrom(1, 7),
          fc.infiniteStream(fc.nat(99)),
          (keep, every, dice) => {
            let place: Run[] = [];
            const roll = (percent: number) => (dice.next().value as number) < percent;
            for (let day = 0; day < 730; day += every) {
              const name = runName(new Date(Date.UTC(2026, 0, 1 + day, 11, 2, dice.next().value % 60)));
              const state = roll(15) ? "partial" : "whole";
              place.push({ name, state, verified: false });
              place = place.map((run) => {
                if (run.state !== "whole") return run;
                return roll(1)
                  ? { ...run, state: "damaged" as const }
                  : { ...run, verified: run.verified || roll(every) };
              });
              // A run that failed removes nothing; and many days are looked at in one call where nothing hangs on them.
              if (state === "partial" || day % (7 * 9) !== 0) continue;
              const newestVerified = place.filter(({ state: is, verified }) => is === "whole" && verified).at(-1)?.name;
              const removed = new Set(gone(place, keep, name, awk));
              const expected = stay(place, keep, name);
              const newest = place.filter(({ state: is }) => is === "whole").at(-1)?.name ?? "";
              for (const run of place) {
                const stays = run.state === "whole" ? expected.has(run.name) : run.name > newest;
                expect(removed.has(run.name), `${run.name} ${run.state}`).toBe(!stays && run.name !== name);
              }
              place = place.filter((run) => !removed.has(run.name));
              if (newestVerified !== undefined) expect(place.map((run) => run.name)).toContain(newestVerified);
            }
          },
        ),
        { numRuns: 12 },
      );
    },
  );
});
