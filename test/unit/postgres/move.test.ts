import { describe, expect, it } from "vitest";
import { judgeMove, obstaclesTo, wayFor } from "../../../postgres/move/judge.js";
import type { MoveFacts, PlatformFacts } from "../../../postgres/move/model.js";

const platform: PlatformFacts = {
  machine: "x86_64",
  system: "debian 12",
  libc: "glibc 2.36",
  icu: "72",
  programs: "15.20",
};
const facts: MoveFacts = {
  ...{ server: "db1", version: "15", way: "archive", oneHost: false, bytes: 1, walBytes: 1, apart: [], differs: [] },
  ...{ from: platform, to: platform, obstacles: [] },
  ordered: [
    { name: "orders", by: "libc" },
    { name: "words", by: "icu" },
  ],
};
const auto = { wish: "auto", accepted: false, renames: false } as const;

describe("how a server moves", () => {
  it("by its files where both places are alike", () => {
    expect(obstaclesTo(facts)).toEqual([]);
    expect(wayFor([], auto).way).toBe("archive");
    expect(wayFor([], { ...auto, renames: true }).way).toBe("rename");
    expect(wayFor([], { ...auto, wish: "dump" }).way).toBe("dump");
  });

  it.each([
    [{ machine: "aarch64" }, [{ code: "architecture", to: "aarch64" }]],
    [{ libc: "glibc 2.41", system: "debian 13" }, [{ code: "collation", by: "libc", databases: ["orders"] }]],
    [{ icu: "76" }, [{ code: "collation", by: "icu", databases: ["words"] }]],
    [{ system: "ubuntu 22.10" }, [{ code: "collation", by: "system", databases: ["orders"] }]],
  ])("by dump and restore where the new one has %j", (there, obstacles) => {
    const found = obstaclesTo({ ...facts, to: { ...platform, ...there } });
    expect(found).toMatchObject(obstacles);
    expect(wayFor(found, auto)).toEqual({ way: "dump", standing: [] });
    const asked = wayFor(found, { ...auto, wish: "archive" });
    expect(judgeMove(facts, asked.standing)).toMatchObject(
      obstacles.map((obstacle) => ({ code: "no files", obstacle })),
    );
    const isOrder = obstacles.every(({ code }) => code === "collation");
    expect(wayFor(found, { ...auto, accepted: true }).way).toBe(isOrder ? "archive" : "dump");
  });

  it("by its files where nothing is sorted by what differs", () => {
    expect(obstaclesTo({ ...facts, ordered: [], to: { ...platform, system: "rocky 9", libc: "glibc 2.34" } })).toEqual(
      [],
    );
  });

  it("not to another major version, and not by a dump that would lack something", () => {
    expect(judgeMove({ ...facts, to: { ...platform, programs: "17.2" } }, [])).toMatchObject([
      { code: "version", older: false },
    ]);
    expect(judgeMove({ ...facts, to: { ...platform, programs: "14.9" } }, [])).toMatchObject([
      { code: "version", older: true },
    ]);
    const cluster = { preparedTransactions: 2 } as NonNullable<MoveFacts["dump"]>["cluster"];
    const clients = { from: "/bin", to: "/bin" };
    const dump = {
      cluster,
      clients,
      jobs: 2,
      size: 1,
      needed: 1,
      downtime: 1,
      slots: [],
      closed: ["shut"],
      subscriptions: ["s"],
    };
    expect(judgeMove({ ...facts, way: "dump", dump }, []).map(({ code }) => code)).toEqual([
      "closed databases",
      "subscriptions",
      "prepared transactions",
    ]);
  });
});
