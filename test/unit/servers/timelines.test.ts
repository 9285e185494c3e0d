import { describe, expect, it } from "vitest";
import { parseHistory } from "../../../servers/wal/forks.js";
import { type Branch, divergence, forkOf } from "../../../servers/wal/timelines.js";
import { divergenceInWords } from "../../../servers/words/divergence.js";

const at = (timeline: number, checkpoint: bigint, ...parents: readonly (readonly [number, bigint])[]): Branch => ({
  cluster: 7n,
  timeline,
  checkpoint,
  parents: parents.map(([parent, until]) => ({ timeline: parent, until })),
});

/** Without what becomes of it. */
const inWords = (found: ReturnType<typeof divergence>) =>
  found && divergenceInWords("server3", { ...found, remedy: "by hand" }).replace(/ \(.*\)$/, "");

describe("a history file", () => {
  it("names each timeline that its own came from, and where that was left", () => {
    expect(parseHistory("1\t0/3000148\tno recovery target specified\n\n2\t1/A0\tbefore 2026-01-01\n")).toEqual([
      { timeline: 1, until: 0x3000148n },
      { timeline: 2, until: 0x1000000a0n },
    ]);
  });

  it("names the segment in which each was left where it is one of 9.2 and earlier", () => {
    const text = "1\t000000010000000000000003\tno recovery target specified\n\n2\t0000000200000001000000FE\tbefore\n";
    expect(parseHistory(text)).toEqual([
      { timeline: 1, segment: "000000010000000000000003" },
      { timeline: 2, segment: "0000000200000001000000FE" },
    ]);
  });
});

describe("a standby", () => {
  it("has not diverged on its primary's timeline, or behind the place where its primary left its own", () => {
    expect(divergence(at(1, 900n), at(1, 500n))).toBeUndefined();
    expect(divergence(at(2, 900n, [1, 300n]), at(2, 500n, [1, 300n]))).toBeUndefined();
    expect(divergence(at(1, 300n), at(2, 500n, [1, 300n]))).toBeUndefined();
  });

  it("has diverged on a timeline that its primary's does not come from", () => {
    const found = divergence(at(2, 900n, [1, 300n]), at(1, 500n));
    expect(found).toEqual({ kind: "unrelated", timeline: 2, primaryTimeline: 1 });
    expect(inWords(found)).toBe("2, and that of the primary, 1, does not come from it");
  });

  it("has diverged where it wrote on after its primary had left its timeline: a former primary", () => {
    const found = divergence(at(1, 301n), at(2, 500n, [1, 300n]));
    expect(found).toEqual({ kind: "went on", timeline: 1, primaryTimeline: 2 });
    expect(inWords(found)).toBe("1, and went on after the primary had left that for 2");
  });

  it("may have diverged where it is within the segment in which its primary left its timeline, and nothing tells more", () => {
    const primary = { ...at(2, 900n), parents: [{ timeline: 1, until: 300n, latest: 400n }] };
    expect(divergence(at(1, 300n), primary)).toBeUndefined();
    const found = divergence(at(1, 301n), primary);
    expect(found).toEqual({ kind: "untold", timeline: 1, primaryTimeline: 2 });
    expect(inWords(found)).toBe("1, which the primary has left for 2, and nothing tells whether it went on after that");
    expect(divergence(at(1, 400n), primary)).toMatchObject({ kind: "went on" });
    expect(forkOf(at(1, 350n), primary)).toEqual({ timeline: 1, until: 300n, latest: 400n });
  });

  it("has the same past as another where what one knows exactly lies within what the other knows", () => {
    const within = (until: bigint, latest?: bigint): Branch => ({
      ...at(2, 900n),
      parents: [{ timeline: 1, until, ...(latest === undefined ? {} : { latest }) }],
    });
    expect(divergence(within(310n), within(300n, 400n))).toBeUndefined();
    expect(divergence(within(300n, 400n), within(300n, 400n))).toBeUndefined();
    expect(divergence(within(410n), within(300n, 400n))).toMatchObject({ kind: "same number" });
  });

  it("is not judged by its timeline where it is of another cluster", () => {
    expect(divergence({ ...at(2, 900n, [1, 300n]), cluster: 8n }, at(1, 500n))).toBeUndefined();
  });

  it("has diverged where two were promoted to a timeline of the same number", () => {
    const found = divergence(at(2, 900n, [1, 310n]), at(2, 500n, [1, 300n]));
    expect(found).toEqual({ kind: "same number", timeline: 2, primaryTimeline: 2 });
    expect(inWords(found)).toBe("another 2 than the primary's, and left the common past elsewhere");
  });

  it("is not said to have diverged where no history file tells", () => {
    expect(divergence(at(1, 900n), { cluster: 7n, timeline: 2, checkpoint: 500n })).toBeUndefined();
    expect(divergence({ cluster: 7n, timeline: 2, checkpoint: 900n }, at(2, 500n, [1, 300n]))).toBeUndefined();
  });
});
