import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { statusOf } from "../../servers/status/status.js";
import { copyingSession, frozen, processOf, type Release, stuckBackend, writing } from "../support/heldUp.js";
import { password, quick, type RolloutDeclaration, RolloutSite } from "../support/rolloutSite.js";

const servers: RolloutDeclaration["servers"] = {
  server2: { dataDirectory: "/data/db" },
  server3: { dataDirectory: "/data/db" },
  des10: { role: "mirror", dataDirectory: "/data/db" },
};
const settings = { ...quick, max_prepared_transactions: "5", synchronous_standby_names: "ANY 1 (server2, server3)" };

/** What holds up a shutdown is known before: nothing is stopped that could not end, or not start again. */
describe("a server whose shutdown is held up", { timeout: 120_000 }, () => {
  let site: RolloutSite;
  let release: Release = async () => undefined;

  beforeAll(async () => {
    site = await RolloutSite.make("15", 106, { settings, servers });
    await site.query("server2", "create table kept (n int)");
  }, 60_000);

  afterAll(async () => {
    await release();
    await site?.close();
  });

  const declare = (changes: Readonly<Record<string, string>>, primary = "server2") =>
    site.declare({ settings: { ...settings, ...changes }, servers, primary });
  const startedAt = async (name: string) =>
    (await site.query(name, "select pg_postmaster_start_time()::text as at"))[0]?.at;
  const warnings = () => site.said.filter((line) => line.startsWith("warning: ")).join("\n");

  async function expectRefused(says: RegExp, previewSays = says): Promise<void> {
    const before = await startedAt("server2");
    await site.preview();
    expect(warnings()).toMatch(previewSays);
    await expect(site.up()).rejects.toThrow(says);
    expect(await startedAt("server2")).toBe(before);
    await site.query("server2", "insert into kept values (1)");
  }

  it("by a backend that a debugger has stopped: a restart and a switchover are refused, and nothing is stopped", async () => {
    release = await stuckBackend(site.server("server2"));
    const says = /process \d+ \(postgres: postgres postgres .* SELECT\) was stopped by a signal or a debugger/;
    declare({ max_connections: "120" });
    const standby = await startedAt("server3");
    await expectRefused(says);
    expect(warnings()).toContain("server3, before it is stopped: commits on server2 wait while it is away");
    expect(await startedAt("server3")).toBe(standby);
    declare({}, "server3");
    await expectRefused(says);
    await release();
  });

  it("by a checkpointer that does nothing", async () => {
    release = frozen(processOf(site.server("server2"), /checkpointer/));
    declare({}, "server3");
    await expectRefused(/process \d+ \(postgres: checkpointer\) was stopped by a signal/);
    await release();
  });

  it("by prepared transactions that it could not have when it starts again", async () => {
    await site.query("server2", "begin", "insert into kept values (2)", "prepare transaction 'one'");
    declare({ max_prepared_transactions: "0" });
    await expectRefused(/it has 1 prepared transactions, and with max_prepared_transactions 0 it would not start/);
  });

  it("by a standby that was frozen: the switchover goes on, with the prepared transaction", async () => {
    const receiver = processOf(site.server("des10"), /walreceiver/);
    await site.query("server2", "insert into kept values (3)");
    release = frozen(receiver);
    declare({}, "server3");
    await site.preview();
    expect(warnings()).toContain("server2, before it is stopped: 1 prepared transaction survives this");
    const steps: string[] = [];
    site.beforeStep = async (step) => void steps.push(step);
    const began = Date.now();
    // It is to follow server3 in the end, so it goes on when nobody waits for it any more.
    const going = site.up();
    await expect.poll(() => steps.join("\n"), { timeout: 20_000 }).toContain("server3: promoting");
    expect(Date.now() - began).toBeLessThan(15_000);
    await release();
    await going;
    site.beforeStep = async () => undefined;
    expect(steps.join("\n")).toMatch(/server2: ended its walsender to des10 .*, which confirmed nothing for 5 s/);
    expect(await writing(site)).toEqual(["server3"]);
    await site.query("server3", "commit prepared 'one'");
    expect(await site.query("server3", "select count(*)::text as rows from kept where n = 2")).toEqual([{ rows: "1" }]);
    expect(await site.preview()).toEqual([]);
  });

  it("by the server that is to take over: its replay is paused, or it confirms nothing", async () => {
    declare({}, "server3");
    await site.query("server2", "select pg_wal_replay_pause()");
    declare({}, "server2");
    await site.preview();
    expect(warnings()).toContain("somebody paused the replay of server2, which is to take over");
    await expect(site.up()).rejects.toThrow(/somebody paused the replay of server2/);
    await site.query("server2", "select pg_wal_replay_resume()");
    release = frozen(processOf(site.server("server2"), /walreceiver/));
    await expect(site.up()).rejects.toThrow(/server2, which is to take over, did not confirm .* within 5 s/);
    await release();
    expect(await writing(site)).toEqual(["server3"]);
  });

  it("by a base backup: it is waited for, and then goes on", async () => {
    release = await copyingSession(site.server("server3"));
    declare({ max_connections: "120" }, "server3");
    await site.preview();
    expect(warnings()).toMatch(/server3, before it is stopped: .*a base backup \(nightly copy .*\) has run for \d+ s/);
    const steps: string[] = [];
    site.beforeStep = async (step) => {
      steps.push(step);
      if (/^server3: waiting for 0 s/.test(step)) setTimeout(() => void release(), 1500);
    };
    await site.up();
    site.beforeStep = async () => undefined;
    expect(steps.join("\n")).toMatch(/server3: waiting for 0 s: a base backup/);
    expect(await site.query("server3", "show max_connections")).toEqual([{ max_connections: "120" }]);
    expect(await site.preview()).toEqual([]);
  });

  it("goes on where a standby is delayed, as declared, or somebody paused its replay: received is proof enough", async () => {
    const delayed = (delay: string, workMem: string) =>
      site.declare({
        settings: { ...settings, max_connections: "120", work_mem: workMem },
        servers: { ...servers, des10: { ...servers.des10, settings: { recovery_min_apply_delay: delay } } },
        primary: "server3",
      });
    delayed("1h", "5MB");
    await site.up();
    await site.query("server2", "select pg_wal_replay_pause()");
    delayed("1h", "6MB");
    await site.up();
    const passwords = { postgres: password };
    const rows = await statusOf({ site: site.site, passwords });
    expect(rows.map(({ name, late }) => [name, late])).toEqual([
      ["des10", { code: "delayed", by: "1h" }],
      ["server2", { code: "paused" }],
      ["server3", undefined],
    ]);
    // The change that takes the delay away is proven by what is replayed, as ever.
    delayed("0", "6MB");
    await site.up();
    await site.query("server2", "select pg_wal_replay_resume()");
    expect(await site.preview()).toEqual([]);
  });
});
