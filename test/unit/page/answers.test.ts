import { describe, expect, it } from "vitest";
import { type Answer, answersOf, type Piece, verdict } from "../../../page/answers.js";
import { sitesOf } from "../../../page/sites.js";
import { moment, names, span } from "../../../page/words.js";
import type { PageReport, PageServer, PageStack } from "../../../servers/page/model.js";
import { backups, server, settings, stack, written } from "../../support/syntheticParts.js";
import { failover, healthy } from "../../support/syntheticReport.js";

const plain = (piece: Piece): string => (typeof piece === "string" ? piece : "at" in piece ? piece.at : piece.text);

const inWords = ({ mark, says, more }: Answer): string =>
  [`${mark}: ${says.map(plain).join("")}`, ...more.map((line) => `  ${line.map(plain).join("")}`)].join("\n");

function answers(report: PageReport): Readonly<Record<string, string>> {
  const [site] = sitesOf(report);
  return Object.fromEntries(
    answersOf(site as NonNullable<typeof site>, written).map((each) => [each.question, inWords(each)]),
  );
}

const of = (...servers: PageServer[]): PageReport => ({
  format: 1,
  generatedAt: written,
  stacks: [stack({ stack: "ctio", servers })],
});
const withStack = (given: Partial<PageStack>): PageReport => {
  const servers = [server({ name: "server2", role: "primary" })];
  return { format: 1, generatedAt: written, stacks: [stack({ stack: "ctio", servers, ...given })] };
};

describe("who takes writes", () => {
  const ask = (...servers: PageServer[]) => answers(of(...servers))["Who takes writes"];
  const primary = server({ name: "server2", role: "primary" });
  const standby = server({ name: "server3", role: "standby" });

  it("is the one that does, and whether it is declared to", () => {
    expect(ask(primary, standby)).toBe("good: server2, on timeline 3");
    expect(ask({ ...primary, state: "stopped" }, { ...standby, state: "read-write", timeline: 4 })).toBe(
      "bad: server3, on timeline 4; it is declared standby\n  server2 is declared primary, and is: stopped",
    );
    expect(ask({ ...primary, state: "lost" }, { ...standby, state: "read-write", role: "primary" })).toBe(
      "good: server3, on timeline 3",
    );
  });

  it("is nobody, several, or not to be seen here", () => {
    expect(ask({ ...primary, state: "unreachable" }, standby)).toBe(
      "bad: no server that answers\n  server2 is declared primary, and is: unreachable",
    );
    expect(ask(primary, { ...standby, state: "read-write" })).toBe("bad: server2 and server3: 2 servers at once");
    expect(ask(server({ name: "des10", role: "mirror" }))).toBe("unknown: no stack of this page has its primary");
  });
});

describe("who lags", () => {
  const ask = (given: Partial<PageServer>, off?: string) => {
    const servers = [
      server({ name: "server2", role: "primary" }),
      server({ name: "server3", role: "standby", ...given }),
    ];
    const streams = [{ server: "server3", from: "server2", ...(off === undefined ? {} : { off }) }];
    return answers(withStack({ servers, streams }))["Who lags"];
  };

  it.each([
    [{ lagBytes: 0 }, "good: nobody"],
    [{ lagBytes: 16_384, lagSeconds: 2 }, "good: nobody; server3 is 16.4 kB behind"],
    // An idle primary makes seconds and no bytes.
    [{ lagBytes: 0, lagSeconds: 86_400 }, "good: nobody"],
    [{ lagBytes: 2_000, lagSeconds: 90 }, "watch: server3 is 2 kB, 1m 30s behind"],
    [{ lagBytes: 2e9, lagSeconds: 900 }, "watch: server3 is 2 GB, 15m behind"],
    [{ state: "stopped" }, "bad: server3 receives nothing: stopped"],
  ] as const)("%o is %s", (given, said) => {
    expect(ask(given)).toBe(said);
  });

  it("is no standby that took over", () => {
    expect(ask({ state: "read-write" })).toBe("bad: no server follows: what is declared standby takes writes");
  });

  it("is not known, or why one does not stream", () => {
    const { lagBytes, ...silent } = server({ name: "server3", role: "standby" });
    const servers = [server({ name: "server2", role: "primary" }), silent];
    expect(answers(withStack({ servers, streams: [{ server: "server3", from: "server2" }] }))["Who lags"]).toBe(
      "unknown: server3 lag not known",
    );
    expect(ask({}, "no route to host")).toBe(
      "bad: server3 is 16.4 kB, 2s behind, and does not stream from server2: no route to host",
    );
  });
});

