import { spawn } from "node:child_process";
import { chown, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type OsUser, osUser } from "../../hosts/users.js";
import { renderConfiguration } from "../../postgres/files/postgresqlConf.js";
import { resolveSettings } from "../../postgres/settings/resolve.js";
import { checkRules } from "../../postgres/settings/rules.js";
import { availableMajors, programsOf } from "../support/programs.js";

/** Settings that real servers were asked to start with; those that a version does not know are left out there. */
const together: readonly Readonly<Record<string, string>>[] = [
  { wal_level: "minimal", max_wal_senders: "1" },
  { wal_level: "minimal", max_wal_senders: "0", archive_mode: "on", archive_command: "true" },
  { wal_level: "minimal", max_wal_senders: "0", summarize_wal: "on" },
  { wal_level: "minimal", max_wal_senders: "0", max_replication_slots: "5", hot_standby: "on" },
  { wal_level: "replica", max_wal_senders: "20", max_connections: "20" },
  { wal_level: "replica", max_wal_senders: "10", max_connections: "20", superuser_reserved_connections: "10" },
  { wal_level: "replica", max_wal_senders: "3", max_connections: "10", superuser_reserved_connections: "10" },
  { wal_level: "replica", max_wal_senders: "1", max_connections: "10", reserved_connections: "7" },
  { max_connections: "262143" },
  { synchronous_standby_names: "1 (a, b)", log_destination: "stderr" },
  { min_wal_size: "33MB", max_wal_size: "32MB" },
  { max_wal_size: "31MB" },
  { log_statement_stats: "on", log_planner_stats: "on" },
  { recovery_target_name: "a", recovery_target_xid: "" },
  { sync_replication_slots: "on" },
];

describe.each(availableMajors())("PostgreSQL %s", (major) => {
  let programs = "";
  let folder = "";
  /** The servers' programs refuse to run as root. */
  let user: OsUser | undefined;

  beforeAll(async () => {
    programs = await programsOf(major);
    if (process.getuid?.() === 0) user = await osUser("postgres").catch(() => osUser("nobody"));
    folder = await mkdtemp(join(tmpdir(), "pgsite-rules-"));
    if (user !== undefined) await chown(folder, user.uid, user.gid);
    const made = await run("initdb", ["-D", join(folder, "data"), "-N", "-A", "trust", "-E", "UTF8", "--locale=C"]);
    expect(made.stderr).not.toContain("FATAL");
  }, 300_000);

  afterAll(() => rm(folder, { recursive: true, force: true }));

  /** Runs a program to its end, or until it says that it accepts connections; then it is stopped. */
  function run(
    program: string,
    args: readonly string[],
  ): Promise<{ readonly started: boolean; readonly stderr: string }> {
    const ids = user === undefined ? {} : { uid: user.uid, gid: user.gid };
    const env = { LC_ALL: "C", PATH: process.env.PATH };
    const child = spawn(join(programs, program), args, { ...ids, env, cwd: "/", stdio: ["ignore", "ignore", "pipe"] });
    return new Promise((resolve, reject) => {
      let stderr = "";
      child.stderr.setEncoding("utf8").on("data", (text: string) => {
        stderr += text;
        if (/ready to accept connections/.test(stderr)) child.kill("SIGQUIT");
      });
      child.on("error", reject);
      child.on("close", () => resolve({ started: /ready to accept connections/.test(stderr), stderr }));
    });
  }

  /** Small enough to start many times; the socket's folder is the test's own, so that any port is free. */
  const small = { listen_addresses: "", shared_buffers: "1MB", fsync: "off" };

  test("the server refuses to start exactly where the rules say so", async () => {
    const answers: string[] = [];
    const expected: string[] = [];
    for (const values of together) {
      const resolved = resolveSettings(major, [{ source: "the test", path: "settings", values }]);
      if (resolved.problems.length > 0 || Object.keys(resolved.recovery).length > 0) continue;
      const said = checkRules(major, resolved).some((one) => one.severity === "error") ? "refused" : "started";
      await writeFile(
        join(folder, "data/postgresql.conf"),
        renderConfiguration({ ...small, unix_socket_directories: folder, ...resolved.postgresql }),
      );
      const { started, stderr } = await run("postgres", ["-D", join(folder, "data")]);
      expected.push(`${JSON.stringify(values)} ${said}`);
      answers.push(`${JSON.stringify(values)} ${started ? "started" : "refused"}`);
      if (!started && said === "started") answers.push(stderr);
    }
    expect(answers).toEqual(expected);
  }, 60_000);
});
