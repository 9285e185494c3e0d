import { describe, expect, it } from "vitest";
import type { ServerProblem } from "../../../postgres/serverProblems.js";
import type { Shortfall } from "../../../servers/process/shortfall.js";
import { problemInWords } from "../../../servers/words/problems.js";
import { notWorkingInWords } from "../../../servers/words/proof.js";

/** One of each code: a code without a sentence does not compile, and neither does one that is missing here. */
type Sentences<T extends { readonly code: string }> = {
  readonly [Code in T["code"]]: readonly [facts: Omit<Extract<T, { code: Code }>, "code">, sentence: string];
};

const problems: Sentences<ServerProblem> = {
  lost: [{}, "it is declared lost: it is not contacted"],
  hostUnreachable: [{ host: "db1", because: "no route to host" }, "db1 cannot be reached: no route to host"],
  hostSilent: [{ seconds: 3 }, "its host does not answer within 3 s"],
  hostFailed: [{ because: "EACCES: permission denied" }, "EACCES: permission denied"],
  foreignData: [{ dataDirectory: "/data" }, "/data holds data that pgsite did not make"],
  replacedData: [{ expected: "42" }, "its data was replaced: pgsite put system identifier 42 there"],
  halfFilled: [{}, "its data directory is half filled: run pulumi up"],
  noData: [{}, "it has no data: run pulumi up"],
  stopped: [{}, "it does not run: run pulumi up, or pgsite start"],
  startRefused: [
    { by: "server3", at: "10.0.0.3:5442", timeline: 2, own: 1, rejoin: "/data.pgsite/runbook/rejoin" },
    "it does not run, and its last start was refused: server3 (10.0.0.3:5442) is on timeline 2 and this data on 1: it was superseded; make it a standby: pulumi up, or /data.pgsite/runbook/rejoin NAME with the name of the server that takes writes",
  ],
  outsideUnit: [
    { unit: "postgresql@15-main" },
    "it runs outside of postgresql@15-main.service, which counts it as stopped: nothing stops it in order at a shutdown; the next restart by pgsite brings it back into that, or as root, once it was stopped (pg_ctl stop), systemctl start postgresql@15-main",
  ],
  unanswered: [{ kind: "timeout", because: "it hangs" }, "it hangs"],
  lockedOut: [
    { lock: { code: "noRule", role: "postgres", because: "db1 says so", by: "host" } },
    "pgsite is kept out: no rule of pg_hba.conf in force lets postgres in (db1 says so); up installs the declared rules through the host",
  ],
  listensElsewhere: [
    { at: "127.0.0.1:5999", declared: "192.0.2.2:5432" },
    "it listens at 127.0.0.1:5999, and is declared to at 192.0.2.2:5432: run pulumi up, which restarts it",
  ],
  severalWrite: [{ others: ["a", "b"] }, "it takes writes, and so does a, b: stop the one that clients do not use"],
  writesUndeclared: [{ role: "mirror" }, "it takes writes, and is declared mirror"],
  primaryInRecovery: [{}, "it is declared primary, and is in recovery"],
  anotherCluster: [
    { systemIdentifier: "8", writing: { server: "server2", systemIdentifier: "7" } },
    "its system identifier is 8, and that of server2 is 7: another cluster",
  ],
  notStreaming: [{ upstream: "server2" }, "it does not stream from server2"],
  walsenderWaits: [{ upstream: "server2", state: "catchup" }, "its walsender on server2 is in state catchup"],
  nobodyWrites: [{}, "no server of the site takes writes"],
};

const shortfalls: Sentences<Shortfall> = {
  noData: [{ dataDirectory: "/data" }, "there is no data in /data"],
  stopped: [{}, "it is not running"],
  nobodyWrites: [
    { own: { kind: "refused", because: "server3 refuses connections" } },
    "no server of the site takes writes (server3 refuses connections)",
  ],
  anotherCluster: [
    { systemIdentifier: "8", writing: { server: "server2", systemIdentifier: "7" }, dataDirectory: "/data" },
    "its system identifier is 8, and that of server2, which takes writes, is 7: it is another cluster. Move /data away and seed it again",
  ],
  notStreaming: problems.notStreaming,
  walsenderWaits: problems.walsenderWaits,
  unanswered: [{ kind: "timeout", because: "it hangs" }, "it hangs"],
  noWalreceiver: [{}, "it has no walreceiver"],
  notInRecovery: [{}, "it is not in recovery"],
  replaysBehind: [{ replayed: null, marker: "0/18" }, "it has replayed up to nothing and not yet the marker at 0/18"],
  receivesBehind: [{ received: "0/17", marker: "0/18" }, "it has received up to 0/17 and not yet the marker at 0/18"],
};

describe("a problem's sentence", () => {
  it.each(Object.entries(problems))("of %s", (code, [facts, sentence]) => {
    expect(problemInWords({ code, ...facts } as ServerProblem)).toBe(sentence);
  });

  it("of a stream whose upstream answers nothing is what that answers", () => {
    const unanswered = { kind: "refused", because: "server2 refuses connections" } as const;
    expect(problemInWords({ code: "notStreaming", upstream: "server2", unanswered })).toBe(
      "it does not stream: server2 refuses connections",
    );
  });
});

describe("why a server does not work", () => {
  it.each(Object.entries(shortfalls))("in words: %s", (code, [facts, sentence]) => {
    expect(notWorkingInWords({ code, ...facts } as Shortfall, [])).toBe(sentence);
  });

  it("has what its log says behind it, with the remedy that is known", () => {
    const causes = [
      { line: "FATAL: no pg_hba.conf entry", remedy: "add a rule", final: false },
      { line: "HINT: none", final: false },
    ];
    expect(notWorkingInWords({ code: "stopped" }, causes)).toBe(
      'it is not running; its log says "FATAL: no pg_hba.conf entry": add a rule; its log says "HINT: none"',
    );
  });
});
