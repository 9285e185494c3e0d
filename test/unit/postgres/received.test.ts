import { describe, expect, it } from "vitest";
import { compareReceived, type Received, streamEnd } from "../../../postgres/wal/received.js";
import { receivedInWords } from "../../../servers/words/loss.js";

describe("how a stream ended", () => {
  it.each([
    ["broken\tFATAL: no more\n", { kind: "broken", because: "FATAL: no more" }],
    ["early\tFATAL: an answer\n", { kind: "early", because: "FATAL: an answer" }],
    ["unknown\t\n", { kind: "unknown" }],
    ["unknown\tFATAL: unheard of\n", { kind: "unknown", because: "FATAL: unheard of" }],
    ["open\tLOG: started\n", { kind: "unknown" }],
    ["", { kind: "unknown" }],
  ])("is what the judge of the log printed: %j", (printed, end) => {
    expect(streamEnd(printed)).toEqual(end);
  });
});

describe("what was received", () => {
  const received = (lsn: string, more: Partial<Received> = {}): Received => ({
    timeline: 1,
    lsn,
    at: "2026-11-21T14:02:11.000Z",
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
    expect(receivedInWords(received("0/10", { ago }))).toBe(words);
  });
});
