import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { filled, messages, renderMessages, valueInWords } from "../../../installed/watch/messages.js";
import { renderWatch, type WatchFacts, watchFiles } from "../../../installed/watch/render.js";
import { conditions, renderConditions, thresholds } from "../../../postgres/watch/conditions.js";
import { metrics, renderMetrics } from "../../../postgres/watch/metrics.js";
import { checkout } from "../../../toolchain/paths.mjs";

const scripts = join(checkout, "installed", "watch");
const hostile = `it's "$(touch pwned)" \`x\` \\ %o %v {`;

const facts: WatchFacts = {
  job: {
    site: "sispi",
    server: "server2",
    version: "15",
    user: "postgres",
    dataDirectory: `/raid2/${hostile}`,
    controlDirectory: `/raid2/${hostile}.pgsite`,
    binDirectory: "/usr/lib/postgresql/15/bin",
    port: 5442,
    connection: { socketFolder: "/run/postgresql" },
  },
  role: "primary",
  hot: true,
  standbys: [{ name: "server3", applicationName: "walreceiver", delay: 3600 }],
  peers: [{ name: "server3", address: "10.0.0.3", port: 5442, role: hostile, warm: true }],
  log: { format: "stderr", folder: "/raid2/db/pg_log" },
};

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "pgsite-words-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const has = (program: string) => spawnSync("sh", ["-c", `command -v ${program}`]).status === 0;
const awk = (script: string, env: Readonly<Record<string, string>>, ...args: readonly string[]) =>
  execFileSync("awk", ["-f", join(scripts, script), ...args], {
    encoding: "utf8",
    env: { PATH: process.env.PATH, LC_ALL: "C", ...env },
  });

describe("the scripts", () => {
  it.each(["watch", "look.sh"])("%s: dash and shellcheck take it", (name) => {
    const run = (program: string, ...args: readonly string[]) =>
      spawnSync(program, [...args, join(scripts, name)], { encoding: "utf8" });
    expect(run("dash", "-n")).toMatchObject({ status: 0, stderr: "" });
    if (has("shellcheck")) expect(run("shellcheck", "-s", "sh")).toMatchObject({ status: 0, stdout: "" });
  });

  it("are installed with all that they read, and nothing of ours is readable by others", async () => {
    const set = await watchFiles({ ...facts, job: { ...facts.job, controlDirectory: "/raid2/db.pgsite" } });
    expect([set.folder, set.kind, set.owner]).toEqual(["/raid2/db.pgsite/watch", "ours", "postgres"]);
    const names = Object.keys(set.files);
    const text = Object.values(set.files)
      .map(({ content }) => content)
      .join("\n");
    const read = [...text.matchAll(/"\$here\/([\w.]+)"/g)].map(([, name]) => name ?? "");
    expect(new Set(read).size).toBeGreaterThan(10);
    expect(read.filter((name) => !names.includes(name))).toEqual([]);
    expect(Object.entries(set.files).filter(([, { mode }]) => (mode & 0o077) !== 0)).toEqual([]);
    // It goes by all the others.
    expect(names.at(-1)).toBe("watch");
  });

  it("get every text as it is", () => {
    const rendered = renderWatch(facts);
    writeFileSync(join(folder, "settings"), rendered.settings ?? "");
    writeFileSync(join(folder, "peers"), rendered.peers ?? "");
    const said = execFileSync(
      "dash",
      ["-c", `peer() { printf '%s\\n' "$@"; }; . ./settings; . ./peers; printf '%s\\n' "$data" "$watch_role"`],
      { cwd: folder, encoding: "utf8" },
    );
    expect(said.split("\n")).toEqual([
      "server3",
      "10.0.0.3",
      "5442",
      `host=10.0.0.3 port=5442 dbname=postgres user='${hostile.replace(/['\\]/g, "\\$&")}' connect_timeout=5 replication=true`,
      "warm",
      facts.job.dataDirectory,
      "primary",
      "",
    ]);
    expect(rendered.standbys).toBe("server3\twalreceiver\t3600\n");
  });
});

