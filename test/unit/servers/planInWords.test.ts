import { describe, expect, it } from "vitest";
import type { Behind, Fork, NoRoad, Rejoin, RewindObstacle } from "../../../postgres/rollout/diverged.js";
import type {
  Failover,
  FailoverRefusal,
  Loss,
  PlannedStep,
  Reason,
  Refusal,
  SwitchoverRefusal,
} from "../../../postgres/rollout/model.js";
import type { Received } from "../../../postgres/wal/received.js";
import { planLines, reasonInWords, stepInWords } from "../../../servers/words/plan.js";
import { refusalInWords } from "../../../servers/words/refusals.js";
import { noRoadInWords, rewindObstacleInWords } from "../../../servers/words/rejoin.js";

/** One example of each code of a union: whoever adds a code is told by the compiler that it is missing here. */
type Examples<Union extends { readonly code: string }> = {
  readonly [Code in Union["code"]]: Union & { readonly code: Code };
};

const received: Received = {
  timeline: 1,
  lsn: "0/5000060",
  at: "2026-11-21T14:02:11.000Z",
  ago: 35_000,
  stream: { kind: "unknown" },
};
const loss: Loss = { received, ahead: [], others: [] };
const fork: Fork = { timeline: 1, primary: "server3", primaryTimeline: 2, at: "0/5000060", end: "on", recovers: false };
const rejoin: Rejoin = { ...fork, way: "pg_rewind", instead: [], keep: "data", kept: "/db.diverged-TIME" };
const behind: Behind = { primary: "server3", timelines: { own: 1, primary: 2 }, way: "delta copy", instead: [] };
const room = { host: "host2", directory: "/srv", free: 5_000_000, needed: 70_000_000 };
const gap = { setting: "max_connections", value: 10, floor: 20 };
const takeover: Failover = { from: "server2", to: "server3" };
const switching = { act: "switchover", ...takeover } as const;
const failing = { act: "failover", ...takeover } as const;

const reasons: Examples<Reason> = {
  setting: { code: "setting", setting: "work_mem", from: "4MB", to: "8MB" },
  held: { code: "held", setting: "max_connections", value: "40", until: ["server2"] },
  fileDiffers: { code: "fileDiffers", file: "pg_hba.conf" },
  fileMissing: { code: "fileMissing", file: "pg_hba.conf" },
  fileLeftOver: { code: "fileLeftOver", file: "standby.signal" },
  fileText: { code: "fileText", file: "postgresql.conf" },
  accessUnread: { code: "accessUnread" },
  otherProgram: { code: "otherProgram", program: "/opt/15/bin/postgres" },
  certificateRenewed: { code: "certificateRenewed" },
  interrupted: { code: "interrupted" },
  stopped: { code: "stopped" },
  seeded: { code: "seeded" },
  triggerLeftOver: { code: "triggerLeftOver", path: "/srv/promote" },
  letsBothIn: { code: "letsBothIn", servers: ["server3", "des10"] },
  letsInAsDeclared: { code: "letsInAsDeclared" },
};

const refusals: Examples<Exclude<Refusal, SwitchoverRefusal | FailoverRefusal>> = {
  otherVersion: { code: "otherVersion", server: "server2", is: "14", declared: "15" },
  roles: { code: "roles", servers: [{ server: "server2", inRecovery: true, declared: "primary" }] },
  diverged: {
    code: "diverged",
    server: "server2",
    diverged: { kind: "unrelated", timeline: 2, primaryTimeline: 3, remedy: "choose" },
  },
  cannotRejoin: { code: "cannotRejoin", server: "server2", primary: "server3", keep: "wal", why: room },
  seedNotAllowed: { code: "seedNotAllowed", server: "server2", behind },
  cannotSeed: { code: "cannotSeed", server: "server2", primary: "server3", why: room },
  belowPrimary: { code: "belowPrimary", server: "server3", primary: "server2", ...gap },
  tlsNotThere: { code: "tlsNotThere", server: "server3", upstream: "server2" },
  tlsStillNeeded: { code: "tlsStillNeeded", server: "server3", upstream: "server2" },
  silent: { code: "silent", server: "server2" },
  cannotStart: {
    code: "cannotStart",
    server: "server2",
    because: [{ code: "refused", said: ['FATAL: could not access file "nothere": No such file or directory'] }],
  },
};

const ofSwitchovers: Examples<SwitchoverRefusal> = {
  nextStopped: { ...switching, code: "nextStopped" },
  belowNext: { ...switching, code: "belowNext", server: "des10", ...gap },
  noTriggerFile: { ...switching, code: "noTriggerFile" },
  timelinesNotFollowed: { ...switching, code: "timelinesNotFollowed", servers: ["server2", "des10"] },
  followsAnother: { ...switching, code: "followsAnother" },
  oldUnreachable: { ...switching, code: "oldUnreachable", why: "host2 cannot be reached", loss },
  oldCrashed: { ...switching, code: "oldCrashed", loss },
};

