import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { regexesOf } from "../../../installed/migrate/patterns.js";
import { type MigrateFacts, migrateFiles, renderMigrate } from "../../../installed/migrate/render.js";
import { isThrough, type MigratedTable, type Migration } from "../../../servers/migrate/ask.js";
import { migratedDatabaseInWords, migratedTableInWords } from "../../../servers/words/migrate.js";
import { checkout } from "../../../toolchain/paths.mjs";

const scripts = join(checkout, "installed", "migrate");
const hostile = `it's "$(touch pwned)" \`x\` \\ %o`;

const facts: MigrateFacts = {
  job: {
    site: "momentum",
    server: "db",
    version: "18",
    user: "msyspg",
    dataDirectory: `/var/db/${hostile}`,
    controlDirectory: "/var/db/msyspg.pgsite",
    binDirectory: "/opt/msys/3rdParty/bin",
    port: 5432,
    connection: { socketFolder: "/tmp" },
  },
  source: { binDirectory: "/opt/old/bin", dataDirectory: `/var/db/${hostile}.version-9.6`, version: "9.6" },
  databases: { ecelerity: ["rt_log*.*", "public.old"], [hostile]: ["a.b"] },
  lateStandbys: ["it's", "b\\c"],
};

const has = (program: string) => spawnSync("sh", ["-c", `command -v ${program}`]).status === 0;

describe("the program of a migration", () => {
  it.each(["migrate", "source.sh", "state.sh", "waits.sh", "batch.sh", "after.sh", "status.sh"])(
    "%s: dash and shellcheck take it",
    (name) => {
      const run = (program: string, ...args: readonly string[]) =>
        spawnSync(program, [...args, join(scripts, name)], { encoding: "utf8" });
      expect(run("dash", "-n")).toMatchObject({ status: 0, stderr: "" });
      if (has("shellcheck")) expect(run("shellcheck", "-s", "sh")).toMatchObject({ status: 0, stdout: "" });
    },
  );

  it("is installed with all that it reads, and nothing of it is readable by others", async () => {
    const { folder, kind, owner, files } = await migrateFiles(facts);
    expect([folder, kind, owner]).toEqual(["/var/db/msyspg.pgsite/migrate", "ours", "msyspg"]);
    const text = Object.values(files)
      .map(({ content }) => content)
      .join("\n");
    const read = [...text.matchAll(/"\$here\/([\w.]+)"/g)].map(([, name]) => name ?? "");
    expect(new Set(read).size).toBeGreaterThan(6);
    expect(read.filter((name) => !(name in files))).toEqual([]);
    expect(Object.entries(files).filter(([, { mode }]) => (mode & 0o077) !== 0)).toEqual([]);
    expect(Object.keys(files).at(-1)).toBe("migrate");
  });

  it("gets every text as it is", () => {
    const folder = mkdtempSync(join(tmpdir(), "pgsite-migrate-"));
    try {
      const { settings = "", databases } = renderMigrate(facts);
      writeFileSync(join(folder, "settings"), settings);
      const print = `. ./settings; printf '%s\\n' "$data" "$source_data" "$source_number" "$late_standbys" "$niceness"`;
      const said = execFileSync("dash", ["-c", print], { cwd: folder, encoding: "utf8" });
      expect(said.split("\n").slice(0, 5)).toEqual([
        facts.job.dataDirectory,
        facts.source.dataDirectory,
        "906",
        "'it''s', E'b\\\\c'",
        "10",
      ]);
      expect(databases).toBe(
        `ecelerity\t^(rt_log.*)$\t^(.*)$\necelerity\t^(public)$\t^(old)$\n${hostile}\t^(a)$\t^(b)$\n`,
      );
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it("takes patterns as pg_dump does", () => {
    expect(regexesOf("RT_log?.x$y")).toEqual(["^(rt_log.)$", "^(x\\$y)$"]);
    expect(regexesOf('"A.b*".""""')).toEqual(["^(A\\.b\\*)$", '^(")$']);
    expect(regexesOf("rt[12].t_*")).toEqual(["^(rt[12])$", "^(t_.*)$"]);
  });
});

describe("what it says", () => {
  const table: MigratedTable = {
    ...{ schema: "rt_log", table: "t", status: "done", rows: 5, ofRows: 5, bytes: 8192, percent: 100, batches: 1 },
  };
  const migration = (...tables: readonly MigratedTable[]): Migration => ({
    ...{ code: "known", server: "db", host: "h", running: false, sourceRunning: false },
    databases: [{ database: "ecelerity", paused: false, tables }],
  });

  it("is through when every table is, and nobody who does not answer is", () => {
    expect(isThrough(migration(table))).toBe(true);
    expect(isThrough(migration(table, { ...table, status: "refused", reason: "not empty" }))).toBe(false);
    expect(isThrough({ code: "none", server: "db", host: "h" })).toBe(true);
    expect(isThrough({ code: "unknown", server: "db", host: "h", because: "no route" })).toBe(false);
    const waits = { for: "not-begun", detail: "" } as const;
    expect(
      isThrough({ ...migration(), databases: [{ database: "e", paused: false, waits, tables: [] }] } as Migration),
    ).toBe(false);
  });

  it("names what waits, and what is to be done", () => {
    const database = { database: "e", paused: false, tables: [], rate: 1000, left: 120 };
    expect(migratedDatabaseInWords({ ...database, waits: { for: "lag", detail: "2097152 a standby" } })).toBe(
      "e: it waits until the standby a standby has replayed what it lags behind, 2.0 MB, 1000 rows a second in the last ten minutes, about 2 min 0 s left",
    );
    expect(
      migratedDatabaseInWords({ ...database, waits: { for: "disk", detail: "1024 2097152 /var/my data" } }),
    ).toContain("/var/my data has 1.0 kB free, and takes 2.0 MB");
    expect(migratedTableInWords({ ...table, status: "failed", reason: "foreign key", detail: "a key 7" })).toContain(
      "7 of its rows refer by a key to rows",
    );
    expect(migratedTableInWords(table)).toBeUndefined();
  });
});
