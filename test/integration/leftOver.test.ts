import { chownSync, existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { quick, type RolloutDeclaration, RolloutSite } from "../support/rolloutSite.js";

const declared: RolloutDeclaration = {
  settings: quick,
  servers: {
    server2: { dataDirectory: "/data/db" },
    server3: { dataDirectory: "/data/db", settings: { trigger_file: "/data/failover_trigger", hot_standby: false } },
  },
};

describe.each([
  { major: "11", block: 183 },
  { major: "15", block: 187 },
] as const)("what is left over at $major", { timeout: 60_000 }, ({ major, block }) => {
  let site: RolloutSite;
  const path = (server: string, name: string) => join(site.server(server).dataDirectory, name);
  const plant = (file: string) => {
    writeFileSync(file, "", { mode: 0o600 });
    const { uid, gid } = statSync(path("server2", "PG_VERSION"));
    chownSync(file, uid, gid);
    return file;
  };
  const pidOf = (server: string) => readFileSync(path(server, "postmaster.pid"), "utf8").split("\n")[0];
  const streaming = async () =>
    (await site.query("server2", "select application_name as name from pg_stat_replication")).map(({ name }) => name);

  beforeAll(async () => {
    site = await RolloutSite.make(major, block, declared);
  }, 60_000);

  afterAll(async () => {
    await site?.close();
  });

  it("as a trigger file does not promote the standby that it lies there for", async () => {
    await site.stop("server3");
    const trigger = plant(join(path("server3", ".."), "failover_trigger"));
    expect(await site.preview()).toEqual([`1. server3: start (stopped, left over, and moved away before: ${trigger})`]);
    await site.up();
    expect(await streaming()).toEqual(["server3"]);
    expect([existsSync(trigger), existsSync(`${trigger}.left-over`)]).toEqual([false, true]);
    expect(await site.preview()).toEqual([]);
  });

  it.runIf(major === "11")("as recovery.done is taken away, from a primary and from a standby", async () => {
    const before = ["server2", "server3"].map(pidOf);
    for (const server of ["server2", "server3"]) plant(path(server, "recovery.done"));
    expect(await site.preview()).toEqual([
      "1. server2: install (recovery.done must not be there)",
      "2. server3: install (recovery.done must not be there)",
    ]);
    await site.up();
    for (const server of ["server2", "server3"]) expect(existsSync(path(server, "recovery.done"))).toBe(false);
    expect(["server2", "server3"].map(pidOf)).toEqual(before);
  });

  const signal = major === "11" ? "recovery.conf" : "standby.signal";

  it(`as ${signal} beside a running primary is taken away before it could come into force`, async () => {
    const before = pidOf("server2");
    plant(path("server2", signal));
    const [said, ...more] = await site.preview();
    expect(more).toEqual([]);
    expect(said).toMatch(/^1\. server2: (install|reload) \((standby\.signal|recovery\.conf) must not be there\)$/);
    await site.up();
    expect(existsSync(path("server2", signal))).toBe(false);
    expect(pidOf("server2")).toBe(before);
  });

  it.each(["fast", "immediate"] as const)(
    `as ${signal} of a primary that was stopped (%s) is taken away, and it takes writes again`,
    async (mode) => {
      await site.query("server2", "select txid_current()");
      await site.stop("server2", mode);
      plant(path("server2", signal));
      const [said] = await site.preview();
      expect(said).toMatch(/^1\. server2: start \(stopped, (standby\.signal|recovery\.conf) must not be there\)$/);
      await site.up();
      expect(await site.query("server2", "select pg_is_in_recovery()::text as recovery")).toEqual([
        { recovery: "false" },
      ]);
      expect(await streaming()).toEqual(["server3"]);
      expect(await site.preview()).toEqual([]);
    },
  );
});