describe("what differs", () => {
  const clean = { outcome: "clean", differences: [], reasons: [], plan: [], refusals: [] } as const;

  it("is nothing only where everything was asked", () => {
    const ask = (drift: PageStack["drift"]) => answers(withStack({ drift }))["What differs"];
    expect(ask(clean)).toBe("good: nothing");
    expect(ask({ ...clean, outcome: "not asked" })).toBe("unknown: not asked when this was written");
    expect(ask({ ...clean, outcome: "unknown", reasons: ["server2: no route"] })).toBe(
      "unknown: not all is known\n  not known: server2: no route",
    );
  });

  it("counts by server, and says what waits for a restart", () => {
    const difference = { object: "max_connections", there: "300", consequence: "restart" };
    const drift = {
      ...clean,
      outcome: "drift",
      differences: [
        { ...difference, server: "a" },
        { ...difference, server: "b" },
        { ...difference, server: "b", object: "work_mem" },
      ],
      refusals: ["b is ahead"],
    } as const;
    const servers = [
      server({ name: "server2", role: "primary", settings: settings({ work_mem: { pendingRestart: true } }) }),
    ];
    expect(answers(withStack({ drift, servers }))["What differs"]).toBe(
      "bad: 3 differences\n  b: max_connections and work_mem\n  a: max_connections\n  server2 waits for a restart\n  pulumi up would refuse: b is ahead",
    );
  });
});

describe("the last drill", () => {
  const ask = (given: Partial<PageStack>) => answers(withStack(given))["Last drill"];

  it("is the newest, beside the newest whole backup", () => {
    expect(ask({ backups: backups() })).toBe(
      "good: 2026-11-23T15:10:00.000Z, restored the run 20261122T151000Z\n  newest whole backup: 2026-11-29T15:10:00.000Z on server2",
    );
  });

  it("is missing, old by the watch's word, or there are no backups", () => {
    expect(ask({})).toBe("none: no backups are declared");
    expect(ask({ backups: { schedule: "daily", runs: [] } })).toBe(
      "bad: none: there is no backup yet\n  no backup is whole",
    );
    const runs = backups().runs.map(({ verifiedAt: _, ...run }) => run);
    expect(ask({ backups: { schedule: "daily", runs } })).toContain("watch: none yet: nobody has restored a backup");
    const incident = {
      server: "server2",
      seenBy: "server2",
      condition: "drillOld",
      message: "the last drill was 20 days ago",
      since: written,
    };
    const watch = { schedule: "hourly", incidents: [incident] };
    expect(ask({ backups: backups(), watch })).toContain("  the last drill was 20 days ago");
  });
});

describe("the last 24 hours", () => {
  const ask = (report: PageReport) => answers(report)["Last 24 hours"];

  it("have what goes on first, then what was, and say what nobody watched", () => {
    expect(ask(withStack({}))).toBe("none: nothing known\n  no watch is declared: incidents are not known");
    expect(ask(withStack({ watch: { schedule: "hourly", incidents: [] } }))).toBe("good: nothing");
    expect(ask(failover())?.split("\n").slice(0, 2).join("\n")).toBe(
      "bad: 3 incidents open, 1 role change, 1 backup\n  2026-11-30T04:04:00.000Z: des10 sees: The server does not receive WAL from server2.",
    );
    // Of 13 days ago.
    expect(ask(healthy())).toBe("good: 1 backup");
  });
});

describe("the verdict on a site", () => {
  const ask = (report: PageReport) => {
    const [site] = sitesOf(report);
    return verdict(site as NonNullable<typeof site>, answersOf(site as NonNullable<typeof site>, written)).word;
  };
  it("is the worst of what is known, and not that all is well where something is not", () => {
    expect(ask(healthy())).toBe("all is well");
    expect(ask(failover())).toBe("something is wrong");
    const [ctio, fnal] = healthy().stacks as [PageStack, PageStack];
    expect(ask({ ...healthy(), stacks: [{ ...ctio, unknown: ["server3: its host was silent"] }, fnal] })).toBe(
      "not all is known",
    );
  });
});

describe("words", () => {
  it("name, count and measure", () => {
    expect(names(["a", "b", "c", "d", "e", "f"])).toBe("a, b, c, d and 2 more");
    expect(names(["a", "b"])).toBe("a and b");
    expect(names(["a"])).toBe("a");
    expect([59_000, 61_000, 7_200_000, 90_000_000, 6 * 86_400_000].map(span)).toEqual([
      "less than a minute",
      "1 minute",
      "2 hours",
      "1 day",
      "6 days",
    ]);
    expect(moment("no time").utc).toBe("no time");
    expect(moment(written).utc).toBe("2026-11-30 06:10 UTC");
  });
});
