import { describe, expect, it } from "vitest";
import { compareReceived, type Received, receivedWords, streamEnd, tellingLines } from "../../../postgres/received.js";

const stamp = "2026-11-21 14:02:11.123 UTC [42] ";
const began = `${stamp}LOG:  started streaming WAL from primary at 0/3000000 on timeline 1`;
const broke = `${stamp}FATAL:  could not receive data from WAL stream: server closed the connection unexpectedly`;
const refusedConnection = `${stamp}FATAL:  could not connect to the primary server: connection to server at "192.0.2.2", port 5432 failed: Connection refused`;

const living = [
  `${stamp}FATAL:  could not connect to the primary server: FATAL:  password authentication failed for user "replicator"`,
  `${stamp}FATAL:  could not connect to the primary server: connection to server at "192.0.2.2", port 5432 failed: FATAL:  no pg_hba.conf entry for replication connection from host "192.0.2.3", user "replicator", no encryption`,
  `${stamp}FATAL:  could not connect to the primary server: connection to server at "192.0.2.2", port 5432 failed: FATAL:  role "replicator" is not permitted to log in`,
  `${stamp}FATAL:  could not receive data from WAL stream: ERROR:  requested WAL segment 000000010000000000000003 has already been removed`,
  `${stamp}FATAL:  could not start WAL streaming: ERROR:  replication slot "server3" does not exist`,
];

describe("how a standby's stream ended, by its log", () => {
  it("is not asked while its walreceiver streams", () => {
    expect(streamEnd([began, broke], true)).toEqual({ kind: "open" });
  });

  it("is with its primary, where the other end closed it or fell silent, and nobody answered after that", () => {
    const because = "FATAL: could not receive data from WAL stream: server closed the connection unexpectedly";
    expect(streamEnd([began, broke, refusedConnection], false)).toEqual({ kind: "broken", because });
    const silent = `${stamp}FATAL:  terminating walreceiver due to timeout`;
    expect(streamEnd([began, silent], false).kind).toBe("broken");
  });

  it("is with its primary too where the beginning of the stream is in no log any more", () => {
    expect(streamEnd([broke], false).kind).toBe("broken");
  });

  it("is with all of its primary's WAL, where that was shut down", () => {
    const finished = `${stamp}LOG:  replication terminated by primary server`;
    expect(streamEnd([began, finished, broke], false).kind).toBe("finished");
  });

  it.each(living)("was before, where a living server answered later: %s", (line) => {
    expect(streamEnd([began, broke, line, refusedConnection], false)).toMatchObject({ kind: "early" });
    expect(new RegExp(tellingLines).test(line)).toBe(true);
  });

  it("was before, where the primary ended it by hand", () => {
    const ended = `${stamp}FATAL:  could not receive data from WAL stream: FATAL:  terminating connection due to administrator command`;
    expect(streamEnd([began, ended, refusedConnection], false).kind).toBe("broken");
    expect(streamEnd([began, ended, living[2] ?? ""], false).kind).toBe("early");
  });

  it("was before, where the standby ended it itself", () => {
    const own = `${stamp}FATAL:  terminating walreceiver process due to administrator command`;
    expect(streamEnd([began, own, refusedConnection], false).kind).toBe("early");
    const stopped = `${stamp}LOG:  received fast shutdown request`;
    expect(streamEnd([began, stopped], false).kind).toBe("early");
  });

  it("is not that of a stream before the last one", () => {
    expect(streamEnd([began, broke, living[0] ?? "", began, broke], false).kind).toBe("broken");
  });

  it("is not the end of a timeline that it followed into the next", () => {
    const fork = `${stamp}LOG:  replication terminated by primary server`;
    const again = `${stamp}LOG:  restarted WAL streaming at 0/5000000 on timeline 2`;
    expect(streamEnd([began, fork, again, broke], false).kind).toBe("broken");
    expect(streamEnd([began, fork, again], false).kind).toBe("unknown");
    expect(new RegExp(tellingLines).test(again)).toBe(true);
  });

  it("is not told by a primary that is on its way down or up", () => {
    const inBetween = `${stamp}FATAL:  could not connect to the primary server: FATAL:  the database system is shutting down`;
    expect(streamEnd([began, broke, inBetween], false).kind).toBe("broken");
  });

  it("is not known where the log says nothing of it", () => {
    expect(streamEnd([], false)).toEqual({ kind: "unknown" });
    expect(streamEnd([began], false)).toEqual({ kind: "unknown" });
  });
});

describe("what was received", () => {
  const received = (lsn: string, more: Partial<Received> = {}): Received => ({
    timeline: 1,
    lsn,
    at: Date.UTC(2026, 10, 21, 14, 2, 11),
    ago: 1000,
    stream: { kind: "broken" },
    ...more,
  });

  it("is compared by timeline, then by position as a number", () => {
    expect(compareReceived(received("0/9000000"), received("0/A000000"))).toBeLessThan(0);
    expect(compareReceived(received("0/FFFFFFFF"), received("1/0"))).toBeLessThan(0);
    expect(compareReceived(received("1/0", { timeline: 1 }), received("0/10", { timeline: 2 }))).toBeLessThan(0);
    expect(compareReceived(received("0/10"), received("0/10"))).toBe(0);
  });

  it.each([
    [35_400, "up to 0/10 at 14:02:11 UTC, 35 s ago"],
    [300_000, "up to 0/10 at 14:02:11 UTC, 5 min ago"],
    [3 * 3_600_000, "up to 0/10 at 14:02:11 UTC, 3 h ago"],
    [3 * 86_400_000, "up to 0/10 at 2026-11-21 14:02:11 UTC, 3 days ago"],
  ])("is said with its age: %d ms", (ago, words) => {
    expect(receivedWords(received("0/10", { ago }))).toBe(words);
  });
});
