import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { renderStatus, statusJson } from "../../../cli/status/render.js";
import { cut } from "../../../cli/status/screen.js";
import { type Place, type StackReport, topologiesOf } from "../../../cli/status/topology.js";
import { drawTopology } from "../../../cli/status/tree.js";
import { plain, type Style } from "../../../cli/terminal.js";
import { shownPainted } from "../../../postgres/shown.js";
import { withoutColours } from "../../support/colours.js";
import { stackReport, type Told } from "../../support/topologies.js";

const draw = (stacks: readonly StackReport[], style: Style = plain) =>
  topologiesOf(stacks)
    .map((topology) => drawTopology(topology, style))
    .join("\n");
const one = (...servers: readonly Told[]) => draw([stackReport("sispi", "ctio", servers)]);
const ctio = stackReport("sispi", "ctio", [
  { name: "server2", walSenders: ["des10", "server3"] },
  { name: "server3", upstream: "server2", state: "in recovery, refuses queries", walSenders: null },
]);
const fnal = stackReport("sispi", "fnal", [
  { name: "des10", role: "mirror", upstream: "server2", lagBytes: 4096, lagSeconds: 0.25 },
]);
const off = { code: "notStreaming", upstream: "server2" } as const;

describe("who streams from whom", () => {
  it("is drawn across stacks, from the server that takes writes", () => {
    expect(draw([ctio, fnal])).toBe(
      `
sispi (ctio, fnal)
  server2 (ctio)      primary  timeline 1  takes writes
  ├─▸ des10 (fnal)    mirror   timeline 1  streams, 4.1 kB, 0.25 s behind
  └─▸ server3 (ctio)  standby  timeline 1  streams, 0 B behind`.slice(1),
    );
  });

  it("is drawn for each site by itself, whatever names both have", () => {
    expect(draw([fnal, stackReport("orders", "orders", [{ name: "server2", role: "standalone" }]), ctio])).toBe(
      `
sispi (fnal, ctio)
  server2 (ctio)      primary  timeline 1  takes writes
  ├─▸ des10 (fnal)    mirror   timeline 1  streams, 4.1 kB, 0.25 s behind
  └─▸ server3 (ctio)  standby  timeline 1  streams, 0 B behind
orders
  server2  standalone  timeline 1  takes writes`.slice(1),
    );
  });

  it("names servers outside: whom the stacks asked follow, and who streams from them", () => {
    expect(draw([fnal])).toBe(
      `
sispi (fnal)
  server2    outside              in none of the stacks asked
  └─▸ des10  mirror   timeline 1  streams, 4.1 kB, 0.25 s behind`.slice(1),
    );
    expect(one({ name: "server2", walSenders: ["pg_receivewal"] })).toBe(
      `
sispi (ctio)
  server2            primary  timeline 1  takes writes
  └─▸ pg_receivewal  outside              streams`.slice(1),
    );
  });

  it("goes down a cascade, with a line by each that has more below", () => {
    expect(
      one(
        { name: "a" },
        { name: "b", upstream: "a" },
        { name: "c", upstream: "b" },
        { name: "d", upstream: "c" },
        { name: "e", upstream: "b" },
        { name: "f", upstream: "a" },
      ),
    ).toBe(
      `
sispi (ctio)
  a              primary  timeline 1  takes writes
  ├─▸ b          standby  timeline 1  streams, 0 B behind
  │   ├─▸ c      standby  timeline 1  streams, 0 B behind
  │   │   └─▸ d  standby  timeline 1  streams, 0 B behind
  │   └─▸ e      standby  timeline 1  streams, 0 B behind
  └─▸ f          standby  timeline 1  streams, 0 B behind`.slice(1),
    );
  });

  it("marks what is wrong, by a letter and by the line to it", () => {
    expect(
      one(
        { name: "server2", walSenders: ["behind", "late", "paused"] },
        { name: "off", upstream: "server2", off, timeline: 2, lagBytes: 1e9, lagSeconds: 60 },
        {
          name: "behind",
          upstream: "server2",
          off: { code: "walsenderWaits", upstream: "server2", state: "catchup" },
          lagBytes: 1e6,
          lagSeconds: null,
        },
        { name: "late", upstream: "server2", late: { code: "delayed", by: "1h" }, lagBytes: 5e6, lagSeconds: 3600 },
        {
          name: "first",
          upstream: "server2",
          late: { code: "delayed", by: "1h", replaysFirst: true },
          lagBytes: null,
          walSenders: [],
        },
        { name: "paused", upstream: "server2", late: { code: "paused" }, lagBytes: 10, lagSeconds: 1 },
        {
          name: "gone",
          upstream: "server2",
          state: "lost",
          timeline: null,
          lagBytes: null,
          problems: [{ code: "lost" }],
        },
      ),
    ).toBe(
      `
sispi (ctio)
  server2     primary  timeline 1         takes writes
! ├╌✗ behind  standby  timeline 1         does not stream yet (catchup), 1 MB behind
  ├╌✗ first   standby  timeline 1         does not stream, delayed by 1h, as declared; it replays what it has before it streams
! ├╌✗ gone    standby  timeline ?         lost
  ├─▸ late    standby  timeline 1         streams, 5 MB, 3600 s behind, delayed by 1h, as declared
! ├╌✗ off     standby  timeline 2, not 1  does not stream, 1 GB, 60 s behind
  └─▸ paused  standby  timeline 1         streams, 10 B, 1 s behind, replay is paused`.slice(1),
    );
  });

  it("has a place for two that take writes", () => {
    const others = (name: string) => [{ code: "severalWrite", others: [name] } as const];
    expect(
      one(
        { name: "server2", problems: others("server3") },
        {
          name: "server3",
          role: "standby",
          upstream: "server2",
          state: "read-write",
          timeline: 2,
          problems: others("server2"),
        },
        { name: "des10", role: "mirror", upstream: "server3", timeline: 2 },
      ),
    ).toBe(
      `
sispi (ctio): 2 servers take writes
! server2    primary  timeline 1  takes writes
! server3    standby  timeline 2  takes writes
  └─▸ des10  mirror   timeline 2  streams, 0 B behind`.slice(1),
    );
  });

  it("has a place for those that follow nobody", () => {
    expect(
      one(
        {
          name: "server2",
          role: "primary",
          state: "stopped",
          timeline: null,
          problems: [{ code: "stopped" }, { code: "nobodyWrites" }],
        },
        { name: "server3", upstream: "server2", off },
        { name: "spare", role: "standby", state: "in recovery, read-only" },
      ),
    ).toBe(
      `
sispi (ctio): nobody takes writes
! server2      primary  timeline ?  stopped
! └╌✗ server3  standby  timeline 1  does not stream, 0 B behind
  spare        standby  timeline 1  in recovery, follows nobody`.slice(1),
    );
  });

  it("has a place for a circle", () => {
    expect(one({ name: "c", upstream: "b" }, { name: "b", upstream: "a" }, { name: "a", upstream: "b" })).toBe(
      `
sispi (ctio): nobody takes writes
  a          standby  timeline 1  in a circle, from b, streams, 0 B behind
  └─▸ b      standby  timeline 1  streams, 0 B behind
      └─▸ c  standby  timeline 1  streams, 0 B behind`.slice(1),
    );
  });

  it("believes the walsenders: of a server that somebody made follow another, of one declared the primary, of one that is not answering", () => {
    expect(
      one(
        {
          name: "server3",
          role: "standby",
          upstream: "server2",
          state: "read-write",
          walSenders: ["the_old_primary", "dark", "des10"],
        },
        {
          name: "server2",
          role: "primary",
          state: "in recovery, read-only",
          applicationName: "the_old_primary",
          walSenders: [],
          problems: [{ code: "primaryInRecovery" }],
        },
        { name: "des10", role: "mirror", upstream: "server2" },
        {
          name: "dark",
          upstream: "server3",
          state: "unreachable",
          timeline: null,
          lagBytes: null,
          problems: [{ code: "unanswered" }],
        },
      ),
    ).toBe(
      `
sispi (ctio)
  server3      standby  timeline 1  takes writes
! ├─▸ dark     standby  timeline ?  unreachable, streams
  ├─▸ des10    mirror   timeline 1  streams, 0 B behind, declared from server2
! └─▸ server2  primary  timeline 1  streams`.slice(1),
    );
  });

  it("does not believe walsenders that have outlived the server that they sent to", () => {
    expect(
      one(
        { name: "server2", walSenders: ["server3"] },
        {
          name: "server3",
          upstream: "server2",
          state: "stopped",
          timeline: null,
          lagBytes: null,
          problems: [{ code: "stopped" }],
        },
      ),
    ).toBe(
      `
sispi (ctio)
  server2      primary  timeline 1  takes writes
! └╌✗ server3  standby  timeline ?  stopped`.slice(1),
    );
  });

  it("has every server once, whoever is said to follow whom", () => {
    const names = ["a", "b", "c", "d", "e"] as const;
    const told = fc.tuple(
      ...names.map((name) =>
        fc.record({
          name: fc.constant(name),
          upstream: fc.constantFrom(null, "x", ...names),
          state: fc.constantFrom("read-write", "in recovery, read-only", "stopped", "unreachable"),
          walSenders: fc.option(fc.subarray([...names, "y"])),
        }),
      ),
    );
    fc.assert(
      fc.property(told, (servers) => {
        const drawn: string[] = [];
        const walk = ({ name, found, followers }: Place): void => {
          if (found !== undefined) drawn.push(name);
          followers.forEach(walk);
        };
        const [topology] = topologiesOf([stackReport("sispi", "ctio", servers as readonly Told[])]);
        topology?.roots.forEach(walk);
        expect(drawn.sort()).toEqual([...names]);
      }),
    );
  });
});

