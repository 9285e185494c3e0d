import { describe, expect, it } from "vitest";
import { answersOf, verdict } from "../../../page/answers.js";
import { markOf, worstFirst } from "../../../page/judge.js";
import { nextOf } from "../../../page/next.js";
import type { Answer, Piece } from "../../../page/pieces.js";
import { sitesOf } from "../../../page/sites.js";
import { moment, names, span } from "../../../page/words.js";
import type { PageReport, PageServer, PageStack } from "../../../servers/page/model.js";
import { backups, server, settings, stack, written } from "../../support/syntheticParts.js";
import { drifted, failover, healthy, hundred, threeSites } from "../../support/syntheticReport.js";

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
    [
      { lagBytes: 16_384, lagSeconds: 2 },
      "good: nobody; the largest: server3, 16.4 kB, 2s\n  within limits: less than 16.8 MB, and less than 1m with WAL outstanding",
    ],
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
    expect(ask({ ...clean, outcome: "not asked" })).toBe("unknown: the files were not compared when this was written");
    expect(ask({ ...clean, outcome: "unknown", reasons: ["server2: no route"] })).toBe(
      "unknown: not all is known\n  not known: server2: no route",
    );
  });

  it("is a line a difference, the hardest first, and counts what waits for a restart", () => {
    const difference = { object: "max_connections", there: "300", declared: "400", consequence: "restart" };
    const drift = {
      ...clean,
      outcome: "drift",
      differences: [
        { ...difference, server: "server2", object: "work_mem", setting: "Work_Mem", consequence: "reload" },
        { ...difference, server: "server2" },
        { object: "role reader", there: "missing", consequence: "SQL" },
        { server: "server2", object: "rule", there: "there", consequence: "reload", open: true },
      ],
      refusals: ["b is ahead"],
    } as const;
    const changed = settings({
      // Of this the preview has told already.
      work_mem: { running: "300", differs: true },
      shared_buffers: { running: "4GB", differs: true, pendingRestart: true },
    });
    const servers = [server({ name: "server2", role: "primary", settings: changed })];
    expect(answers(withStack({ drift, servers }))["What differs"]).toBe(
      [
        "bad: 4 differences, and 1 setting waits for a restart",
        "  server2 rule: there",
        "  server2 max_connections: 300 → 400",
        "  server2 shared_buffers of the running server: 4GB → 8GB (waits for a restart)",
        "  server2 work_mem: 300 → 400",
        "  role reader: missing",
      ].join("\n"),
    );
    // At most eight lines, one of them a link to the rest.
    const many = { ...drift, differences: Array.from({ length: 9 }, () => ({ ...difference, server: "server2" })) };
    const lines = answers(withStack({ drift: many, servers: [server({ name: "server2", role: "primary" })] }));
    expect(lines["What differs"]?.split("\n").slice(1)).toHaveLength(8);
    expect(lines["What differs"]).toContain("  and 2 more under drift");
  });
});

describe("how a server stands", () => {
  const marks = (report: PageReport) =>
    Object.fromEntries(sitesOf(report).flatMap(({ servers }) => servers.map((each) => [each.data.name, markOf(each)])));

  it("is seen by what differs on it too, and by who lets anybody in", () => {
    expect(marks(healthy())).toEqual({ server2: "good", server3: "good", des10: "good" });
    expect(marks(drifted())).toEqual({ server2: "bad", server3: "watch", des10: "good" });
    const waits = settings({ shared_buffers: { pendingRestart: true } });
    expect(marks(of(server({ name: "a", role: "primary", settings: waits })))).toEqual({ a: "watch" });
    const other = settings({ work_mem: { running: "1MB", differs: true } });
    expect(marks(of(server({ name: "a", role: "primary", settings: other })))).toEqual({ a: "watch" });
  });

  it("comes with the worst first", () => {
    const [site] = sitesOf(hundred());
    const order = worstFirst((site as NonNullable<typeof site>).servers).map(markOf);
    expect([...new Set(order)]).toEqual(["bad", "watch", "good"]);
    expect(order.filter((mark) => mark !== "good").length).toBe(18);
  });
});

