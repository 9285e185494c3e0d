import { describe, expect, it } from "vitest";
import { asksForNobody, commitsWaitFor, forbidding, type HoldUp, worthWaiting } from "../../../postgres/holdUps.js";

const stuck: HoldUp = { code: "processStuck", pid: 7, title: "postgres: a b c SELECT", in: "stop", seconds: 2 };
const copying: HoldUp = { code: "baseBackup", name: "pg_basebackup", seconds: 9 };
const prepared: HoldUp = { code: "preparedTransactions", count: 1 };

describe("what holds up a shutdown", () => {
  it("forbids a restart and a switchover where nothing is safe, and is waited for where it passes", () => {
    const all = [prepared, copying, stuck];
    expect(forbidding("restart", all)).toEqual([stuck]);
    expect(forbidding("hand over", all)).toEqual([stuck]);
    expect(worthWaiting("restart", all)).toEqual([copying]);
  });

  it("keeps no server that is not the site's running", () => {
    expect(forbidding("give up", [copying, stuck])).toEqual([]);
    expect(worthWaiting("give up", [copying, stuck])).toEqual([]);
  });
});

describe("commits wait for a standby that is away", () => {
  it.each([
    ["server3", "sync", [], true],
    ["server3, des10", "sync", ["potential"], false],
    ["2 (a, b, c)", "sync", ["sync"], true],
    ["FIRST 2 (a, b, c)", "sync", ["sync", "potential"], false],
    ["ANY 1 (a, b)", "quorum", ["async"], true],
    ["any 1 (a, b)", "quorum", ["quorum"], false],
    ["ANY 2 (a, b, c)", "quorum", ["quorum"], true],
    ["server3", "async", ["sync"], false],
    ["server3, des10", "potential", ["sync"], false],
    ["", "async", [], false],
  ] as const)("by %s, as %s beside %j: %s", (names, state, others, waits) => {
    expect(commitsWaitFor(names, state, others)).toBe(waits);
  });

  it.each([
    ["server3", ["server2", "des10"], true],
    ['ANY 1 ("Server2", server3)', ["server2"], false],
    ["FIRST 2 (server3, server4)", ["server2"], true],
    ["*", ["server2"], false],
    ["", ["server2"], false],
  ] as const)("for ever, where %s names none of %j: %s", (names, streaming, nobody) => {
    expect(asksForNobody(names, streaming)).toBe(nobody);
  });
});