describe("a terminal", () => {
  it("that is not UTF-8 gets ASCII", () => {
    expect(draw([ctio, fnal], { ...plain, unicode: false })).toBe(
      `
sispi (ctio, fnal)
  server2 (ctio)      primary  timeline 1  takes writes
  |-> des10 (fnal)    mirror   timeline 1  streams, 4.1 kB, 0.25 s behind
  \`-> server3 (ctio)  standby  timeline 1  streams, 0 B behind`.slice(1),
    );
    const text = renderStatus({ stacks: [ctio, fnal], kept: [], backups: [] }, { ...plain, unicode: false });
    expect(text).toMatch(/^\| des10 +\| mirror +\| 192\.0\.2\.2:5442 \| 15\.18 +\| in recovery, read-only +\|$/m);
    expect(Buffer.from(text, "utf8")).toHaveLength(text.length);
  });

  it("of 80 columns is enough for three servers of two stacks", () => {
    const text = renderStatus({ stacks: [ctio, fnal], kept: [], backups: [] }, { ...plain, columns: 80 });
    expect(Math.max(...text.split("\n").map((line) => line.length))).toBeLessThanOrEqual(80);
  });

  it("that is narrower loses the roles first, which are in both, then words", () => {
    const text = (columns: number) =>
      renderStatus({ stacks: [ctio, fnal], kept: [], backups: [] }, { ...plain, columns });
    expect(text(71)).toMatch(/^ {2}├─▸ des10 \(fnal\) {4}timeline 1 {2}streams, 4\.1 kB, 0\.25 s behind$/m);
    expect(text(55)).toMatch(/^ {2}├─▸ des10 \(fnal\) {4}TL 1 {2}streams, 4\.1 kB, 0\.25 s behind$/m);
    expect(text(75)).toMatch(/^│ server +│ address +│ version │ state +│$/m);
  });

  it("with colours shows the same text", () => {
    const colourful = renderStatus({ stacks: [ctio, fnal], kept: [], backups: [] }, { ...plain, colour: true });
    expect(colourful).toContain("\u001b[1mserver2\u001b[22m");
    expect(withoutColours(colourful)).toBe(renderStatus({ stacks: [ctio, fnal], kept: [], backups: [] }, plain));
  });

  it("obeys nothing that a server is called, or says of itself", () => {
    const hostile = "x\u001b[2J\u001b[31m\n\u202ey";
    const stacks = [
      stackReport("sispi", "ctio", [
        { name: "server2", walSenders: [hostile] },
        {
          name: "server3",
          upstream: hostile,
          version: hostile,
          off: { code: "walsenderWaits", upstream: hostile, state: hostile },
        },
      ]),
    ];
    const text = shownPainted(renderStatus({ stacks, kept: [], backups: [] }, { ...plain, colour: true }));
    const bare = withoutColours(text);
    for (const obeyed of ["\u001b", "\u202e"]) expect(bare).not.toContain(obeyed);
    expect(bare).toMatch(/─▸ x\\x1b\[2J\\x1b\[31m\\x0a\\u\{202e\}y +outside/);
    expect(bare.split("\n")).toHaveLength(1 + 4 + 6 + 1);
  });

  it("of few rows gets what fits, and the number of lines that did not", () => {
    const lines = ["a", "b".repeat(30), "c", "d"];
    expect(cut(lines, 6, 20)).toEqual(lines);
    expect(cut(lines, 4, 20)).toEqual(["a", "b".repeat(30), "(2 more lines: pgsite status shows all)"]);
    expect(cut(lines, 1, 20)).toEqual(["(4 more lines: pgsite status shows all)"]);
  });
});

describe("programs", () => {
  it("are told the servers of all stacks in the order in which these were named, with their problems' sentences", () => {
    const { servers, ...more } = statusJson({ stacks: [fnal, ctio], kept: [], backups: [] });
    expect(servers.map(({ name }) => name)).toEqual(["des10", "server2", "server3"]);
    expect(more).toEqual({});
    const [off10] = statusJson({
      stacks: [stackReport("sispi", "fnal", [{ name: "des10", upstream: "server2", off }])],
      kept: [],
      backups: [],
    }).servers;
    expect(off10?.problems).toEqual([{ ...off, message: "it does not stream from server2" }]);
  });
});
