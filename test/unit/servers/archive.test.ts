import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Server } from "../../../config/site.js";
import type { Major } from "../../../postgres/versions.js";
import { type Answer, leftBehind, strangeness } from "../../../servers/archive/kept.js";
import { isWhole, type Manifest } from "../../../servers/archive/manifest.js";
import { bounded, checkpointIn } from "../../../servers/archive/pipeline.js";
import { withoutSlot, withSlot } from "../../../servers/archive/reserve.js";
import { tablespacesOf } from "../../../servers/archive/trust.js";
import { keeps, segmentAfter, segmentsBetween, startOf, timelineOf } from "../../../servers/wal/walSegments.js";

const megabyte = 1024 * 1024;
const size = 16 * megabyte;

describe("the segment that follows", () => {
  it("is the next of the same log, then the first of the next one; until 9.2 the last of each was never used", () => {
    expect(segmentAfter("000000010000001200000034", size, "10")).toBe("000000010000001200000035");
    expect(segmentAfter("0000000100000012000000FE", size, "9.3")).toBe("0000000100000012000000FF");
    expect(segmentAfter("0000000100000012000000FE", size, "9.0")).toBe("000000010000001300000000");
    expect(segmentAfter("0000000100000012000000FF", size, "15")).toBe("000000010000001300000000");
    expect(segmentAfter("00000001000000120000003F", 64 * megabyte, "15")).toBe("000000010000001300000000");
  });

  it("is the second of the two that a base backup copies, and begins where the first ends", () => {
    const sizes = fc.constantFrom(1, 16, 64, 1024).map((megabytes) => megabytes * megabyte);
    const versions = fc.constantFrom<Major>("9.0", "9.2", "9.3", "10", "18");
    fc.assert(
      fc.property(fc.nat(0xffff), fc.nat(0xfffff), sizes, versions, (log, number, bytes, version) => {
        const perLog = 2 ** 32 / bytes - (version === "9.0" || version === "9.2" ? 1 : 0);
        const hex = (value: number) => value.toString(16).toUpperCase().padStart(8, "0");
        const first = `0000000A${hex(log)}${hex(number % perLog)}`;
        const next = segmentAfter(first, bytes, version);
        expect(segmentsBetween(first, next, bytes, version)).toEqual([first, next]);
        const gap = perLog === 2 ** 32 / bytes || number % perLog < perLog - 1 ? 0 : bytes;
        expect(startOf(next, bytes) - startOf(first, bytes)).toBe(BigInt(bytes + gap));
        expect(timelineOf(next)).toBe(10);
      }),
    );
  });
});

describe("a server's WAL", () => {
  const needed = "000000020000000000000005";
  const there = (names: readonly string[], current: string) => keeps({ names, current }, needed, size);

  it("goes on from a segment that is there, of its timeline or one that took it over, or that is still to be written", () => {
    expect(there([needed], "0/9000000")).toBe(true);
    expect(there(["000000030000000000000005"], "0/9000000")).toBe(true);
    expect(there(["000000020000000000000004"], "0/5000000")).toBe(true);
  });

  it("does not where the segment is gone, and the oldest that is there is said", () => {
    const names = ["archive_status", "000000020000000000000009", "000000020000000000000008", "00000002.history"];
    expect(there(names, "0/9000000")).toEqual({ oldest: "000000020000000000000008" });
    expect(there(["000000010000000000000005"], "0/9000000")).toEqual({ oldest: undefined });
  });
});

describe("the upstream of what is restored", () => {
  const manifest = {
    systemIdentifier: "7",
    timeline: 2,
    stop: { lsn: "0/5000000", segment: "000000020000000000000004" },
  } as Manifest;
  const answer: Answer = { inRecovery: false, systemIdentifier: "7", current: "0/6000000", names: [] };
  const said = (more: Partial<Answer>) => strangeness({ ...answer, ...more }, manifest, "server2", "des10");

  it("may have begun further timelines since", () => {
    expect(said({})).toBeUndefined();
    expect(said({ history: [{ timeline: 1, until: 0x1000000n }] })).toBeUndefined();
    const later = [
      { timeline: 1, until: 0x1000000n },
      { timeline: 2, until: 0x5500000n },
    ];
    expect(said({ history: later })).toBeUndefined();
  });

  it("is not another cluster, nor one that was set back, nor one that left the archive's timeline before its end", () => {
    expect(said({ systemIdentifier: "8" })).toBe(
      "the archive has system identifier 7, and server2, which des10 follows, has 8: it is of another cluster. Make an archive of server2",
    );
    expect(said({ current: "0/4FFFFFF" })).toBe(
      "server2 has written its WAL up to 0/4FFFFFF, and the archive ends at 0/5000000: server2 was set back since. Make a new archive of it",
    );
    const early = [
      { timeline: 1, until: 0x1000000n },
      { timeline: 2, until: 0x4000000n },
    ];
    const line =
      "the archive ends at 0/5000000 on timeline 2, which server2 left before that: what the archive has beyond was given up there. Make a new archive of server2";
    expect(said({ history: early })).toBe(line);
    expect(said({ history: [...early.slice(0, 1), { timeline: 3, until: 0x5800000n }] })).toBe(line);
  });
});

