import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { md5Verifier } from "../../postgres/verifier.js";
import { atLeast, type Major } from "../../postgres/versions.js";
import { openSession, type Session } from "../../servers/sql/session.js";
import { literal } from "../../servers/sql/sql.js";
import { inTransaction } from "../../servers/takeover/unlogged.js";
import { Cluster } from "./cluster.js";

/** What a server may be told to keep of statements: all of it. */
const everything = (major: Major): Readonly<Record<string, string>> => ({
  log_statement: "all",
  log_min_duration_statement: "0",
  log_duration: "on",
  log_min_messages: "debug2",
  log_min_error_statement: "debug5",
  log_error_verbosity: "verbose",
  log_lock_waits: "on",
  deadlock_timeout: "200ms",
  log_destination: "stderr,csvlog",
  debug_print_parse: "on",
  debug_print_rewritten: "on",
  debug_print_plan: "on",
  log_statement_stats: "on",
  ...(atLeast(major, "12") ? { log_transaction_sample_rate: "1" } : {}),
  ...(atLeast(major, "13") ? { log_min_duration_sample: "0", log_statement_sample_rate: "1" } : {}),
});

/**
 * The tests of one major version: a real server that keeps all it can of statements, and a verifier that is to be in none of it.
 * @param first the server listens on 127.0.20.FIRST
 */
export function describeUnlogged(major: Major, first: number): void {
  describe(`the verifier of a password, on a server at ${major} that logs everything`, () => {
    let cluster: Cluster;
    let session: Session | undefined;
    const login = { user: "dbadmin", password: "secret" };
    const open = async () => {
      session = await openSession(cluster.server("server2"), login, { timeout: 20_000 });
      return session;
    };
    const hasScram = atLeast(major, "10");
    /** A verifier as any; it is known by its marker. */
    const verifier = (marker: string) =>
      hasScram
        ? `SCRAM-SHA-256$4096:${Buffer.from(marker.padEnd(16, "=")).toString("base64")}$${"A".repeat(43)}=:${"A".repeat(43)}=`
        : md5Verifier(marker, "");
    const setting = (role: string, marker: string) =>
      `ALTER ROLE ${role} ENCRYPTED PASSWORD ${literal(verifier(marker))}`;

    function logged(): string {
      const folder = join(cluster.server("server2").dataDirectory, "pg_log");
      const logs = readdirSync(folder).map((name) => readFileSync(join(folder, name), "utf8"));
      return [...logs, readFileSync(join(cluster.server("server2").controlDirectory, "start.log"), "utf8")].join("\n");
    }

    /** Once the server has written what it has to say so far. */
    async function loggedUpTo(word: string): Promise<string> {
      await cluster.query("server2", `select '${word}'`);
      await expect.poll(() => logged().includes(word), { timeout: 10_000 }).toBe(true);
      return logged();
    }

    beforeAll(async () => {
      const servers = [{ name: "server2", role: "primary", settings: everything(major) }] as const;
      cluster = await Cluster.describe({ major, first, servers });
      await cluster.seed("server2");
      await cluster.start("server2");
      await cluster.query("server2", "create role reader", "create role writer");
    }, 60_000);

    afterAll(async () => {
      await session?.end();
      await cluster?.close();
    });

    it("is in its log where nothing is done about it: this log is one that would show it", async () => {
      await (await open()).query(setting("reader", "control"));
      await session?.end();
      expect(await loggedUpTo("after-control")).toContain(verifier("control"));
    });

    it("is not in its log when it is set, and what else is done to the role is", async () => {
      await inTransaction(await open(), ["ALTER ROLE reader CONNECTION LIMIT 7"], setting("reader", "quiet"));
      await session?.end();
      const [row] = await cluster.query(
        "server2",
        "select left(rolpassword, 3) as kind, rolconnlimit::text as n from pg_authid where rolname = 'reader'",
      );
      expect(row).toEqual({ kind: hasScram ? "SCR" : "md5", n: "7" });
      const log = await loggedUpTo("after-quiet");
      expect(log).toContain("ALTER ROLE reader CONNECTION LIMIT 7");
      expect(log).not.toContain(verifier("quiet"));
    });

    it("is not in its log when it cannot be set: no such role, and in a transaction that only reads", async () => {
      await expect(inTransaction(await open(), [], setting("nobody_there", "failing"))).rejects.toThrow(
        "does not exist",
      );
      await session?.end();
      const only = inTransaction(await open(), ["set transaction read only"], setting("reader", "reading"));
      await expect(only).rejects.toThrow("read-only transaction");
      await session?.end();
      const log = await loggedUpTo("after-failing");
      expect(log).toContain('role "nobody_there" does not exist');
      expect(log).toContain("cannot execute ALTER ROLE in a read-only transaction");
      for (const marker of ["failing", "reading"]) expect(log).not.toContain(verifier(marker));
    });

    it("is neither in pg_stat_activity nor in the report of a deadlock while it waits", async () => {
      const other = await openSession(cluster.server("server2"), login);
      try {
        await other.query("begin");
        await other.query("alter role writer connection limit 3");
        const waiting = inTransaction(
          await open(),
          ["alter role reader connection limit 4"],
          setting("writer", "waiting"),
        ).then(
          () => "done",
          (error: Error) => error.message,
        );
        const waits = "select count(*)::text as n from pg_locks where not granted";
        await expect.poll(async () => (await other.query(waits))[0]?.n, { timeout: 10_000 }).toBe("1");
        const activity = await other.query("select query from pg_stat_activity");
        expect(JSON.stringify(activity)).not.toContain(verifier("waiting"));
        // Each waits for the other now.
        const theirs = await other.query("alter role reader connection limit 5").then(
          () => "done",
          (error: Error) => error.message,
        );
        await other.query("rollback");
        expect([theirs, await waiting].filter((said) => said === "deadlock detected")).toHaveLength(1);
      } finally {
        await other.end();
        await session?.end();
      }
      const log = await loggedUpTo("after-waiting");
      expect(log).toContain("deadlock detected");
      expect(log).not.toContain(verifier("waiting"));
    });

    it("is not in its log when the backend that sets it crashes", async () => {
      const crashing = inTransaction(
        await open(),
        [],
        `DO $$ BEGIN PERFORM ${literal(verifier("crashing"))}; PERFORM pg_sleep(30); END $$`,
      ).catch((error: Error) => error.message);
      const sleeping = async () => {
        const rows = await cluster.query("server2", "select pid::text from pg_stat_activity where state = 'disabled'");
        return rows[0]?.pid;
      };
      await expect.poll(sleeping, { timeout: 10_000 }).toBeDefined();
      process.kill(Number(await sleeping()), "SIGSEGV");
      await crashing;
      const back = () => cluster.query("server2", "select 1").catch(() => undefined);
      await expect.poll(back, { timeout: 20_000 }).toBeDefined();
      const log = await loggedUpTo("after-crashing");
      expect(log).toMatch(/was terminated by signal 11/);
      expect(log).not.toContain(verifier("crashing"));
    }, 40_000);
  });
}