describe("words", () => {
  it("are there for every condition, and name an object where there is one", () => {
    for (const { name, object } of conditions) {
      const message = messages[name];
      expect(message, name).toBeDefined();
      const texts = Object.values(message ?? {});
      expect([name, texts.some((text) => /[\t\n]/.test(text))]).toEqual([name, false]);
      const own = ["replayPaused"].includes(name);
      expect([name, /%o/.test(message?.title ?? "")]).toEqual([name, object !== undefined && !own]);
    }
    expect(Object.keys(messages).sort()).toEqual(conditions.map(({ name }) => name).sort());
  });

  it("of mails are those of pgsite watch, whatever the values", () => {
    const texts = fc.stringMatching(/^[ -~]{0,20}$/);
    const number = fc.oneof(
      fc.nat(),
      fc.integer({ min: 0, max: 2 ** 45 }),
      fc.integer({ min: 0, max: 1e6 }).map((n) => n / 10),
    );
    const a = fc.record({ condition: fc.constantFrom(...conditions), o: texts, v: number, d: texts });
    fc.assert(
      fc.property(fc.array(a, { minLength: 1, maxLength: 40 }), (all) => {
        const lines = all.map(({ condition: { name }, o, v, d }) => [
          "mail",
          "begin",
          "id",
          "",
          name,
          "warning",
          o,
          v,
          5,
          0,
          0,
          d,
        ]);
        writeFileSync(join(folder, "messages"), renderMessages());
        writeFileSync(join(folder, "found"), lines.map((line) => `${line.join("\t")}\n`).join(""));
        const files = ["part=messages", join(folder, "messages"), "part=found", join(folder, "found")];
        awk("words.awk", { site: "sispi", server: "db", scratch: folder }, ...files);
        all.forEach(({ condition: { name, tests }, o, v, d }, index) => {
          const unit = tests[0].unit;
          const given = { o, v: valueInWords(unit, `${v}`), t: valueInWords(unit, "5"), d };
          const read = (part: string) => readFileSync(join(folder, `mail.${index + 1}.${part}`), "utf8").split("\n");
          expect(read("subject")[0]).toBe(`db: ${filled(messages[name]?.title ?? "", given)}`);
          expect(read("body").slice(0, 2)).toEqual([
            filled(messages[name]?.begins ?? "", given),
            filled(messages[name]?.advice ?? "", given),
          ]);
        });
      }),
      { numRuns: 15 },
    );
  });

  it("of an end say for how long it was so, and of each what else is wrong", () => {
    writeFileSync(join(folder, "messages"), renderMessages());
    const found = [
      ["condition", "disk", "critical", "/raid2", "open", 1e9, 10, 1_795_000_000, "of 10.0 GB"],
      ["condition", "silent", "critical", "", "waiting", 0, 0, 1_795_000_000, ""],
      [
        "mail",
        "end",
        "watch-1-2-end",
        "watch-1-2",
        "peerHost",
        "critical",
        "server3",
        0,
        1,
        1_795_000_000,
        1_795_007_261,
        "",
      ],
    ];
    writeFileSync(join(folder, "found"), found.map((line) => `${line.join("\t")}\n`).join(""));
    const files = ["part=messages", join(folder, "messages"), "part=found", join(folder, "found")];
    expect(awk("words.awk", { site: "sispi", server: "db", scratch: folder }, ...files)).toBe(
      "1\twatch-1-2-end\twatch-1-2\n",
    );
    expect(readFileSync(join(folder, "mail.1.subject"), "utf8")).toBe(
      "well again: db: the host of server3 does not answer\n",
    );
    expect(readFileSync(join(folder, "mail.1.body"), "utf8")).toBe(
      [
        "The host of server server3 answers again.",
        "",
        "It was so since 2026-11-18T11:06:40Z, for 2 h 1 min.",
        "",
        "site sispi, server db, condition peerHost (critical), seen at 2026-11-18T13:07:41Z",
        "",
        "Also wrong on this server:",
        "- the disk /raid2 is nearly full, since 2026-11-18T11:06:40Z",
        "",
      ].join("\n"),
    );
  });
});