describe("reports for these tests", () => {
  it.each(Object.entries({ healthy, drifted, failover, threeSites, hundred }))("%s agrees with itself", (_, make) => {
    for (const { stack: name, servers, drift, backups: kept, watch } of make().stacks) {
      const own = servers.map((each) => each.name);
      const named = [
        ...drift.differences.flatMap((each) => each.server ?? []),
        ...(watch?.incidents ?? []).flatMap((each) => [each.server, each.seenBy]),
        ...(kept?.runs ?? []).map((each) => each.server),
      ];
      expect(
        named.filter((each) => !own.includes(each)),
        name,
      ).toEqual([]);
      expect(drift.outcome === "clean" && drift.differences.length > 0, name).toBe(false);
      const unlike = servers.flatMap(({ name: server, settings: all }) => {
        return all
          .filter(({ differs, pendingRestart }) => differs && !pendingRestart)
          .map((each) => `${server} ${each.name}`);
      });
      const told = drift.differences.map(({ server, setting }) => `${server} ${setting}`);
      expect(
        unlike.filter((each) => !told.includes(each)),
        name,
      ).toEqual([]);
      const days = kept?.schedule.startsWith("Sundays") ? 7 : 1;
      const [newest] = kept?.runs ?? [];
      if (newest !== undefined && kept?.unasked === undefined)
        expect(Date.parse(written) - Date.parse(newest.at)).toBeLessThan(days * 86_400_000);
    }
  });
});

describe("the last drill", () => {
  const ask = (given: Partial<PageStack>) => answers(withStack(given))["Last drill"];

  it("is the last known one where a place of backups could not be looked at", () => {
    const said = ask({ backups: { ...backups(), unasked: true } });
    expect(said).toContain("watch: ");
    expect(said).toContain("newest whole backup that is known: ");
    expect(ask({ backups: { schedule: "daily", runs: [], unasked: true } })).toContain(
      "watch: none is known\n  no whole",
    );
  });

  it("is the newest, beside the newest whole backup", () => {
    expect(ask({ backups: backups() })).toBe(
      "good: 2026-11-23T13:02:00.000Z, restored the run 20261122T140200Z\n  newest whole backup: 2026-11-29T14:02:00.000Z of server2",
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

  it("are told from the first on, and say what nobody watched", () => {
    expect(ask(withStack({}))).toBe("unknown: nothing known\n  no watch is declared: incidents are not known");
    expect(ask(withStack({ watch: { schedule: "hourly", incidents: [] } }))).toBe("good: nothing");
    expect(ask(failover())).toBe(
      [
        "bad: 3 incidents open, 1 role change",
        "  2026-11-30T03:01:00.000Z: server3 says of server2: The host of server server2 does not answer: nothing comes back from 192.0.2.3.",
        "  2026-11-30T03:34:00.000Z: server3 took over from server2 (runbook/failover): timeline 4 begins, from 3 at 0/5D2A9F8, by hand",
        "  2026-11-30T04:01:00.000Z: server3 says of itself: The server is not what the stack file declares: it takes writes.",
        "  2026-11-30T04:01:00.000Z: des10 says of itself: The standby does not receive WAL from server2.",
      ].join("\n"),
    );
    // Of 13 days ago.
    expect(ask(healthy())).toBe("good: 1 backup");
  });
});

describe("what is to be done next", () => {
  const ask = (report: PageReport) => {
    const [site] = sitesOf(report);
    return nextOf(site as NonNullable<typeof site>).map((line) => line.map(plain).join(""));
  };

  it("is a refusal, or the plan where a server has a problem; else nothing", () => {
    expect(ask(failover())).toEqual([
      "ctio: pulumi up would refuse: server3 takes writes and is declared standby: declare it primary, and server2 lost (docs/failover.md)",
    ]);
    expect(ask(healthy())).toEqual([]);
    // It differs, and nobody needs it mended at night.
    expect(ask(drifted())).toEqual([]);
    expect(ask(hundred())[0]).toBe("region0: pulumi up, which begins with: node0-05: reload (and 3 further steps)");
  });
});

describe("the verdict on a site", () => {
  const ask = (report: PageReport) => {
    const [site] = sitesOf(report);
    return verdict(site as NonNullable<typeof site>, answersOf(site as NonNullable<typeof site>, written)).word;
  };
  it("is never that all is well where nobody looks, or not all was compared", () => {
    const words = sitesOf(threeSites()).map((site) => verdict(site, answersOf(site, written)).word);
    expect(words).toEqual(["something to look at", "not all is known", "not all is known: no backups, no watch"]);
  });

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
      "1 min",
      "2 h",
      "1 d 1 h",
      "6 d",
    ]);
    expect(moment("no time").utc).toBe("no time");
    expect(moment(written).utc).toBe("2026-11-30 06:10 UTC");
  });
});
