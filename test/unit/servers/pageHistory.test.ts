import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { roleChangesIn, roleLine } from "../../../installed/runbook/roles.js";
import { incidentsOver, watchStateIn } from "../../../installed/watch/state.js";
import { renderConditions } from "../../../postgres/watch/conditions.js";
import { historyOf, type Remembered } from "../../../servers/page/history.js";
import { factsIn } from "../../../servers/page/hostFacts.js";
import type { Update } from "../../../servers/page/update.js";
import { checkout } from "../../../toolchain/paths.mjs";

const at = (text: string) => Date.parse(text);
/** What a host of a server remembers that has this timeline since then, and this journal. */
const remembered = (
  name: string,
  state: Remembered["state"],
  timelines: Readonly<Record<number, string>>,
  roles = "",
): Remembered => ({
  name,
  state,
  timeline: Math.max(...Object.keys(timelines).map(Number)),
  facts: {
    timelines: new Map(
      Object.entries(timelines).map(([number, time]) => {
        return [Number(number), { text: `${Number(number) - 1}\t0/3000148\tno recovery target`, changed: at(time) }];
      }),
    ),
    ...(roles === "" ? {} : { roles: { text: roles, changed: 0 } }),
  },
});
const update = (began: string, ended: string, more: Partial<Update> = {}): Update => {
  return { kind: "update", began, ended, result: "succeeded", changes: { same: 20, update: 1 }, message: "", ...more };
};

describe("what a host prints of what it remembers", () => {
  it("is read with names, times and texts, and nothing of what was cut off", () => {
    const printed =
      "00000002.history\t2026-11-30 15:47:36.250000000 +0000\n\t1\t0/3000148\tno recovery target\nroles\t2026-11-30 15:00:00 +0000\n\ta\tb\n\t\nend\n";
    const facts = factsIn(printed);
    expect(facts?.timelines.get(2)).toEqual({
      text: "1\t0/3000148\tno recovery target",
      changed: at("2026-11-30T15:47:36.250Z"),
    });
    expect(facts?.roles).toEqual({ text: "a\tb\n", changed: at("2026-11-30T15:00:00Z") });
    expect(factsIn(printed.slice(0, -4))).toBeUndefined();
    expect(factsIn("")).toBeUndefined();
  });
});

