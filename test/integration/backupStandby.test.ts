import { existsSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BackedUp, rulesOf } from "../support/backedUp.js";
import { debianPrograms, haveClients, OwnServer } from "../support/ownServer.js";
import { sispiScript } from "../support/sispi.js";

/** How a dump of an old snapshot is cancelled at once, if replay goes on. */
const impatient = { hot_standby: "on", max_standby_streaming_delay: "0", wal_retrieve_retry_interval: "100ms" };

describe.skipIf(!haveClients() || !existsSync("/usr/bin/pv"))("a run of the backups on a standby", () => {
  let primary: OwnServer;
  let site: BackedUp;
  const databases = { decam: rulesOf({ groups: { telemetry: ["telemetry.*"] } }), decam_dev: rulesOf({}) };
  const keep = { last: 0, daily: 0, weekly: 0, monthly: 0 };

  beforeAll(async () => {
    primary = await OwnServer.make();
    await primary.query("postgres", sispiScript({ rows: 100 }));
    // As much as does not fit into pipes: a dump of it takes a while when its rate is limited.
    await primary.query(
      "decam_dev",
      "create table public.much as select n, md5(n::text) || md5((-n)::text) as text from generate_series(1, 30000) n",
    );
    site = await BackedUp.make({ standbyOf: primary, settings: impatient }, { databases, role: "any", keep });
  }, 60_000);

  afterAll(async () => {
    await site?.close();
    await primary?.close();
  });

  const paused = () => site.server.query("postgres", "select pg_is_wal_replay_paused()");
  const replayed = async () => {
    const position = await primary.query("postgres", "select pg_current_wal_lsn()");
    const query = `select pg_last_wal_replay_lsn() >= '${position}'`;
    await expect.poll(() => site.server.query("postgres", query), { timeout: 10_000 }).toBe("t");
  };

  it("does nothing and says nothing where it is for the primary alone, be the standby hot, warm or down", async () => {
    await site.install({ role: "primary" });
    const quiet = { code: 0, stdout: "", stderr: "", events: [] };
    expect(await site.backup()).toEqual(quiet);
    await site.server.stop();
    expect(await site.backup()).toEqual(quiet);
    site.server.set({ hot_standby: "off" });
    await site.server.must([
      `${debianPrograms}/pg_ctl`,
      "-D",
      site.server.data,
      "-l",
      `${site.server.folder}/log`,
      "-W",
      "start",
    ]);
    const ready = () => site.server.run([`${debianPrograms}/pg_isready`]).then(({ code }) => code);
    await expect.poll(ready, { timeout: 10_000 }).toBe(1);
    expect(await site.backup()).toEqual(quiet);
    await site.server.stop();
    site.server.set({ hot_standby: "on" });
    await site.server.start();
    await site.install({ role: "any" });
    expect([site.runs(), site.mails()]).toEqual([[], []]);
  });

  it("is of one moment, while replay stands still, which goes on afterwards", async () => {
    await replayed();
    const run = site.backup();
    const seen = new Set<string>();
    let running = true;
    void run.finally(() => {
      running = false;
    });
    while (running) seen.add(await paused());
    const { code, stderr, events } = await run;
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect([...seen]).toContain("t");
    expect(await paused()).toBe("f");
    const manifest = site.manifest(events.find(([word]) => word === "made")?.[1] ?? "");
    expect(manifest.filter(([word]) => word === "moment")).toEqual([
      ["moment", "decam", "one"],
      ["moment", "decam_dev", "one"],
    ]);
    // Rows of unlogged tables are nowhere but on the primary.
    const held = manifest.filter(([word]) => word === "holds").map(([, , schema, table]) => `${schema}.${table}`);
    expect(held).toContain("alarms.alarm");
    expect(held).not.toContain("alarms.recent");
    site.mails();
  });

  it("says that replay has cancelled a dump, and its next run is good", async () => {
    await replayed();
    await site.install({ databases: { decam_dev: rulesOf({}) }, rateLimit: 200_000 });
    const run = site.backup();
    const copying = "select count(*) from pg_stat_activity where query like 'COPY public.much%' and state = 'active'";
    await expect.poll(() => site.server.query("postgres", copying), { interval: 20, timeout: 5000 }).toBe("1");
    // What the dump's snapshot sees is removed, and somebody lets replay go on.
    await primary.query("decam_dev", "delete from public.much where n = 29999");
    await primary.query("decam_dev", "vacuum public.much");
    await site.server.query("postgres", "select pg_wal_replay_resume()");
    const { code, events } = await run;
    await site.install({ databases, rateLimit: undefined });
    const failed = events.find(([word]) => word === "failed") ?? [];
    expect([code, ...failed.slice(0, 2)]).toEqual([1, "failed", "conflict"]);
    expect(site.mails()[0]).toMatch(/^Subject: .* FAILED, replay cancelled a dump$/m);
    expect(await paused()).toBe("f");
    expect((await site.backup()).code).toBe(0);
    site.mails();
  });

  it("leaves replay paused where it was, and resumes it when it is ended by a signal", async () => {
    await site.server.query("postgres", "select pg_wal_replay_pause()");
    expect((await site.backup()).code).toBe(0);
    expect(await paused()).toBe("t");
    expect(site.mails()[0]).toContain("Replay had been paused before, and still is.");
    await site.server.query("postgres", "select pg_wal_replay_resume()");
    const child = site.server.spawn([site.program("backup")]);
    const ended = new Promise((resolve) => child.once("close", resolve));
    await expect.poll(paused, { interval: 20, timeout: 5000 }).toBe("t");
    child.kill("SIGTERM");
    await ended;
    expect(await paused()).toBe("f");
  });
});
