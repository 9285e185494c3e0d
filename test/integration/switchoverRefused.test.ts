import { readdirSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { quick, type RolloutDeclaration, RolloutSite } from "../support/rolloutSite.js";

const servers: RolloutDeclaration["servers"] = {
  server2: { dataDirectory: "/data/db" },
  server3: { dataDirectory: "/data/db", settings: { hot_standby: false } },
  des10: { role: "mirror", dataDirectory: "/data/db" },
};
const settings = { ...quick, wal_sender_timeout: "2s" };

/** Whatever stands in the way, the old primary takes writes in the end, and nobody else does. */
describe("a switchover that cannot be", { timeout: 120_000 }, () => {
  let site: RolloutSite;

  beforeAll(async () => {
    site = await RolloutSite.make("15", 157, { settings, servers });
    await site.query("server2", "create table kept (n int)");
  }, 120_000);

  afterAll(() => site?.close());

  const declare = (primary: string) => site.declare({ settings, servers, primary });
  const startedAt = async () => (await site.query("server2", "select pg_postmaster_start_time()::text as at"))[0]?.at;

  async function expectRefused(says: RegExp, preview = true): Promise<void> {
    const before = await startedAt();
    declare("server3");
    if (preview) expect((await site.preview()).join("\n")).toMatch(says);
    await expect(site.up()).rejects.toThrow(says);
    expect(await startedAt()).toBe(before);
    declare("server2");
    await site.query("server2", "insert into kept values (1)");
  }

  it("because the standby is stopped", async () => {
    await site.stop("server3");
    await expectRefused(/the switchover from server2 to server3: server3 is stopped/);
    await site.up();
  });

  it("because the standby does not stream", async () => {
    const { dataDirectory } = site.server("server2");
    await site.query(
      "server2",
      "alter role replicator nologin",
      "select pg_terminate_backend(pid) from pg_stat_replication",
    );
    try {
      await expectRefused(
        /server3 does not take over from server2: it does not stream \(.*\); nothing was changed/,
        false,
      );
    } finally {
      await site.query("server2", "alter role replicator login");
    }
    expect(readdirSync(dataDirectory)).not.toContain("standby.signal");
    await site.up();
  });

  it("because the standby did not get the last of it: the old primary is started again", async () => {
    await expect.poll(() => streaming(), { timeout: 20_000 }).toEqual(["des10", "server3"]);
    const receiver = processOf(site.server("server3").dataDirectory, "walreceiver");
    declare("server3");
    site.beforeStep = async (step) => {
      // It says that it has all, and then hears nothing of the last checkpoint.
      if (step === "server2: shutting down") process.kill(receiver, "SIGSTOP");
    };
    try {
      await expect(site.up()).rejects.toThrow(
        /server3 does not take over from server2: within 30 s it did not get all that server2 wrote before it was shut down; server2 was started again and takes writes as before/,
      );
    } finally {
      site.beforeStep = async () => undefined;
      process.kill(receiver, "SIGCONT");
    }
    await site.query("server2", "insert into kept values (2)");
    expect(await site.query("des10", "select pg_is_in_recovery()::text as recovery")).toEqual([{ recovery: "true" }]);
    await expect.poll(() => streaming(), { timeout: 20_000 }).toEqual(["des10", "server3"]);
  });

  it("because the old primary crashed: what the standby lacks is not known", async () => {
    await site.stop("server2", "immediate");
    declare("server3");
    const says = /server2 is stopped and was not shut down, so that nobody knows what server3 lacks: start it/;
    expect((await site.preview()).join("\n")).toMatch(says);
    await expect(site.up()).rejects.toThrow(says);
    declare("server2");
    await site.up();
  });

  it("and then can, when the cause is gone", async () => {
    declare("server3");
    await site.up();
    expect(await site.query("server3", "select count(*)::text as rows from kept")).toEqual([{ rows: "3" }]);
    expect(await site.preview()).toEqual([]);
  });

  async function streaming(): Promise<readonly unknown[]> {
    const sql = "select application_name as name from pg_stat_replication where state = 'streaming' order by 1";
    return (await site.query("server2", sql)).map(({ name }) => name);
  }
});

/** A process of a server's by its title. */
function processOf(dataDirectory: string, title: string): number {
  const [postmaster = ""] = readFileSync(`${dataDirectory}/postmaster.pid`, "utf8").split("\n");
  const found = readdirSync("/proc").filter((pid) => {
    try {
      const parent = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ")[1];
      return parent === postmaster && readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(title);
    } catch {
      return false;
    }
  });
  return Number(found[0]);
}
