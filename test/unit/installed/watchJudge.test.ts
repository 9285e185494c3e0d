import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { conditions, renderConditions, type Thresholds } from "../../../postgres/watch/conditions.js";
import { checkout } from "../../../toolchain/paths.mjs";

const judge = join(checkout, "installed", "watch", "judge.awk");
const hour = 3600;
const day = 86_400;
const start = 1_795_000_000;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "pgsite-judge-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

type Fact = readonly [name: string, object: string, value: string | number];

interface Given {
  readonly thresholds?: Thresholds;
  readonly role?: string;
  readonly upstream?: string;
  readonly standbys?: string;
  readonly awk?: readonly string[];
}

interface Judged {
  readonly facts: readonly string[][];
  readonly conditions: readonly string[][];
  readonly mails: readonly {
    readonly kind: string;
    readonly id: string;
    readonly of: string;
    readonly key: string;
    readonly at: number;
  }[];
}

/** What is judged of several runs, one after the other, in one call. The state is kept from call to call. */
class Judge {
  readonly #state: string;
  static #made = 0;

  constructor(private readonly given: Given = {}) {
    Judge.#made += 1;
    this.#state = join(folder, `state-${Judge.#made}`);
    writeFileSync(this.#state, "");
    writeFileSync(`${this.#state}-conditions`, renderConditions(given.thresholds));
    writeFileSync(`${this.#state}-standbys`, given.standbys ?? "");
  }

  see(...runs: readonly { readonly now: number; readonly facts: readonly Fact[] }[]): Judged {
    const lines = runs.flatMap(({ now, facts }) => [["now", "", now], ...facts].map((fact) => `${fact.join("\t")}\n`));
    writeFileSync(`${this.#state}-facts`, lines.join(""));
    const { role = "primary", upstream = "", awk = ["awk"] } = this.given;
    const [program = "", ...args] = awk;
    const files = ["conditions", "standbys", "state", "facts"].flatMap((part) => [
      `part=${part}`,
      part === "state" ? this.#state : `${this.#state}-${part}`,
    ]);
    const said = execFileSync(program, [...args, "-f", judge, ...files], {
      encoding: "utf8",
      env: { PATH: process.env.PATH, server: "server2", role, upstream, state_to: `${this.#state}-new`, LC_ALL: "C" },
    });
    writeFileSync(this.#state, readFileSync(`${this.#state}-new`));
    const found = said.split("\n").map((line) => line.split("\t"));
    const of = (word: string) => found.filter(([first]) => first === word);
    return {
      facts: of("fact"),
      conditions: of("condition"),
      mails: of("mail").map(([, kind = "", id = "", reference = "", name, , object, , , , at]) => {
        return { kind, id, of: kind === "begin" ? id : reference, key: `${name} ${object}`, at: Number(at) };
      }),
    };
  }

  state(): string {
    return readFileSync(this.#state, "utf8");
  }
}

const allSections = [...new Set(conditions.flatMap(({ sections }) => sections))];
const looked = (sections: readonly string[] = allSections): Fact[] => sections.map((section) => ["looked", section, 1]);
/** A run with nothing wrong. */
const clean: readonly Fact[] = [
  ...looked(),
  ["answers", "", 1],
  ["recovery", "", 0],
  ["disk.size", "/", 1e12],
  ["disk.free", "/", 9e11],
  ["slot.active", "s", 1],
  ["slot.kept", "s", 100],
  ["peer", "server3", "ok"],
];

describe("the judge", () => {
  it("is silent where nothing is wrong", () => {
    const runs = Array.from({ length: 168 }, (_, index) => ({ now: start + index * hour, facts: clean }));
    const { mails, conditions: shown } = new Judge().see(...runs);
    expect({ mails, shown }).toEqual({ mails: [], shown: [] });
  });

  it("mails what begins, once, a reminder a day, and what is over, once and of the same thread", () => {
    const down: Fact[] = [
      ...looked(["server", "peers"]),
      ["answers", "", 0],
      ["detail.silent", "", "no process of it runs"],
    ];
    const judged = new Judge();
    const runs = Array.from({ length: 50 }, (_, index) => ({ now: start + index * hour, facts: down }));
    const { mails } = judged.see(
      ...runs,
      { now: start + 50 * hour, facts: clean },
      { now: start + 51 * hour, facts: clean },
    );
    expect(mails.map(({ kind, key, at }) => `${kind} ${key} ${(at - start) / hour}`)).toEqual([
      "begin silent  0",
      "remind silent  24",
      "remind silent  48",
      "end silent  50",
    ]);
    expect(new Set(mails.map(({ of }) => of)).size).toBe(1);
    expect(new Set(mails.map(({ id }) => id)).size).toBe(4);
  });

  it("goes on reminding by a clock that was set back, a day after that", () => {
    const down: Fact[] = [...looked(["server", "peers"]), ["answers", "", 0]];
    const runs = Array.from({ length: 49 }, (_, index) => ({ now: start - 30 * day + index * hour, facts: down }));
    const { mails } = new Judge().see({ now: start, facts: down }, ...runs);
    expect(mails.map(({ kind, at }) => `${kind} ${(at - start) / day}`)).toEqual([
      "begin 0",
      "remind -29",
      "remind -28",
    ]);
  });

  it("waits as many runs as the condition says, and begins anew when one of them was good", () => {
    const off: Fact[] = [...clean, ["slot.active", "s", 0]];
    const see = (...facts: readonly (readonly Fact[])[]) =>
      new Judge()
        .see(...facts.map((each, index) => ({ now: start + index * hour, facts: each })))
        .mails.map(({ kind }) => kind);
    expect(see(off, clean, off, clean)).toEqual([]);
    expect(see(off, off, clean, off)).toEqual(["begin", "end"]);
  });

  it("takes what it could not look at neither for good nor for bad", () => {
    const judged = new Judge();
    const full: Fact[] = [...clean, ["slot.kept", "s", 20e9]];
    const blind: Fact[] = [...looked(["peers", "disks", "server"]), ["answers", "", 0]];
    const at = (index: number, facts: readonly Fact[]) => ({ now: start + index * hour, facts });
    expect(
      judged.see(at(0, full), at(1, blind), at(2, full), at(3, clean)).mails.map(({ kind, key }) => `${kind} ${key}`),
    ).toEqual(["begin slotWal s", "begin silent ", "end silent ", "end slotWal s"]);
  });

  it("ends what is gone: a slot that was dropped, a peer that is not declared any more, a condition that is not wanted", () => {
    const judged = new Judge();
    const at = (index: number, facts: readonly Fact[]) => ({ now: start + index * hour, facts });
    const gone = clean.filter(([name]) => !name.startsWith("slot") && name !== "peer");
    const { mails } = judged.see(at(0, [...clean, ["slot.kept", "s", 20e9], ["peer", "server3", "host"]]), at(1, gone));
    expect(mails.map(({ kind, key }) => `${kind} ${key}`).sort()).toEqual([
      "begin peerHost server3",
      "begin slotWal s",
      "end peerHost server3",
      "end slotWal s",
    ]);
  });

  it("says nothing of a standby's stream while its host is known to be silent, and does once only that is wrong", () => {
    const judged = new Judge({ standbys: "server3\tserver3\t0\n" });
    const away: Fact[] = [...clean, ["peer", "server3", "host"]];
    const at = (index: number, facts: readonly Fact[]) => ({ now: start + index * hour, facts });
    const { mails } = judged.see(at(0, away), at(1, away), at(2, away), at(3, clean), at(4, clean));
    expect(mails.map(({ kind, key, at: when }) => `${kind} ${key} ${(when - start) / hour}`)).toEqual(
      ["begin peerHost server3 0", "begin standbyAbsent server3 4", "end peerHost server3 3"].sort(
        (left, right) => Number(left.split(" ")[3]) - Number(right.split(" ")[3]),
      ),
    );
  });

  it("counts lag only while replay stands still, and never on an idle primary", () => {
    const judged = new Judge({ standbys: "server3\twalreceiver\t0\n" });
    const of = (replay: number, behind: number): Fact[] => [
      ...clean,
      ["sender", "walreceiver", "streaming"],
      ["replay", "walreceiver", replay],
      ["behind", "walreceiver", behind],
      // Nobody declared it.
      ["sender", "pg_basebackup", "backup"],
      ["behind", "pg_basebackup", 1e13],
      ["replay", "pg_basebackup", 1],
    ];
    const at = (index: number, facts: readonly Fact[]) => ({ now: start + index * hour, facts });
    const moving = Array.from({ length: 5 }, (_, index) => at(index, of(1e9 * index, 5e9)));
    const idle = Array.from({ length: 30 }, (_, index) => at(10 + index, of(5e9, 0)));
    expect(judged.see(...moving, ...idle).mails).toEqual([]);
    const still = Array.from({ length: 4 }, (_, index) => at(50 + index, of(5e9, 5e9)));
    expect(
      judged
        .see(...still, at(54, of(6e9, 5e9)))
        .mails.map(({ kind, key, at: when }) => `${kind} ${key} ${(when - start) / hour}`),
    ).toEqual(["begin lag server3 51", "end lag server3 54"]);
  });

  it("foresees when a disk is full, by what it took since its oldest reading", () => {
    const judged = new Judge();
    const of = (free: number): Fact[] =>
      clean.map((fact) => (fact[0] === "disk.free" ? ["disk.free", "/", free] : fact));
    const runs = Array.from({ length: 12 }, (_, index) => ({
      now: start + index * hour,
      facts: of(8e11 - index * 4e10),
    }));
    const { facts, mails } = judged.see(...runs);
    const hours = facts.filter(([, name]) => name === "disk.hours").map(([, , , value]) => value);
    expect(hours).toEqual(["14.0", "13.0", "12.0", "11.0", "10.0", "9.0"]);
    expect(mails.map(({ kind, key, at }) => `${kind} ${key} ${(at - start) / hour}`)).toEqual(["begin diskEnds / 8"]);
  });

  it("counts how old a backup is from the first look where there is none, and goes on where all were lost", () => {
    const judged = new Judge();
    const of = (time: number): Fact[] => [
      ...clean,
      ["backup.time", "own", time],
      ["verified.time", "own", 0],
      ["drill.time", "own", 0],
    ];
    const at = (index: number, facts: readonly Fact[]) => ({ now: start + index * day, facts });
    const days = (count: number, from: number, time: number) =>
      Array.from({ length: count }, (_, index) => at(from + index, of(time)));
    expect(judged.see(...days(9, 0, 0)).mails.map(({ kind, key }) => `${kind} ${key}`)).toEqual([
      "begin backupOld own",
    ]);
    const { mails } = judged.see(...days(2, 9, start + 8.5 * day), ...days(8, 11, 0));
    const told = mails.map(({ kind, key, at: when }) => `${kind} ${key} ${(when - start) / day}`);
    expect(told).toEqual([
      "end backupOld own 9",
      // None was verified since the first look.
      "begin backupUnverified own 16",
      "begin backupOld own 17",
      "remind backupUnverified own 17",
      "remind backupOld own 18",
      "remind backupUnverified own 18",
    ]);
  });

  it("does not alternate at a threshold", () => {
    const judged = new Judge({ thresholds: { connectionsPercent: 90 } });
    const of = (used: number): Fact[] => [...clean, ["connections", "", used], ["connections.max", "", 1000]];
    const see = [905, 899, 905, 899, 860, 850].map((used, index) => ({ now: start + index * hour, facts: of(used) }));
    expect(judged.see(...see).mails.map(({ kind, at }) => `${kind} ${(at - start) / hour}`)).toEqual([
      "begin 0",
      "end 5",
    ]);
  });
});

/** A run of a random history: how much time has passed, what was looked at, and what is wrong. */
const aRun = fc.record({
  passed: fc.oneof(fc.constant(hour), fc.integer({ min: 0, max: 3 * day }), fc.integer({ min: -30 * day, max: 0 })),
  sections: fc.oneof(fc.constant(allSections), fc.subarray([...allSections])),
  wrong: fc.array(fc.constantFrom("silent", "slotA", "slotB", "slotOff", "disk", "host", "unseen"), { maxLength: 4 }),
});
const factsOf: Readonly<Record<string, readonly Fact[]>> = {
  silent: [["answers", "", 0]],
  slotA: [["slot.kept", "a", 9e10]],
  slotB: [["slot.kept", "b c\\", 9e10]],
  slotOff: [["slot.active", "a", 0]],
  disk: [
    ["disk.size", '/raid "2"', 1e11],
    ["disk.free", '/raid "2"', 1e9],
  ],
  host: [["peer", "server3", "host"]],
  unseen: [["unseen", "log", 1]],
};

describe("whatever happens, and however the clock is set", () => {
  const histories = fc.array(aRun, { minLength: 2, maxLength: 40 });
  const runsOf = (history: readonly { passed: number; sections: readonly string[]; wrong: readonly string[] }[]) => {
    let now = start;
    return history.map(({ passed, sections, wrong }) => {
      now += passed;
      return { now, facts: [...looked(sections), ...wrong.flatMap((each) => factsOf[each] ?? [])] };
    });
  };

  it("each incident has one mail when it begins, at most one when it is over, and reminders a day apart between", () => {
    fc.assert(
      fc.property(histories, (history) => {
        const judged = new Judge();
        const runs = runsOf(history);
        // And then all is well: every incident must be over.
        const now = (runs.at(-1)?.now ?? start) + hour;
        const mails = judged.see(...runs, { now, facts: clean }, { now: now + hour, facts: clean }).mails;
        const open = new Map<string, string>();
        const last = new Map<string, number>();
        for (const { kind, id, of, key, at } of mails) {
          if (kind === "begin") {
            expect([open.has(key), [...open.values()].includes(id)]).toEqual([false, false]);
            open.set(key, id);
          } else {
            expect(open.get(key)).toBe(of);
            if (kind === "end") open.delete(key);
            else expect(at >= (last.get(key) ?? 0) + day || at < (last.get(key) ?? 0)).toBe(true);
          }
          last.set(key, at);
        }
        expect([...open]).toEqual([]);
        expect(new Set(mails.map(({ id }) => id)).size).toBe(mails.length);
      }),
      { numRuns: 120 },
    );
  });

  it("the state carries all from one call to the next", () => {
    fc.assert(
      fc.property(histories, (history) => {
        const [whole, parts] = [new Judge(), new Judge()];
        const runs = runsOf(history);
        const half = Math.ceil(runs.length / 2);
        const together = whole.see(...runs).mails;
        expect([...parts.see(...runs.slice(0, half)).mails, ...parts.see(...runs.slice(half)).mails]).toEqual(together);
        expect(parts.state().split("\n").sort()).toEqual(whole.state().split("\n").sort());
      }),
      { numRuns: 40 },
    );
  });

  const awks = [["mawk"], ["gawk", "--posix"], ["busybox", "awk"], ["original-awk"]].filter(
    ([program = ""]) => spawnSync("sh", ["-c", `command -v ${program}`]).status === 0,
  );
  it.each(awks.map((awk) => [awk.join(" "), awk] as const))("%s says the same", (_, awk) => {
    fc.assert(
      fc.property(histories, (history) => {
        const runs = runsOf(history);
        const [one, other] = [new Judge(), new Judge({ awk })];
        expect(other.see(...runs)).toEqual(one.see(...runs));
        expect(other.state().split("\n").sort()).toEqual(one.state().split("\n").sort());
      }),
      { numRuns: 10 },
    );
  });
});