describe("a log", () => {
  const counted = (format: string, ...lines: readonly string[]) => {
    writeFileSync(join(folder, "log"), lines.map((line) => `${line}\n`).join(""));
    const said = awk("log.awk", {}, `format=${format}`, join(folder, "log"))
      .split("\n")
      .map((line) => line.split("\t"));
    const of = (fact: string) => Number(said.find(([name]) => name === fact)?.[2]);
    return {
      panic: of("log.PANIC"),
      fatal: of("log.FATAL"),
      error: of("log.ERROR"),
      told: said.some(([name, part]) => name === "looked" && part === "log"),
    };
  };

  it("is counted by severities, never by what somebody's text says", () => {
    const at = "2026-11-29 11:02:00.123 UTC";
    expect(
      counted(
        "stderr",
        `${at} [12] client backend ERROR:  division by zero`,
        `${at} [12] client backend STATEMENT:  select 'PANIC:  x'`,
        "\tERROR:  of a second line",
        `${at} [12]: [1-1] user=a,db=b FATAL:  no`,
        `${at} [1] postmaster PANIC:  could not write to file "pg_wal/xlogtemp.1": No space left on device`,
        `${at} [1] postmaster LOG:  FATAL:  not one`,
        "ERROR:  without a prefix",
      ),
    ).toEqual({ panic: 1, fatal: 1, error: 2, told: true });
    const csv = (user: string, severity: string, message: string) =>
      `${at},${user},"postgres",12,"[local]",5f.1,1,"SELECT",2026-11-29 11:00:00 UTC,3/1,0,${severity},22012,${message},,,,,,,,,"psql"`;
    expect(
      counted(
        "csv",
        csv('"a"', "ERROR", '"division by zero"'),
        csv('"a,""PANIC"",b"', "FATAL", '"first'),
        'PANIC,second,""ERROR"",',
        'third"',
        csv("", "LOG", '"x"'),
      ),
    ).toEqual({ panic: 0, fatal: 1, error: 1, told: true });
    expect(
      counted(
        "json",
        `{"timestamp":"${at}","error_severity":"ERROR","message":"x \\"error_severity\\":\\"PANIC\\""}`,
        `{"timestamp":"${at}","pid":1,"error_severity":"PANIC","message":"y"}`,
      ),
    ).toEqual({ panic: 1, fatal: 0, error: 1, told: true });
  });

  it("of another language says nothing, and that is said", () => {
    const line = "2026-11-29 11:02:00.123 UTC [12] client backend FEHLER:  Division durch Null";
    expect(counted("stderr", line)).toEqual({ panic: 0, fatal: 0, error: 0, told: false });
  });
});

describe("metrics", () => {
  it("are as Prometheus wants them, whatever the objects are called", () => {
    const lines = [
      ...metrics
        .filter(({ fact }) => !["time", "unsent"].includes(fact))
        .map(({ fact, label }) => ["fact", fact, label === undefined ? "" : 'x "y" \\ z', "12.5"]),
      ["fact", "behind", "other", "-"],
      ["condition", "disk", "critical", 'raid "2" \\', "open", "1", "2", "3", ""],
    ];
    writeFileSync(join(folder, "metrics"), renderMetrics());
    writeFileSync(join(folder, "conditions"), renderConditions());
    writeFileSync(join(folder, "found"), lines.map((line) => `${line.join("\t")}\n`).join(""));
    const files = ["metrics", "conditions", "found"].flatMap((part) => [`part=${part}`, join(folder, part)]);
    const text = awk("metrics.awk", { site: "sispi", server: "db", time: "1795000000", unsent: "0" }, ...files);
    for (const { name, type } of metrics) {
      expect(text).toContain(`# TYPE ${name} ${type}\n`);
      expect(text).toMatch(new RegExp(`^${name}\\{site="sispi",server="db"`, "m"));
    }
    expect(text).toContain('pgsite_slot_kept_bytes{site="sispi",server="db",slot="x \\"y\\" \\\\ z"} 12.5\n');
    expect(text).toContain('condition="disk",severity="critical",object="raid \\"2\\" \\\\"} 1\n');
    expect(text).toContain('condition="silent",severity="critical",object=""} 0\n');
    expect(text).not.toContain('"other"');
    if (!has("promtool")) return;
    const checked = spawnSync("promtool", ["check", "metrics"], { input: text, encoding: "utf8" });
    // It also has opinions on names; a text that it cannot read is an error.
    expect(checked.stderr).not.toMatch(/error/i);
  });
});

describe("what is declared", () => {
  it("gives each threshold another value, or takes its condition out", () => {
    expect(thresholds.get("lagBytes")).toEqual({ unit: "bytes", default: 1024 ** 3 });
    const lines = (text: string) => text.split("\n");
    expect(lines(renderConditions({ lagSeconds: 5 }))).toContain(
      "lag\twarning\treplication,stream\t2\treplayPaused\tbehind\tfrom\t1073741824\tstill\tfrom\t5",
    );
    expect(lines(renderConditions({ lagSeconds: null })).some((line) => line.startsWith("lag\t"))).toBe(false);
  });
});
