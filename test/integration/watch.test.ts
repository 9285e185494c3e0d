import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { renderWatched } from "../../cli/commands/watch.js";
import type { Server } from "../../config/site.js";
import type { WatchFacts } from "../../installed/watch/render.js";
import { incidentsOver } from "../../installed/watch/state.js";
import { atLeast, majors } from "../../postgres/versions.js";
import { conditions } from "../../postgres/watch/conditions.js";
import { renderProbe } from "../../postgres/watch/probe.js";
import { askWatches, isWrong } from "../../servers/watch/ask.js";
import { catalogueOf } from "../support/oldCatalogues.js";
import { programs15, WatchSite } from "../support/watchSite.js";

const hour = 3600;
const day = 86_400;
/** The hour that it is for the watch: each look is an hour after the one before. */
let now = Math.floor(Date.now() / 1000);

let site: WatchSite;
/** Conditions that a mail of this file was about. */
const provoked = new Set<string>();

beforeAll(async () => {
  site = await WatchSite.make(153, ["one", "two", "warm"]);
  for (const name of site.names) await site.install(name);
}, 120_000);
afterAll(() => site?.close());

/** The subjects of one look. @param passed seconds since the one before */
async function look(name: string, passed = hour): Promise<readonly string[]> {
  now += passed;
  const { code, stderr, mails } = await site.watch(name, now);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  for (const { text } of mails) provoked.add(/condition (\w+)/.exec(text)?.[1] ?? "");
  return mails.map(({ subject }) => subject).sort();
}

async function declare(name: string, more: Partial<WatchFacts>): Promise<void> {
  site.declare(name, more);
  await site.install(name);
}

