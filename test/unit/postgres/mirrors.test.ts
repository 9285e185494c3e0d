import { describe, expect, it } from "vitest";
import { type KnownMirror, mirrorsAfter } from "../../../postgres/rollout/mirrors.js";
import { mirrorInWords } from "../../../servers/words/mirrors.js";
import { desired } from "../../support/rolloutPlans.js";

const switchover = { switchover: { from: "server2", to: "server3" } };
const loss = { ahead: [], others: [] };
const failover = { failover: { from: "server2", to: "server3", loss } };
const servers = (hotStandby: boolean, version: "9.2" | "15" = "15") => ({
  server2: desired("standby", {}, { hotStandby, version }),
  server3: desired("primary", {}, { version }),
});
const known: KnownMirror = { name: "des10", stack: "org/pgsite/fnal", follows: ["server2"] };

describe("a mirror in another stack, when its primary is the primary no more", () => {
  it.each([
    [
      "a hot standby",
      switchover,
      servers(true),
      known,
      "des10 (org/pgsite/fnal), goes on streaming from server2, a hot standby then; to have it follow server3, declare server3 as its upstream (upstream.server and .dataDirectory) and run pulumi up --stack org/pgsite/fnal, after this up",
    ],
    [
      "a warm standby",
      switchover,
      servers(false),
      { name: "des10" },
      "des10, in another stack, where it follows server2, gets nothing from then on: server2 is a warm standby then, from which nobody can stream. Right after this up, declare server3 as its upstream (upstream.server and .dataDirectory) and run pulumi up there; until then server3 must keep the WAL that it lacks",
    ],
    [
      "lost",
      failover,
      { server3: servers(true).server3 },
      known,
      "des10 (org/pgsite/fnal), gets nothing from then on: server2 is lost. Right after this up, declare server3 as its upstream (upstream.server and .dataDirectory) and run pulumi up --stack org/pgsite/fnal; until then server3 must keep the WAL that it lacks",
    ],
    [
      "lost, before timelines are followed",
      failover,
      { server3: servers(true, "9.2").server3 },
      known,
      "des10 (org/pgsite/fnal), cannot follow server3: before 9.3 no standby follows another timeline over the line. It is to be seeded again: after this up declare server3 as its upstream (upstream.server and .dataDirectory) and servers.des10.seedAgain: true there, and run pulumi up --stack org/pgsite/fnal",
    ],
    [
      "one of several that it may follow",
      switchover,
      servers(false),
      { ...known, follows: ["server2", "server3"] },
      "des10 (org/pgsite/fnal), goes to server3 by itself",
    ],
  ])("is told of, where that is %s", (_name, act, shall, mirror, words) => {
    expect(mirrorsAfter([mirror], act, shall).map(mirrorInWords)).toEqual([words]);
  });

  it("is left behind with the server that it follows, before timelines are followed", () => {
    const follower = { ...known, follows: ["server3"] };
    expect(mirrorsAfter([follower], switchover, servers(true, "9.2"))).toMatchObject([{ fate: "seeded again" }]);
  });

  it("is not told of where it follows another, or nothing takes over", () => {
    expect(mirrorsAfter([{ ...known, follows: ["server3"] }], switchover, servers(true))).toEqual([]);
    expect(mirrorsAfter([known], {}, servers(true))).toEqual([]);
  });
});
