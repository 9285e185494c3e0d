import { describe, expect, it } from "vitest";
import type { Position, Positions } from "../../../postgres/positions.js";
import type { Divergence } from "../../../postgres/rollout/diverged.js";
import {
  misplaced,
  positionDifference,
  positionDifferences,
  returnedServers,
} from "../../../servers/rollout/positions.js";
import type { TopologyArgs } from "../../../servers/rollout/state.js";
import { sentence } from "../../../servers/words/differences.js";
import { misplacedInWords } from "../../../servers/words/positions.js";

const declared: Positions = {
  server2: { replication: { kind: "writes" } },
  server3: { replication: { kind: "streams", from: "server2" } },
};
const said = (found: Positions) => positionDifferences(found, declared).map(positionDifference).map(sentence);
const on = (server: string, position: Partial<Position>): Positions => ({
  ...declared,
  [server]: { ...(declared[server] as Position), ...position },
});
const diverged = (remedy: Divergence["remedy"], kind: Divergence["kind"] = "went on"): Partial<Position> => ({
  diverged: { kind, timeline: 1, primaryTimeline: 2, remedy },
});

describe("servers in their declared positions", () => {
  it("differ in nothing", () => {
    expect(positionDifferences(declared, declared)).toEqual([]);
    expect(misplaced(declared, declared)).toEqual([]);
  });

  it("differ in nothing where they do not run or cannot be seen: others say so", () => {
    const why = { code: "hostUnreachable", host: "db3", because: "no route" } as const;
    expect(said(on("server3", { replication: { kind: "not running" } }))).toEqual([]);
    expect(said(on("server3", { replication: { kind: "unknown", why } }))).toEqual([]);
  });

  it("are not judged by the words in the state of an earlier version", () => {
    const old = { replication: "does not run", timeline: "1, and …", foreignSlots: ["left_over (physical)"] };
    expect(said({ ...declared, server3: old as unknown as Position })).toEqual([]);
    expect(said({ server2: declared.server2 as Position })).toEqual([]);
  });
});

describe("a server that takes writes beside its declaration", () => {
  const writes = { replication: { kind: "writes" } } as const;

  it("is told the line that declares it the primary where it is the only one", () => {
    const off = { kind: "off", why: { code: "notStreaming", upstream: "server3" } } as const;
    const found = { server2: { replication: off }, server3: writes };
    expect(positionDifferences(found, declared)).toEqual([
      { server: "server2", kind: "replication", there: off, declared: { kind: "writes" }, consequence: "wait" },
      { server: "server3", kind: "role", declared: { kind: "streams", from: "server2" }, consequence: "wait" },
    ]);
    expect(said(found)).toEqual([
      "server2: replication: off: it does not stream from server3 (declared: takes writes): wait",
      "server3: role is primary (it takes writes), declared a standby of server2; if it is meant to be the primary, declare pgsite:primary: server3: wait",
    ]);
  });

  it("is not where another does too", () => {
    expect(said(on("server3", writes))).toEqual([
      "server3: replication: takes writes (declared: streams from server2): wait",
    ]);
  });
});

describe("a standby that does not stream", () => {
  it("is quoted", () => {
    const off = { kind: "off", why: { code: "walsenderWaits", upstream: "server2", state: "startup" } } as const;
    expect(said(on("server3", { replication: { ...off, because: "FATAL: no pg_hba.conf entry" } }))).toEqual([
      'server3: replication: off: its walsender on server2 is in state startup; its log says "FATAL: no pg_hba.conf entry" (declared: streams from server2): wait',
    ]);
    expect(said(on("server3", { replication: { kind: "recovers" } }))).toEqual([
      "server3: replication: in recovery, from nobody (declared: streams from server2): wait",
    ]);
  });
});

describe("a slot that nobody declared", () => {
  const slot = { name: "left_over", kind: "physical", active: false } as const;

  it("is dropped where it is physical and idle, and left otherwise", () => {
    const foreignSlots = [slot, { ...slot, active: true }, { ...slot, kind: "logical" }] as const;
    const found = positionDifferences(on("server2", { foreignSlots }), declared);
    expect(found.map(({ consequence }) => consequence)).toEqual(["SQL", "by hand", "by hand"]);
    expect(found.map(positionDifference).map(({ severity }) => severity)).toEqual([undefined, "warning", "warning"]);
    expect(said(on("server2", { foreignSlots }))).toEqual([
      "server2: replication slot left_over (physical) is there and keeps WAL, declared nowhere: SQL",
      "server2: replication slot left_over (physical, active) is there and keeps WAL (end whoever streams from it, or declare it in slots), declared nowhere: by hand",
      "server2: replication slot left_over (logical) is there and keeps WAL (drop it where its reader is gone for good, or declare it in slots), declared nowhere: by hand",
    ]);
  });

  it("is nothing that an up waits for", () => {
    expect(misplaced(on("server2", { foreignSlots: [slot] }), declared)).toEqual([]);
  });
});

describe("a server whose timeline diverged", () => {
  it("is rejoined, or left to people, as its data say", () => {
    expect(said(on("server3", diverged("rejoin")))).toEqual([
      "server3: timeline is 1, and went on after the primary had left that for 2 (the rollout rejoins it, and keeps what it alone has), declared the site's: wait",
    ]);
    expect(said(on("server3", diverged("choose", "unrelated")))).toEqual([
      "server3: timeline is 1, and that of the primary, 2, does not come from it (if server3 has the site's data, declare it as the primary; else save what it alone has, then move its data directory away and run pulumi up), declared the site's: by hand",
    ]);
    expect(said(on("server3", diverged("by hand", "same number")))).toEqual([
      "server3: timeline is another 1 than the primary's, and left the common past elsewhere (save what it alone has, then move its data directory away and run pulumi up), declared the site's: by hand",
    ]);
  });
});

it("what an up waited for in vain is said with what it is and is to be", () => {
  const found = { ...on("server3", diverged("by hand")), server2: { replication: { kind: "not running" } } } as const;
  const names = misplaced(found, declared);
  expect(names).toEqual(["server2", "server3"]);
  expect(misplacedInWords(names, found, declared)).toBe(
    "server2 is to be: takes writes. It is: does not run; the timeline of server3 is 1, and went on after the primary had left that for 2 (save what it alone has, then move its data directory away and run pulumi up)",
  );
});

describe("a server that was lost", () => {
  const servers = { server2: {}, server3: {} } as unknown as TopologyArgs["servers"];
  const lost = { server3: {} } as unknown as TopologyArgs["lost"];
  const { server2 } = servers;

  it("is said to be known as lost, until an `up` has come to its end", () => {
    const before = { servers: { server2 }, lost } as Parameters<typeof returnedServers>[0];
    expect(returnedServers(before, { servers }).map(positionDifference).map(sentence)).toEqual([
      "server3: the server is known as lost (it was declared so, and no `up` has come to its end since), declared running: wait",
    ]);
    expect(returnedServers({ servers }, { servers })).toEqual([]);
    expect(returnedServers(before, before)).toEqual([]);
  });
});
