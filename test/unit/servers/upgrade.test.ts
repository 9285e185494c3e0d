import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import type { Unsupported, UpgradeFacts, UpgradeRefusal } from "../../../postgres/upgrade/model.js";
import { planUpgrade } from "../../../postgres/upgrade/plan.js";
import { parseCheck } from "../../../servers/upgrade/check.js";
import { checkScript } from "../../../servers/upgrade/checkScript.js";
import { parseHost } from "../../../servers/upgrade/hostFacts.js";
import { hostScript } from "../../../servers/upgrade/hostScript.js";
import { initdbLike } from "../../../servers/upgrade/initdb.js";
import { upgradeText } from "../../../servers/words/upgrade.js";
import { refusedUpgradeInWords } from "../../../servers/words/upgradeRefusals.js";
import { factsOf, gigabyte, wantedOf } from "../../support/upgradeFacts.js";

const now = new Date("2026-11-30T08:00:00Z");
const hasShellcheck = spawnSync("shellcheck", ["--version"]).status === 0;

describe("scripts", () => {
  it.each([
    ["host", hostScript],
    ["check", checkScript],
  ])("%s is POSIX", (_, text) => {
    expect(spawnSync("dash", ["-n"], { input: text }).stderr.toString()).toBe("");
    if (!hasShellcheck) return;
    // What runs in single quotes is another shell's; lists of words are meant to be split.
    const { stdout } = spawnSync("shellcheck", ["-s", "sh", "-e", "SC2016,SC2086", "-"], { input: text });
    expect(stdout.toString()).toBe("");
  });

  it("what the host's printed", () => {
    const way = ["41ed 0 root root /opt", "41ff 1000 eve eve /opt/pg"];
    const text = [
      "free=1000",
      "mount=/srv/pg/base",
      "mount=/srv/pg",
      "written=33554432 0.25",
      "reflink=yes",
      "folder0=/opt/pg/bin",
      "folder0.has=postgres",
      ...way.map((step) => `folder0.way=${step}`),
      "",
    ].join("\n");
    expect(parseHost(text, "postgres")).toEqual({
      free: 1_024_000,
      reflink: true,
      mountPoint: "/srv/pg",
      writeRate: 134_217_728,
      folders: [{ folder: "/opt/pg/bin", programs: new Set(["postgres"]), strangers: ["/opt/pg", "/opt/pg"] }].map(
        (one) => ({ ...one, strangers: ["/opt/pg"] }),
      ),
    });
    expect(parseHost("free=\nreflink=no\nwritten=33554432 \n", "postgres")).toEqual({ reflink: false, folders: [] });
  });

  it("what the check's printed", () => {
    expect(
      parseCheck(
        "made=yes\ncollation=0 153.14\nextension=plpgsql 1.0\nextension=my ext 2 b\ncode=1\nsaid\nno\n\n  why\n",
      ),
    ).toEqual({
      made: true,
      collations: new Map([[0, "153.14"]]),
      extensions: new Map([
        ["plpgsql", "1.0"],
        ["my", "ext 2 b"],
      ]),
      code: 1,
      said: ["no", "why"],
    });
    expect(parseCheck("made=yes\nmarks=false\n").marks).toBe(false);
    expect(parseCheck("made=yes\nmarks=true\n").marks).toBe(true);
    expect(parseCheck("stopped=initdb\nsaid\nbad locale\n")).toMatchObject({ made: false, stopped: "initdb" });
  });
});

describe("a new cluster like the old one", () => {
  const { cluster } = factsOf("17");
  const made = (more: Partial<UpgradeFacts["cluster"]>, version: "10" | "13" | "15" | "17" | "18" = "18") =>
    initdbLike({ ...cluster, ...more }, { version, binDirectory: "/bin", directory: "/new" }).slice(7);

  it.each([
    [made({}), "--encoding=UTF8 --locale-provider=libc --lc-collate=C --lc-ctype=C --data-checksums --wal-segsize=16"],
    [
      made({ checksums: false, walSegmentSize: 67_108_864 }),
      "--encoding=UTF8 --locale-provider=libc --lc-collate=C --lc-ctype=C --no-data-checksums --wal-segsize=64",
    ],
    [
      made({ checksums: false }, "17"),
      "--encoding=UTF8 --locale-provider=libc --lc-collate=C --lc-ctype=C --wal-segsize=16",
    ],
    [made({ encoding: "LATIN1" }, "10"), "--encoding=LATIN1 --lc-collate=C --lc-ctype=C --data-checksums"],
    [
      made({ locale: { provider: "icu", collate: "C", ctype: "C", locale: "de", rules: "& a < b" } }, "17"),
      "--encoding=UTF8 --locale-provider=icu --lc-collate=C --lc-ctype=C --icu-locale=de --icu-rules=& a < b --data-checksums --wal-segsize=16",
    ],
    [
      made({ locale: { provider: "builtin", collate: "C", ctype: "C", locale: "C.UTF-8" } }),
      "--encoding=UTF8 --locale-provider=builtin --lc-collate=C --lc-ctype=C --builtin-locale=C.UTF-8 --data-checksums --wal-segsize=16",
    ],
  ])("%j", (argv, expected) => {
    expect(argv.join(" ")).toBe(expected);
  });
});