describe("the upstream of what is restored, before 9.3", () => {
  const manifest = {
    systemIdentifier: "7",
    timeline: 2,
    segmentSize: size,
    stop: { lsn: "0/5000000", segment: "000000020000000000000004" },
  } as Manifest;
  const answer: Answer = { inRecovery: false, systemIdentifier: "7", current: "0/6000000", names: [] };
  const left = (segment: string): Answer => ({ ...answer, history: [{ timeline: 2, segment }] });

  it("is not said to have left before the archive's end where it may have left behind it, within one segment", () => {
    expect(strangeness(left("000000020000000000000003"), manifest, "server2", "des10")).toMatch(/left before that/);
    expect(strangeness(left("000000020000000000000004"), manifest, "server2", "des10")).toBeUndefined();
  });

  it("cannot be followed from one timeline to the next", () => {
    const of = (postgresql: string) =>
      leftBehind(left("000000020000000000000005"), { ...manifest, postgresql }, "server2");
    expect(of("9.2.24")).toBe(
      "the archive ends on timeline 2, which server2 has left since, and no standby of PostgreSQL 9.2.24 streams from one timeline to the next. Make a new archive of server2",
    );
    expect(of("9.3.24")).toBeUndefined();
    expect(leftBehind(answer, { ...manifest, postgresql: "9.0.3" }, "server2")).toBeUndefined();
  });
});

describe("how long WAL is kept", () => {
  const rate = { bytes: 1_000_000, seconds: 40 };
  it("is said by the rate that was measured", () => {
    const settings = { keep: 1_000_000_000, said: "wal_keep_segments 64" };
    expect(withoutSlot("server2", "15", settings, rate)).toMatch(
      /^server2 keeps 1 GB of WAL \(wal_keep_segments 64\): at the rate of the last 40 s, 1 MB\/s, for 16m\./,
    );
    expect(withoutSlot("server2", "15", settings, { bytes: 0, seconds: 40 })).toContain(
      "nothing was written in the last 40 s",
    );
    // Of what the version does not have nobody is told.
    expect(withoutSlot("server2", "15", settings, rate)).toMatch(/, or have a slot keep it \(--slot\)$/);
    expect(withoutSlot("server2", "9.5", settings, rate)).toMatch(/may be gone: raise it$/);
    expect(withSlot("server2", "des10", { ...settings, most: 60_000_000 }, rate, 7_200_000_000)).toBe(
      "the slot des10 keeps server2's WAL until somebody has streamed by it; but no more than 60 MB (max_slot_wal_keep_size): at the rate of the last 40 s, 1 MB/s, for 1m; its disk has 7.2 GB free: at the rate of the last 40 s, 1 MB/s, for 2h",
    );
  });
});

describe("the parts of a stream", () => {
  it("are all there, from the first on, in order", () => {
    const whole = (...names: readonly string[]) =>
      isWhole(
        "base",
        names.map((name) => ({ name })),
      );
    expect(whole("base.tar.zst.0000", "base.tar.zst.0001")).toBe(true);
    expect(whole()).toBe(false);
    expect(whole("base.tar.zst.0001")).toBe(false);
    expect(whole("base.tar.0000", "base.tar.0002")).toBe(false);
    expect(whole("wal.tar.gz.0000")).toBe(false);
  });
});

describe("what tar says of its progress", () => {
  it("is bytes, and never more than was promised", () => {
    expect(checkpointIn("tar: Write checkpoint 128")).toBe(8 * megabyte);
    expect(checkpointIn("tar: x: file changed as we read it")).toBeUndefined();
    const passed: number[] = [];
    const { pass, finish } = bounded(100, (bytes) => passed.push(bytes));
    for (const bytes of [60, 60, 60]) pass(bytes);
    finish();
    expect(passed).toEqual([60, 40]);
  });
});

describe("tablespaces of an archive", () => {
  const server = { name: "des10", dataDirectory: "/data/pg", controlDirectory: "/data/pg.pgsite" } as Server;
  const manifest = {
    source: { server: "server2", machine: "there", dataDirectory: "/srv/pg" },
    tablespaces: [
      { oid: "1", location: "/far/one" },
      { oid: "2", location: "/far/two" },
    ],
  } as unknown as Manifest;
  const placed = (machine: string, asked: Readonly<Record<string, string>> = {}) =>
    tablespacesOf(manifest, machine, server, new Map(Object.entries(asked))).map(({ to }) => to);

  it("go beside the data on the machine that it was made on, unless something else is said", () => {
    expect(placed("there")).toEqual(["/data/pg.pgsite/tablespaces/1", "/data/pg.pgsite/tablespaces/2"]);
    expect(placed("there", { "/far/two": "/disk2" })).toEqual(["/data/pg.pgsite/tablespaces/1", "/disk2"]);
  });

  it("go elsewhere where they are told to, each of them, and not into one another", () => {
    expect(placed("here", { "/far/one": "/far/one", "/far/two": "/disk2" })).toEqual(["/far/one", "/disk2"]);
    expect(() => placed("here", { "/far/one": "/far/one" })).toThrow(
      "nobody said where they go for des10: --tablespace /far/two ",
    );
    for (const to of ["/data/pg", "/data/pg/x", "/data", "/data/pg.pgsite", "/far/one", "/far/one/x", "/far", "/"]) {
      expect(() => placed("here", { "/far/one": "/far/one", "/far/two": to }), to).toThrow("cannot take a tablespace");
    }
    expect(() => placed("here", { "/far/three": "/x" })).toThrow(
      "no tablespace in /far/three: it has /far/one, /far/two",
    );
  });
});