describe("the history", () => {
  it("tells of a promotion by the runbook once, as the runbook wrote it down", () => {
    const server3 = remembered(
      "server3",
      "read-write",
      { 2: "2026-11-30T03:00:01.5Z" },
      "2026-11-30T03:00:02Z\tpromoted\tserver2\n",
    );
    const des10 = remembered(
      "des10",
      "in recovery, read-only",
      { 2: "2026-11-30T03:00:01.6Z" },
      "2026-11-30T03:05:00Z\tfollows\tserver3\n2026-11-3",
    );
    const updates = [update("2026-11-29T10:00:00.000Z", "2026-11-29T10:01:00.000Z", { message: "more connections" })];
    expect(historyOf(updates, [server3, des10])).toEqual({
      history: [
        {
          ...{ at: "2026-11-30T03:05:00Z", kind: "role", server: "des10", by: "hand", result: "succeeded" },
          message: "des10 follows server3 (runbook/repoint)",
        },
        {
          ...{ at: "2026-11-30T03:00:01Z", kind: "role", server: "server3", by: "hand", result: "succeeded" },
          message: "server3 took over from server2 (runbook/failover): timeline 2 begins, from 1 at 0/3000148",
        },
        {
          ...{ at: "2026-11-29T10:01:00Z", kind: "update", by: "pulumi", result: "succeeded" },
          message: "pulumi up: 20 same, 1 update (more connections)",
        },
      ],
      unknown: [],
    });
  });

  it("tells of one by pg_ctl: by hand, and of whom only while that takes writes", () => {
    const two = { 2: "2026-11-30T03:00:01Z" };
    const standby = remembered("des10", "in recovery, read-only", two);
    const [event] = historyOf([], [standby, remembered("server3", "read-write", two)]).history;
    expect(event).toMatchObject({ server: "server3", by: "hand" });
    const [unsure] = historyOf([], [standby]).history;
    expect(unsure).toMatchObject({ by: "hand", message: "a server took over: timeline 2 begins, from 1 at 0/3000148" });
    expect(unsure).not.toHaveProperty("server");
    // The stack of the primary tells of it.
    expect(historyOf([], [standby], true).history).toEqual([]);
  });

  it("tells of one by Pulumi: by what it wrote down, or by when it ran; a refresh promotes nobody", () => {
    const two = { 2: "2026-11-30T03:00:30Z" };
    const ran = update("2026-11-30T03:00:00Z", "2026-11-30T03:01:00Z");
    const line = roleLine({ at: "2026-11-30T03:00:31.123Z", what: "promoted", other: "server2", by: "pulumi" });
    const noted = historyOf([], [remembered("server3", "stopped", two, line)]).history;
    expect(noted).toMatchObject([
      { server: "server3", by: "pulumi", message: expect.stringMatching(/^server3 took over from server2: /) },
    ]);
    const of = (all: readonly Update[]) =>
      historyOf(all, [remembered("server3", "stopped", two)]).history.find(({ kind }) => kind === "role")?.by;
    expect(of([ran])).toBe("pulumi");
    expect(of([{ ...ran, kind: "refresh" }])).toBe("hand");
  });

  it("keeps apart what happened within a minute, and two timelines of one number", () => {
    const roles = ["2026-11-30T03:00:00Z\tpromoted\tserver2", "2026-11-30T03:00:20Z\trejoined\tdes10"].join("\n");
    const server3 = remembered("server3", "stopped", { 2: "2026-11-30T03:00:00Z" }, roles);
    const server2 = remembered(
      "server2",
      "read-write",
      { 2: "2026-11-30T03:00:00.1Z", 3: "2026-11-30T03:00:19Z" },
      "2026-11-30T03:00:20Z\tpromoted\tserver3\n",
    );
    const told = historyOf([], [server2, server3]).history.filter(({ message }) => message.includes("timeline"));
    expect(told.map(({ server, message }) => [server, message.slice(0, 30)])).toEqual([
      ["server2", "server2 took over from server3"],
      ["server3", "server3 took over from server2"],
    ]);
    const split = remembered("des10", "read-write", { 2: "2026-11-30T04:00:00Z" });
    split.facts.timelines.get(2);
    const other = new Map([[2, { text: "1\t0/4000000\tx", changed: at("2026-11-30T04:00:00Z") }]]);
    const both = historyOf([], [server2, { ...split, facts: { timelines: other } }]).history;
    expect(both.filter(({ message }) => message.includes("timeline 2"))).toHaveLength(2);
  });

  it("says of journals of upgrades that it does not understand", () => {
    const server = remembered("server2", "read-write", { 1: "2026-11-30T03:00:00Z" });
    const facts = { timelines: new Map(), upgrade: { text: "{}", changed: 0 }, upgrades: { text: "[{", changed: 0 } };
    expect(historyOf([], [{ ...server, facts }])).toEqual({
      history: [],
      unknown: [
        "what server2 remembers of earlier upgrades is of another pgsite",
        "what server2 remembers of an upgrade that is under way is of another pgsite",
      ],
    });
  });

  it("reads a journal of roles without lines that nobody wrote whole", () => {
    const lines = "2026-11-30T03:00:02Z\tpromoted\t\nyesterday\tpromoted\tx\n2026-11-30T03:00:02Z\tvanished\tx\n\n";
    expect(roleChangesIn(lines)).toEqual([{ at: "2026-11-30T03:00:02Z", what: "promoted", by: "hand" }]);
  });
});

describe("what a watch remembers", () => {
  it("is read as judge.awk writes it", () => {
    const folder = mkdtempSync(join(tmpdir(), "pgsite-judged-"));
    try {
      const file = (name: string, text: string) => {
        writeFileSync(join(folder, name), text);
        return join(folder, name);
      };
      const facts = (now: number, answers: string, log: string) =>
        `now\t\t${now}\nlooked\tserver\t1\nfact\tx\t1\nanswers\t\t${answers}\ndetail.silent\t\t${log}\n`;
      const judge = (before: string, seen: string) =>
        execFileSync(
          "awk",
          [
            ...["-f", join(checkout, "installed", "watch", "judge.awk"), "part=conditions"],
            ...[file("conditions", renderConditions()), "part=state", before, "part=facts", file("facts", seen)],
          ],
          {
            encoding: "utf8",
            env: { PATH: process.env.PATH, LC_ALL: "C", server: "one", role: "primary", state_to: join(folder, "new") },
          },
        );
      const state = () => execFileSync("cat", [join(folder, "new")], { encoding: "utf8" });
      judge("/dev/null", facts(1_796_000_000, "0", "no socket"));
      expect(watchStateIn(state())).toEqual({
        last: 1_796_000_000,
        open: [
          {
            ...{ condition: "silent", object: "", value: "0", threshold: "", detail: "no socket" },
            since: 1_796_000_000,
          },
        ],
      });
      const found = judge(file("old", state()), facts(1_796_003_600, "1", ""));
      const over = found.split("\n").flatMap((line) => /^mail\tend\t(.*)$/.exec(line)?.[1] ?? []);
      expect(incidentsOver(`${over.join("\n")}\ncut off\tx`)).toEqual([
        {
          ...{ condition: "silent", object: "", value: "1", threshold: "0", detail: "no socket" },
          ...{ since: 1_796_000_000, ended: 1_796_003_600 },
        },
      ]);
      expect(watchStateIn(state())).toEqual({ last: 1_796_003_600, open: [] });
      expect(watchStateIn("pgsite-watch\t2\nlast\t1\n")).toBeUndefined();
      expect(watchStateIn("")).toBeUndefined();
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