describe("words", () => {
  it("of a plan", () => {
    const facts = factsOf("12", {
      cluster: {
        settings: { wal_keep_segments: "64" },
        logicalSlots: ["followed"],
        databases: [
          {
            name: "app",
            size: 1,
            extensions: [
              { name: "plpgsql", version: "1.0", newVersion: "1.0" },
              { name: "hstore", version: "1.6", newVersion: "1.8" },
            ],
            unsupported: {},
            collations: [{ name: "default", was: "2.28", is: "2.36" }],
          },
        ],
      },
      standbys: [{ server: "two", free: 100 * gigabyte }],
    });
    const after = [{ name: "web console", command: "./c" }, { name: "MTAs" }];
    const text = upgradeText(planUpgrade(facts, wantedOf("13", { after }), now));
    expect(text.split("\n").filter((line) => !line.includes("defaults that are others"))).toEqual([
      "the upgrade of one: PostgreSQL 12 → 13:",
      "  the way: pg_upgrade, which copies the files (--copy) (the file system shares no blocks)",
      "  a way back: data and programs of 12 stay until pgsite upgrade commit; pgsite upgrade rollback returns to them, without what was written since",
      "  space: 12 GB needed beside the data, 107 GB free",
      "  nobody is served for about 1m 56s, by the data's size: an estimate",
      "  pg_upgrade --check, run against the running server: the clusters are compatible",
      "  first of all a backup is made, as the stack declares it; if that is not good, nothing is upgraded",
      "  setting: wal_keep_segments 64 → wal_keep_size 1024MB",
      "  extension hstore in app: 1.6 → 1.8",
      "  extensions that stay as they are: plpgsql 1.0",
      "  the planner's statistics are made again (ANALYZE, in stages) while the server works: until then plans may be poor",
      "  collation default in app: its library is 2.36 and was 2.28 when indexes were made: those are made again (REINDEX)",
      "  logical slots that are lost: followed. Whoever follows by them begins anew",
      "  two is stopped, set aside with the data of 12, and seeded anew from it: until then the site has one server",
      "  afterwards, in this order, each confirmed by you (pgsite upgrade after): web console, then MTAs (by hand)",
    ]);
  });

  it("of a way without return say so", () => {
    const plan = planUpgrade(factsOf("17"), wantedOf("18", { method: "link", acceptNoRollback: true }), now);
    expect(upgradeText(plan)).toContain("NO way back");
  });

  const plan = planUpgrade(factsOf("17"), wantedOf("18"), now);
  const refusals: { readonly [Code in UpgradeRefusal["code"]]: Extract<UpgradeRefusal, { code: Code }> } = {
    downgrade: { code: "downgrade", from: "18", to: "17" },
    "too old": { code: "too old", from: "9.1", oldest: "9.2" },
    "programs missing": { code: "programs missing", way: "copy", folder: "/bin", programs: ["pg_upgrade"] },
    space: { code: "space", server: "one", needed: 2e9, free: 1e9, way: "copy" },
    "no rollback not accepted": { code: "no rollback not accepted", way: "link" },
    "cannot clone": { code: "cannot clone" },
    check: { code: "check", said: ["fatal"] },
    unsupported: { code: "unsupported", kind: "reg* columns", database: "app", objects: ["a.b.c"] },
    "extension missing": { code: "extension missing", database: "app", extension: "postgis" },
    "programs older": { code: "programs older", databases: ["app"], version: "18.6" },
    "prepared transactions": { code: "prepared transactions", count: 1 },
    "folder closed": { code: "folder closed", path: "/var/db", user: "msyspg" },
    "rolled back before": { code: "rolled back before", path: "/srv/pg.version-18", version: "18" },
    "mount point": { code: "mount point", path: "/srv" },
    layout: { code: "layout", layout: "debian" },
    "outside window": {
      code: "outside window",
      window: { from: "22:00", until: "05:00", days: [6], timeZone: "UTC" },
      next: "2026-12-05T22:00:00Z",
    },
    "defer takes dump": { code: "defer takes dump", method: "copy" },
    stopped: { code: "stopped", programs: "/bin" },
    "not primary": { code: "not primary" },
    uncommitted: { code: "uncommitted", from: "16" },
    "migration unfinished": { code: "migration unfinished" },
    "upstream first": { code: "upstream first", upstream: "s1", version: "17" },
  };
  it.each(Object.entries(refusals))("of a refusal (%s) have a cause and a remedy", (code, refusal) => {
    const said = refusedUpgradeInWords(plan, refusal);
    expect(said.length).toBeGreaterThan(20);
    expect(said).not.toMatch(/undefined|NaN|\[object/);
    if (code !== "check") expect(said).toMatch(/: |; /);
  });

  it("of each kind that is not taken", () => {
    const kinds: readonly Unsupported[] = ["abstime", "with oids", "postfix operators", "roles called pg_"];
    for (const kind of kinds) {
      const said = refusedUpgradeInWords(plan, { code: "unsupported", kind, database: "app", objects: ["a.b"] });
      expect(said).toMatch(/^a\.b /);
      expect(said.includes("upgrade.method: dump")).toBe(kind === "with oids");
    }
  });
});
