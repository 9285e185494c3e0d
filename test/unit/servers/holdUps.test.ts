import { describe, expect, it } from "vitest";
import { processesIn, stuckAmong } from "../../../servers/process/children.js";
import { type Answer, holdUpsIn } from "../../../servers/process/holdUps.js";
import { Moving } from "../../../servers/process/moving.js";
import { heldUpInWords, notStoppedInWords } from "../../../servers/words/stop.js";

const quiet: Answer = {
  now: "1/0",
  inRecovery: false,
  senders: [],
  backups: [],
  prepared: 0,
  paused: false,
  redo: "1/0",
  synchronous: "",
};
const sender = {
  ...{ pid: 1, name: "server3", from: "10.0.0.3", state: "streaming", sync: "async" },
  ...{ sent: "1/0", flushed: "1/0", age: 100, silent: 1 },
};

describe("a server's answer to what holds up its shutdown", () => {
  it("is nothing where nothing does", () => {
    expect(holdUpsIn({ ...quiet, senders: [sender] }, 0)).toEqual([]);
  });

  it("has each thing that does, with its figures", () => {
    const senders = [
      { ...sender, silent: 40 },
      { ...sender, name: "far", flushed: "0/F0000000" },
      { ...sender, name: "pg_basebackup", from: null, state: "backup" },
      // pg_receivewal, or before 12, says nothing of when it last did.
      { ...sender, flushed: null, silent: null },
    ];
    const backups = [{ name: "nightly", from: "10.0.0.9", age: 7 }];
    expect(holdUpsIn({ ...quiet, senders, backups, prepared: 3, redo: "0/10000000" }, 2)).toEqual([
      { code: "preparedTransactions", count: 3 },
      { code: "preparedTooMany", count: 3, declared: 2 },
      { code: "baseBackup", name: "pg_basebackup", seconds: 100 },
      { code: "baseBackup", name: "nightly", from: "10.0.0.9", seconds: 7 },
      { code: "receiverSilent", name: "server3", from: "10.0.0.3", seconds: 40 },
      { code: "receiverBehind", name: "far", from: "10.0.0.3", bytes: 0x10000000 },
      { code: "checkpointDue", bytes: 0xf0000000 },
    ]);
    expect(holdUpsIn({ ...quiet, inRecovery: true, paused: true, redo: "0/0" })).toEqual([{ code: "replayPaused" }]);
  });

  it("is said with what is done about it, and nothing that a client wrote breaks its line", () => {
    const stuck = { code: "processStuck", pid: 7, title: "postgres: a\nb", in: "call", seconds: 2 } as const;
    expect(heldUpInWords("server2", "restart", [{ code: "preparedTransactions", count: 1 }])).toBe(
      "server2, before it is stopped: 1 prepared transaction survives this and is there when it runs again",
    );
    expect(notStoppedInWords("server2", "hand over", [stuck])).toMatch(
      /^server2 is not stopped, and runs as before: [^\n]*state D/,
    );
  });
});

describe("a server's processes", () => {
  const printed = [
    "process 10 S 5 /usr/bin/postgres -D /data",
    "process 11 S 6 postgres: main: archiver archiving 000000010000000000000003",
    "process 12 D 7 postgres: archiver archiving [local] idle",
    "command 11 42",
    "command 12 42",
    "",
  ].join("\n");

  it("are read with what their archiver is at, and no session passes for one", () => {
    const found = processesIn(printed);
    expect(found.map(({ pid, commandFor }) => [pid, commandFor])).toEqual([
      [10, undefined],
      [11, 42],
      [12, undefined],
    ]);
  });

  it("are stuck where they did nothing between three looks, and could not", async () => {
    const seen = processesIn(printed);
    expect((await stuckAmong(seen, async () => seen)).map(({ pid }) => pid)).toEqual([12]);
    const going = seen.map((one) => ({ ...one, switches: one.switches + 1 }));
    expect(await stuckAmong(seen, async () => going)).toEqual([]);
  });
});

describe("a standby that is behind", () => {
  it("gets on while it comes further, up to where it is to come", () => {
    const moving = new Moving();
    moving.note(["0/100", null], "0/1000", 0);
    expect(moving.isMoving(0)).toBe(false);
    moving.note(["0/500", "0/100"], "0/1000", 10_000);
    expect(moving.isMoving(20_000)).toBe(true);
    expect(moving.lacks()).toBe(0x1000 - 0x100);
    expect(moving.isMoving(25_001)).toBe(false);
    // Others write on: what is received beyond the marker says nothing of its replay.
    moving.note(["0/1000", "0/100"], "0/1000", 30_000);
    moving.note(["0/9000", "0/100"], "0/1000", 50_000);
    expect(moving.isMoving(50_000)).toBe(false);
  });
});