async function eventually<T>(ask: () => Promise<T>, wanted: T): Promise<void> {
  for (let tries = 0; tries < 100; tries += 1) {
    if ((await ask()) === wanted) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  expect(await ask()).toBe(wanted);
}

const streams = (name: string) =>
  site.sql(
    "one",
    `select count(*) from pg_stat_replication where application_name = '${name}' and state = 'streaming'`,
  );

describe.skipIf(!existsSync(join(programs15, "psql")))("the watch of real servers", () => {
  beforeEach(async () => {
    await eventually(() => streams("two"), "1");
    await eventually(() => streams("warm"), "1");
  });

  it("is silent on a clean site for hours, keeps its state to itself, and leaves nothing else", async () => {
    const metrics = join(site.folder, "metrics");
    mkdirSync(metrics);
    chmodSync(metrics, 0o777);
    for (const name of site.names) await declare(name, { metrics });
    for (let run = 0; run < 8; run += 1) {
      const said = [];
      for (const name of site.names) said.push(...(await look(name, hour / 3)));
      expect(said).toEqual([]);
    }
    for (const name of site.names) {
      const jobs = join(site.control(name), "jobs");
      expect(execFileSync("ls", ["-A", jobs], { encoding: "utf8" }).trim().split("\n").sort()).toEqual(
        ["outbox.lock", "watch.lock", "watch.state"].filter(
          (file) => file !== "outbox.lock" || existsSync(join(jobs, file)),
        ),
      );
      expect(statSync(join(jobs, "watch.state")).mode & 0o777).toBe(0o600);
      const text = readFileSync(join(metrics, `pgsite_${name}.prom`), "utf8");
      expect(text).toContain(`pgsite_server_answers{site="sispi",server="${name}"} 1\n`);
      expect(text).not.toMatch(/pgsite_condition\{.*\} 1$/m);
      expect(statSync(join(metrics, `pgsite_${name}.prom`)).mode & 0o777).toBe(0o644);
    }
  });

  it("mails of slots, of a paused replay and of lag, each once, and once when it is over", async () => {
    await declare("one", { thresholds: { diskBytes: 0, lagBytes: 1e6, lagFarBytes: 1e6, slotBytes: 1e6 } });
    await site.sql("one", "select pg_create_physical_replication_slot('left', true)", "create table t (n int)");
    await site.sql("two", "select pg_wal_replay_pause()");
    await site.sql("one", "insert into t select generate_series(1, 40000)", "select pg_switch_wal()");
    expect(await look("one")).toEqual(
      ["one: the replication slot left keeps 17.1 MB of WAL"].map(() =>
        expect.stringMatching(/^one: the replication slot left keeps [0-9.]+ MB of WAL$/),
      ),
    );
    expect(await look("two")).toEqual([]);
    expect(await look("one")).toEqual(["one: nobody uses the replication slot left"]);
    expect(await look("two")).toEqual(["two: replay is paused"]);
    expect(await look("one")).toEqual(["one: standby two is far behind", "one: standby two stands still"]);
    expect(await look("two")).toEqual([]);

    await site.sql("two", "select pg_wal_replay_resume()");
    await site.sql("one", "alter system set max_slot_wal_keep_size = '1MB'", "select pg_reload_conf()");
    for (let segment = 0; segment < 4; segment += 1) {
      await site.sql("one", "insert into t values (1)", "select pg_switch_wal()");
    }
    await site.sql("one", "checkpoint");
    await eventually(() => site.sql("one", "select wal_status from pg_replication_slots"), "lost");
    await eventually(
      () =>
        site.sql(
          "one",
          "select replay_lsn = pg_current_wal_lsn() from pg_stat_replication where application_name = 'two'",
        ),
      "t",
    );
    expect(await look("one")).toEqual([
      "one: the replication slot left has lost WAL",
      "well again: one: standby two is far behind",
      "well again: one: standby two stands still",
      "well again: one: the replication slot left keeps 0 bytes of WAL",
    ]);
    expect(await look("two")).toEqual(["well again: two: replay is paused"]);
    const over = readFileSync(join(site.control("one"), "jobs", "watch.over"), "utf8");
    expect(incidentsOver(over).map(({ condition, object }) => `${condition} ${object}`)).toEqual([
      "lag two",
      "lagFar two",
      "slotWal left",
    ]);
    await site.sql("one", "select pg_drop_replication_slot('left')");
    expect(await look("one")).toEqual([
      "well again: one: nobody uses the replication slot left",
      "well again: one: the replication slot left has lost WAL",
    ]);
    await site.sql("one", "alter system reset max_slot_wal_keep_size", "select pg_reload_conf()");
  });

  it("mails of a replay that is paused, but not while a backup pauses it", async () => {
    await site.sql("two", "select pg_wal_replay_pause()");
    const lock = join(site.control("two"), "jobs", "backup.lock");
    const backup = site.holding(lock);
    await eventually(async () => existsSync(lock), true);
    expect([...(await look("two")), ...(await look("two")), ...(await look("two"))]).toEqual([]);
    await backup.end();
    expect([...(await look("two")), ...(await look("two"))]).toEqual(["two: replay is paused"]);
    await site.sql("two", "select pg_wal_replay_resume()");
    expect(await look("two")).toEqual(["well again: two: replay is paused"]);
  });

  it("mails of a standby that does not stream, at both ends", async () => {
    site.configure("two", {
      primary_conninfo: `host=${site.address("one")} port=${site.port} user=nobody application_name=two`,
    });
    await site.reload("two");
    await eventually(() => streams("two"), "0");
    for (const name of ["one", "two"]) expect(await look(name)).toEqual([]);
    expect(await look("one")).toEqual(["one: standby two does not stream"]);
    expect(await look("two")).toEqual(["two: it does not receive WAL from one"]);
    site.configure("two");
    await site.reload("two");
    await eventually(() => streams("two"), "1");
    expect(await look("one")).toEqual(["well again: one: standby two does not stream"]);
    expect(await look("two")).toEqual(["well again: two: it does not receive WAL from one"]);
  });

  it("mails of connections, transactions and their age", async () => {
    const limits = { connectionsPercent: 10, transactionSeconds: 1, preparedSeconds: 1, wraparoundAge: 10 };
    await declare("one", { thresholds: { diskBytes: 0, ...limits } });
    // Whoever locks a row and then changes it in a subtransaction makes a multixact.
    const multi = "perform 1 from m for share; begin update m set n = n + 1; exception when others then raise; end";
    await site.sql(
      "one",
      "create table m as select 1 as n",
      `do $$ begin for i in 1..12 loop ${multi}; end loop; end $$`,
    );
    const sessions = [site.session("one", "begin; select txid_current()"), site.session("one", "select 1")];
    await site.sql("one", "begin; insert into t values (2); prepare transaction 'left over'");
    await new Promise((resolve) => setTimeout(resolve, 2100));
    expect(await look("one")).toEqual([
      "one: 15 % of all connections are in use",
      expect.stringMatching(/^one: a prepared transaction waits for [2-9] s$/),
      expect.stringMatching(/^one: a transaction is open for [2-9] s$/),
      "one: database postgres nears multixact wraparound",
      "one: database postgres nears transaction wraparound",
      "one: database template0 nears multixact wraparound",
      "one: database template0 nears transaction wraparound",
      "one: database template1 nears multixact wraparound",
      "one: database template1 nears transaction wraparound",
    ]);
    await Promise.all(sessions.map(({ end }) => end()));
    await site.sql("one", "rollback prepared 'left over'");
    await declare("one", { thresholds: { diskBytes: 0 } });
    expect(await look("one")).toHaveLength(9);
  });

  it("mails of WAL that cannot be archived", async () => {
    await declare("one", { thresholds: { diskBytes: 0, archiveFiles: 1 } });
    site.configure("one", { archive_mode: "on", archive_command: "false" });
    await site.stop("one");
    await site.start("one");
    await eventually(() => streams("two"), "1");
    await eventually(() => streams("warm"), "1");
    await site.sql("one", "select pg_switch_wal()");
    await eventually(() => site.sql("one", "select failed_count > 0 from pg_stat_archiver"), "t");
    expect(await look("one")).toEqual([]);
    expect(await look("one")).toEqual([
      expect.stringMatching(/^one: [1-9] WAL files wait to be archived$/),
      "one: WAL cannot be archived",
    ]);
    site.configure("one", { archive_mode: "on", archive_command: "true" });
    await site.reload("one");
    await site.sql("one", "select pg_switch_wal()");
    await eventually(() => site.sql("one", "select last_archived_time > last_failed_time from pg_stat_archiver"), "t");
    expect(await look("one")).toEqual([
      expect.stringMatching(/^well again: one: [01] WAL files wait to be archived$/),
      "well again: one: WAL cannot be archived",
    ]);
    await declare("one", { thresholds: { diskBytes: 0 } });
  }, 60_000);

  it("mails of a disk, of backups and of a certificate", async () => {
    const folder = join(site.folder, "backups");
    const certificate = join(site.folder, "server.crt");
    const run = (age: number) => new Date((now - age) * 1000).toISOString().replace(/[-:]/g, "").replace(/\.\d+/, "");
    const make = (age: number, ...verified: readonly number[]) => {
      mkdirSync(join(folder, run(age)), { recursive: true });
      for (const ago of verified)
        writeFileSync(join(folder, run(age), "verified"), `pgsite-verified\t1\ntime\t${now - ago}\n`);
    };
    const sign = (days: number) => {
      const subject = ["-subj", "/CN=one", "-days", `${days}`, "-keyout", `${certificate}.key`, "-out", certificate];
      execFileSync(
        "openssl",
        ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", ...subject],
        {
          stdio: "ignore",
        },
      );
      chmodSync(certificate, 0o644);
    };
    make(20 * day, 17 * day);
    make(9 * day);
    mkdirSync(join(folder, `${run(day)}.partial`));
    sign(20);
    await declare("one", {
      backups: [{ name: "own", folder, when: "primary" }],
      certificate: { path: certificate },
      thresholds: { diskPercent: 100, diskBytes: 1e15 },
    });
    await declare("two", { backups: [{ name: "own", folder, when: "primary" }] });
    const began = await look("one");
    expect(began).toEqual([
      expect.stringMatching(/^one: the certificate ends in (18|19|20) days$/),
      expect.stringMatching(/^one: the disk .* is nearly full$/),
      "one: the newest backup in own is 9 days old",
    ]);
    // Another server makes them.
    expect(await look("two")).toEqual([]);
    make(0);
    sign(100);
    await declare("one", { thresholds: { diskBytes: 0 } });
    expect(await look("one")).toEqual([
      "one: no backup in own younger than 20 days is verified",
      expect.stringMatching(/^well again: one: the certificate ends in /),
      expect.stringMatching(/^well again: one: the disk .* is nearly full$/),
      expect.stringMatching(/^well again: one: the newest backup in own is /),
    ]);
    make(2 * hour, 17 * day);
    expect(await look("one")).toEqual([
      "one: the last drill of own was 17 days ago",
      expect.stringMatching(/^well again: one: no backup in own /),
    ]);
    make(hour, 0);
    expect(await look("one")).toEqual([expect.stringMatching(/^well again: one: the last drill of own /)]);
    await declare("one", { backups: [] });
    expect(await look("one")).toEqual([]);
  });

  it("counts what its log has got since the last look, and says so where it cannot", async () => {
    await declare("one", { thresholds: { diskBytes: 0, logFatal: 2, logError: 3 } });
    expect(await look("one")).toEqual([]);
    const failing = (statement: string) => site.sql("one", statement).catch(() => undefined);
    for (const _ of [1, 2, 3]) await failing('select 1 / 0 as "FATAL:  PANIC:  "');
    await site.sql("one", "do $$ begin raise warning E'x\\nERROR:  not one\\nPANIC:  neither'; end $$");
    for (const _ of [1, 2]) await site.failedLogin("one");
    expect(await look("one")).toEqual(["one: 2 FATAL messages in the log", "one: 3 ERROR messages in the log"]);
    expect(await look("one")).toEqual([
      "well again: one: 0 ERROR messages in the log",
      "well again: one: 0 FATAL messages in the log",
    ]);
    await declare("one", { log: { unseen: "it goes to syslog" }, thresholds: { diskBytes: 0 } });
    expect(await look("one")).toEqual([]);
    expect(await look("one")).toEqual(["one: the watch cannot look at: log"]);
    // It is mailed once: nothing is wrong with the server.
    expect(await look("one", 3 * day)).toEqual([]);
    await declare("one", { log: site.log("one") });
    expect(await look("one")).toEqual(["well again: one: the watch cannot look at: log"]);
  });

  it("says what it cannot look at where a program is missing, and goes on with the rest", async () => {
    const { job } = site.facts("two");
    await declare("two", { job: { ...job, version: "18", binDirectory: "/nowhere" } });
    expect(await look("two")).toEqual([]);
    expect(await look("two")).toEqual(["two: the watch cannot look at: SQL"]);
    await declare("two", { job });
    expect(await look("two")).toEqual(["well again: two: the watch cannot look at: SQL"]);
  });

  it("keeps a mail until sendmail has taken it, and says so by its status", async () => {
    await declare("one", { thresholds: { diskBytes: 0, connectionsPercent: 1 } });
    site.sendmailEnds(75);
    now += hour;
    const failed = await site.watch("one", now);
    expect([failed.code, failed.mails]).toEqual([75, []]);
    expect(failed.stderr).toMatch(/sendmail ended with status 75/);
    now += hour;
    expect((await site.watch("one", now)).code).toBe(75);
    site.sendmailEnds(0);
    expect(await look("one")).toEqual(["one: 5 % of all connections are in use"]);
    await declare("one", { thresholds: { diskBytes: 0 } });
    expect(await look("one")).toEqual(["well again: one: 5 % of all connections are in use"]);
  });

  it("tells of peers that take nobody in or do not answer, and of itself when it is down", async () => {
    const peers = site.facts("one").peers.map((peer) => ({ ...peer, warm: false }));
    await declare("one", { peers });
    expect(await look("one")).toEqual([]);
    expect(await look("one")).toEqual(["one: server warm takes nobody in"]);
    await site.stop("warm");
    expect(await look("one")).toEqual([
      "one: server warm does not answer, its host does",
      "well again: one: server warm takes nobody in",
    ]);
    // That it does not stream either follows from it.
    expect(await look("one")).toEqual([]);
    now += hour;
    const { mails } = await site.watch("warm", now);
    expect(mails.map(({ subject }) => subject)).toEqual(["warm: the server does not answer"]);
    expect(mails[0]?.text).toMatch(/^The server does not answer: no process of it runs\.\n/);
    provoked.add("silent");
    await site.start("warm");
    await eventually(() => streams("warm"), "1");
    await declare("one", { peers: peers.map((peer) => ({ ...peer, warm: true })) });
    expect(await look("one")).toEqual(["well again: one: server warm does not answer, its host does"]);
    expect(await look("warm")).toEqual(["well again: warm: the server does not answer"]);
  }, 40_000);

  it("asks servers of 9.0 to 9.5 by what these had", async () => {
    // Of each catalogue what the watch asks, as it was then; what was not there yet is not there.
    for (const version of majors.filter((major) => !atLeast(major, "9.6"))) {
      const probe = `${catalogueOf(version)}\nset search_path = old, pg_catalog;\n${renderProbe(version)}`;
      const file = join(site.folder, "probe.sql");
      writeFileSync(file, probe);
      const said = await site.sqlFile("one", file);
      const looked = said
        .split("\n")
        .filter((line) => line.startsWith("looked"))
        .map((line) => line.split("|")[1]);
      // Of walsenders nothing but the titles of processes told at 9.0.
      const replication = atLeast(version, "9.1") ? ["replication"] : [];
      expect([version, looked]).toEqual([
        version,
        ["server", ...replication, "stream", "slots", "sessions", "age", "archiver"],
      ]);
      if (atLeast(version, "9.1")) expect(said).toContain("behind|two|16777216");
    }
  });

  it("is asked by pgsite watch of the whole site at once, which keeps nothing and mails nothing", async () => {
    await declare("two", { thresholds: { diskBytes: 0, connectionsPercent: 1 } });
    const servers = ["one", "two", "gone"].map((name) => ({
      name,
      host: { name, transport: "local", address: "", user: site.user },
      controlDirectory: site.control(name),
    })) as unknown as readonly Server[];
    const before = readFileSync(join(site.control("two"), "jobs", "watch.state"), "utf8");
    const watched = await askWatches(servers, new AbortController().signal);
    expect(watched.map(isWrong)).toEqual([false, true, true]);
    expect(watched[1]?.conditions.map(({ condition, status, value }) => [condition, status, value])).toEqual([
      ["connections", "open", "5.0"],
    ]);
    expect(watched[2]?.unknown).toEqual({ code: "notInstalled", path: join(site.control("gone"), "watch", "watch") });
    const shown = renderWatched(watched).split("\n");
    expect(shown.find((line) => line.includes("one"))).toMatch(
      /│ one +│ yes +│ takes writes +│ +│ [0-9.]+ % \(.*\) +│ 1 of 20 +│ 0 s +│ +│ +│/,
    );
    expect(shown.at(-2)).toMatch(/^two: warning: 5 % of max_connections are in use \(the limit is 1 %\)\. Since /);
    expect(shown.at(-1)).toMatch(/^gone: there is no .*: pulumi up installs what the stack declares/);
    expect(readFileSync(join(site.control("two"), "jobs", "watch.state"), "utf8")).toBe(before);
    await declare("two", { thresholds: { diskBytes: 0 } });
    expect(await look("two")).toEqual([]);
  });

  it("reminds once a day, in the thread of the first mail, and no clock that is set back makes it more", async () => {
    await declare("one", { thresholds: { diskBytes: 0, connectionsPercent: 1 } });
    now += hour;
    const [first] = (await site.watch("one", now)).mails;
    expect(await look("one", -3 * day)).toEqual([]);
    expect(await look("one", 23 * hour)).toEqual([]);
    now += hour;
    const [reminder] = (await site.watch("one", now)).mails;
    expect(reminder?.subject).toBe("still: one: 5 % of all connections are in use");
    expect(reminder?.reference).toBe(first?.id);
    await declare("one", { thresholds: { diskBytes: 0 } });
    now += hour;
    const [end] = (await site.watch("one", now)).mails;
    expect([end?.subject, end?.reference]).toEqual(["well again: one: 5 % of all connections are in use", first?.id]);
    now += 3 * day;
  });

  it("tells of a disk that has space for less of the declared growth than is wanted", async () => {
    await declare("one", { growth: 1e15, thresholds: { diskBytes: 0 } });
    expect([await look("one"), await look("one")]).toEqual([[], []]);
    expect(await look("one")).toEqual([
      expect.stringMatching(/^one: the disk .* has space for 0 days of declared growth$/),
    ]);
    await declare("one", { growth: 1, thresholds: { diskBytes: 0 } });
    expect(await look("one")).toEqual([expect.stringMatching(/^well again: one: the disk .* of declared growth$/)]);
  });

  it("tells of a role that nobody declared", async () => {
    await site.sql("two", "select pg_promote()");
    expect(await look("two")).toEqual(["two: it is not what it is declared to be"]);
    await declare("two", { role: "primary" });
    expect(await look("two")).toEqual(["well again: two: it is not what it is declared to be"]);
  });
});

it("has provoked every condition but those that take a disk, a crash or a host of their own", () => {
  const elsewhere = ["diskEnds", "logPanic", "peerHost"];
  expect([...provoked, ...elsewhere].sort()).toEqual(conditions.map(({ name }) => name).sort());
});
