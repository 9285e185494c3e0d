import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  batchesOf,
  type Entry,
  isExcluded,
  isExcludedInTablespace,
  isProvenCopy,
  parseWalk,
} from "../../../servers/baseBackup/entries.js";
import { segmentsBetween } from "../../../servers/wal/walSegments.js";

const file = (path: string, more: Partial<Entry> = {}): Entry => ({
  type: "file",
  size: 8192,
  changed: "1000.5",
  modified: "1000.5",
  link: "",
  path,
  ...more,
});

describe("what a base backup leaves out", () => {
  it.each([
    "postmaster.pid",
    "backup_label",
    "tablespace_map.old",
    "recovery.conf",
    "standby.signal",
    "postgresql.conf",
    "pg_hba.conf",
    "global/pg_control",
    "pg_wal/000000010000000000000001",
    "pg_wal/archive_status/000000010000000000000001.done",
    "pg_replslot/slot/state",
    "pg_subtrans/0000",
    "pg_log/postgresql-2026-11.log",
    "base/pgsql_tmp/pgsql_tmp1.0",
    "base/16384/pg_internal.init.42",
    "base/16384/t3_16390",
    "base/16384/t3_16390_fsm",
    ".12-abc.pgsite-new",
  ])("%s", (path) => {
    expect(isExcluded(path, "15", "pg_log")).toBe(true);
  });

  it.each([
    "PG_VERSION",
    "pg_ident.conf",
    "postgresql.auto.conf",
    "base/16384/16390",
    "base/16384/16390_fsm",
    "base/16384/16390.1",
    "global/pg_filenode.map",
    "pg_wal",
    "pg_log",
    "pg_replslot",
    "pg_xact/0000",
    "pg_twophase/00000300",
    "pg_xlog/000000010000000000000001",
  ])("but not %s", (path) => {
    expect(isExcluded(path, "15", "pg_log")).toBe(false);
  });

  it("calls the WAL's folder what the version calls it", () => {
    expect(isExcluded("pg_xlog/000000010000000000000001", "9.6", "pg_log")).toBe(true);
    expect(isExcluded("pg_wal/000000010000000000000001", "9.6", "pg_log")).toBe(false);
  });

  it("in a tablespace, everything of another version", () => {
    expect(isExcludedInTablespace("PG_15_202209061/5/16390", "15")).toBe(false);
    expect(isExcludedInTablespace("PG_15_202209061/pgsql_tmp/x", "15")).toBe(true);
    expect(isExcludedInTablespace("PG_16_202307071/5/16390", "15")).toBe(true);
    expect(isExcludedInTablespace("PG_9.6_201608131/5/16390", "9.6")).toBe(false);
  });
});

it("reads what find prints, names with every character included", () => {
  const output =
    "f\x00008192\x001000.5\x00999.5\x00\x00base/1/a b\n'c'\x00l\x0012\x001.0\x001.0\x00/far\x00pg_tblspc/16384\x00";
  expect(parseWalk(output)).toEqual([
    { type: "file", size: 8192, changed: "1000.5", modified: "999.5", link: "", path: "base/1/a b\n'c'" },
    { type: "link", size: 12, changed: "1.0", modified: "1.0", link: "/far", path: "pg_tblspc/16384" },
  ]);
});

describe("a file of a cut-off copy", () => {
  const source = file("base/1/2");

  it("is kept where the source has not changed since well before the first attempt", () => {
    expect(isProvenCopy(source, file("base/1/2"), 1003)).toBe(true);
  });

  it.each([
    ["is not there", undefined, 1003],
    ["is of another size: it is half", file("base/1/2", { size: 4096 }), 1003],
    ["is of another time: it was cut off before its time was set", file("base/1/2", { modified: "1001" }), 1003],
    ["changed in the source while or after the attempt began, size and time the same", file("base/1/2"), 1000],
    ["changed so shortly before that clocks cannot tell", file("base/1/2"), 1002],
  ])("is copied again where it %s", (_name, copy, began) => {
    expect(isProvenCopy(source, copy, began)).toBe(false);
  });
});

it("cuts files into batches of at most 64 MB or 500 files, in order, none twice, none lost", () => {
  const sizes = fc.array(fc.integer({ min: 0, max: 1 << 30 }), { maxLength: 2000 });
  fc.assert(
    fc.property(sizes, (all) => {
      const files = all.map((size, index) => file(`${index}`, { size }));
      const batches = batchesOf(files);
      expect(batches.flat()).toEqual(files);
      for (const batch of batches) {
        const bytes = batch.reduce((sum, { size }) => sum + size, 0);
        expect(batch.length === 1 || (bytes <= 64 * 1024 * 1024 && batch.length <= 500)).toBe(true);
      }
    }),
    { numRuns: 50 },
  );
});

describe("the WAL from start to stop", () => {
  const size = 16 * 1024 * 1024;

  it("is one segment where both are in the same", () => {
    const name = "000000010000000000000002";
    expect(segmentsBetween(name, name, size, "15")).toEqual([name]);
  });

  it("goes on from FF to 00 of the next log, from 9.3 on", () => {
    expect(segmentsBetween("0000000200000001000000FE", "000000020000000200000000", size, "9.3")).toEqual([
      "0000000200000001000000FE",
      "0000000200000001000000FF",
      "000000020000000200000000",
    ]);
  });

  it("has no segment FF until 9.2", () => {
    expect(segmentsBetween("0000000100000001000000FE", "000000010000000200000000", size, "9.2")).toEqual([
      "0000000100000001000000FE",
      "000000010000000200000000",
    ]);
  });

  it("counts by the segment's size", () => {
    expect(segmentsBetween("000000010000000000000003", "000000010000000100000000", 1024 ** 3, "15")).toEqual([
      "000000010000000000000003",
      "000000010000000100000000",
    ]);
  });
});