const ofFailovers: Examples<FailoverRefusal> = {
  nextStopped: { ...failing, code: "nextStopped" },
  noTriggerFile: { ...failing, code: "noTriggerFile" },
  belowNext: { ...failing, code: "belowNext", server: "des10", ...gap },
  otherUnreachable: { ...failing, code: "otherUnreachable", server: "des10", why: "host10 cannot be reached" },
  notLost: { ...failing, code: "notLost", by: "fed" },
  receivedUnknown: { ...failing, code: "receivedUnknown" },
  otherAhead: { ...failing, code: "otherAhead", received, ahead: { server: "des10", received } },
  streamEnd: { ...failing, code: "streamEnd", received },
};

const obstacles: Examples<RewindObstacle> = {
  noSuchVersion: { code: "noSuchVersion" },
  oneTimeline: { code: "oneTimeline" },
  noProgram: { code: "noProgram", host: "host2", path: "/opt/15/bin/pg_rewind" },
  noHints: { code: "noHints", server: "server2" },
  noFullPages: { code: "noFullPages", server: "server3" },
  standbyEnd: { code: "standbyEnd" },
  timelineNotRecorded: { code: "timelineNotRecorded", server: "server2" },
  linked: { code: "linked", server: "server2", path: "log" },
  newTablespace: { code: "newTablespace", server: "server2", location: "/far" },
  walGone: { code: "walGone", segment: "000000010000000000000005", server: "server2" },
  failed: { code: "failed", exitCode: 1, said: ["no"], through: "no port is forwarded" },
};

const roads: Examples<NoRoad> = {
  noRsync: { code: "noRsync", hosts: ["host2", "host3"] },
  noSsh: { code: "noSsh", tried: [{ user: "postgres", host: "host2", peer: "postgres@host3", why: "refused" }] },
};

type Act = PlannedStep["action"];
const steps: { readonly [Action in Act]: PlannedStep } = {
  switchover: { action: "switchover", ...takeover },
  failover: { action: "failover", ...takeover, loss },
  stop: { action: "stop", server: "server2", fork },
  install: { action: "install", server: "server2", because: [reasons.fileText] },
  reload: { action: "reload", server: "server2", because: [reasons.setting] },
  restart: { action: "restart", server: "server2", because: [reasons.otherProgram] },
  start: { action: "start", server: "server2", because: [reasons.stopped] },
  rejoin: { action: "rejoin", server: "server2", because: [], rejoin },
  seed: { action: "seed", server: "server2", because: [], behind },
};

const sentences = [
  ...Object.entries(reasons).map(([code, one]) => [`reason ${code}`, reasonInWords(one), one] as const),
  ...Object.entries(refusals).map(([code, one]) => [`refusal ${code}`, refusalInWords(one), one] as const),
  ...Object.entries(ofSwitchovers).map(([code, one]) => [`switchover ${code}`, refusalInWords(one), one] as const),
  ...Object.entries(ofFailovers).map(([code, one]) => [`failover ${code}`, refusalInWords(one), one] as const),
  ...Object.entries(obstacles).map(([code, one]) => [`no pg_rewind ${code}`, rewindObstacleInWords(one), one] as const),
  ...Object.entries(roads).map(([code, one]) => [`no road ${code}`, noRoadInWords(one), one] as const),
  ...Object.entries(steps).map(([action, one]) => [`step ${action}`, stepInWords(one), one] as const),
];

describe("a plan's data", () => {
  it.each(sentences)("has a sentence of its own for each code: %s", (_name, sentence, data) => {
    expect(sentence).toMatch(/\S/);
    expect(sentence).not.toMatch(/undefined|\[object|NaN/);
    expect(sentences.filter(([, other]) => other === sentence)).toHaveLength(1);
    // As a state or a report hands it on.
    expect(JSON.parse(JSON.stringify(data))).toEqual(data);
  });

  it("tells that a secret is another, and is brief about long values", () => {
    const masked = { from: "password=********", to: "password=********" };
    expect(reasonInWords({ code: "setting", setting: "primary_conninfo", ...masked })).toBe(
      "primary_conninfo password=******** → password=******** (with another secret)",
    );
    expect(reasonInWords({ code: "setting", setting: "x.y", from: "a".repeat(61) })).toBe("x.y");
    expect(reasonInWords({ code: "setting", setting: "x.y", to: "a b" })).toBe("x.y unset → 'a b'");
  });

  it("is one line a step, or why there are none", () => {
    expect(planLines({ steps: [steps.reload, steps.start], refusals: [] })).toEqual([
      "1. server2: reload (work_mem 4MB → 8MB)",
      "2. server2: start (stopped)",
    ]);
    expect(planLines({ steps: [], refusals: [refusals.silent] })).toEqual([
      "refused: server2 runs and does not answer within a few seconds: find out why, or stop it, and run again",
    ]);
  });
});
