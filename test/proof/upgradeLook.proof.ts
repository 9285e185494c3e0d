import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { noWishes } from "../../config/upgrade.js";
import type { UpgradeWishes } from "../../postgres/upgrade/model.js";
import { planUpgrade } from "../../postgres/upgrade/plan.js";
import { lookForUpgrade, type Upgraded } from "../../servers/upgrade/look.js";
import { allPrograms } from "../../toolchain/clients.mjs";
import { password, quick, RolloutSite } from "../support/rolloutSite.js";

const [from, to] = ["17", "18"] as const;
const [old, next] = await Promise.all([allPrograms(from), allPrograms(to)]);

let site: RolloutSite;
beforeAll(async () => {
  if (old === undefined || next === undefined) return;
  const settings = { ...quick, wal_level: "logical" };
  site = await RolloutSite.make(from, 235, { settings, servers: { one: { dataDirectory: "/srv/one" } } }, old);
}, 120_000);
afterAll(async () => site?.close());

const has = test.skipIf(old === undefined || next === undefined);

/** The site's server as it is declared from now on. */
function upgraded(wishes: Partial<UpgradeWishes> = {}): Upgraded {
  const server = { ...site.server("one"), version: to, binDirectory: next ?? "" };
  const all = { ...noWishes, ...wishes };
  return {
    args: {
      site: "test",
      stack: "test",
      version: to,
      administrator: "postgres",
      administratorPassword: password,
      primary: "one",
      servers: { one: server },
      wishes: all,
      backups: false,
    },
    server,
    wanted: { to, wishes: all },
    signal: new AbortController().signal,
  };
}

const leftOf = () => {
  const { controlDirectory } = site.server("one");
  return readdirSync(controlDirectory).filter((name) => name.startsWith("upgrade"));
};

has(
  "facts of a running server, pg_upgrade's own word, and nothing left of it",
  async () => {
    await site.query(
      "one",
      "create table kept (id int primary key, note text)",
      "create statistics more on id, note from kept",
      "select pg_create_logical_replication_slot('followed', 'pgoutput')",
    );
    const facts = await lookForUpgrade(upgraded());
    const { cluster, host } = facts;
    expect(cluster).toMatchObject({
      version: from,
      installUser: "postgres",
      checksums: true,
      walSegmentSize: 16 * 1024 * 1024,
      encoding: "UTF8",
      locale: { provider: "libc", collate: "C", ctype: "C" },
      preparedTransactions: 0,
      logicalSlots: ["followed"],
    });
    expect(cluster.settings).toMatchObject({ shared_buffers: "8MB", fsync: "off" });
    expect(cluster.databases.map(({ name }) => name)).toEqual(["postgres", "template1"]);
    expect(cluster.databases[0]).toMatchObject({
      extensions: [{ name: "plpgsql", version: "1.0", newVersion: "1.0" }],
      extendedStatistics: 1,
      unsupported: {},
    });
    expect(cluster.dataSize).toBeGreaterThan(10_000_000);
    expect(host.oldPrograms).toMatchObject({ folder: old, missing: { pg_upgrade: [], dump: [] } });
    expect(host.newPrograms).toMatchObject({ folder: next, missing: { pg_upgrade: [], dump: [] } });
    expect(host.free).toBeGreaterThan(0);
    expect(facts.copyRate).toBeGreaterThan(1_000_000);
    expect(facts.check).toEqual({ code: "clean" });
    expect(leftOf()).toEqual([]);
    const plan = planUpgrade(facts, upgraded().wanted, new Date());
    expect(plan).toMatchObject({ refusals: [], keepsRollback: true, statistics: "kept but extended", slotsLost: [] });
    await site.query("one", "select pg_drop_replication_slot('followed')");
  },
  120_000,
);

has(
  "what pg_upgrade refuses is found before it runs, and said by both",
  async () => {
    await site.query("one", "create table bad (call regproc, names regconfig[])", "create domain d as regproc");
    const facts = await lookForUpgrade(upgraded());
    expect(facts.cluster.databases[0]?.unsupported).toEqual({
      "reg* columns": ["public.bad.call", "public.bad.names"],
    });
    expect(facts.check).toMatchObject({ code: "refused" });
    expect(planUpgrade(facts, upgraded().wanted, new Date()).refusals.map(({ code }) => code)).toEqual([
      "unsupported",
      "check",
    ]);
    expect(leftOf()).toEqual([]);
    // A dump takes it along.
    const dumped = await lookForUpgrade(upgraded({ method: "dump" }));
    expect(dumped.check).toEqual({ code: "not run", why: "way" });
    expect(planUpgrade(dumped, upgraded({ method: "dump" }).wanted, new Date()).refusals).toEqual([]);
    await site.query("one", "drop table bad", "drop domain d");
  },
  120_000,
);

has(
  "a stopped server: what its files say",
  async () => {
    await site.stop("one");
    const facts = await lookForUpgrade(upgraded());
    expect(facts).toMatchObject({ stopped: true, check: { code: "not run", why: "not running" } });
    expect(facts.cluster).toMatchObject({ version: from, checksums: true });
    expect(facts.cluster.dataSize).toBeGreaterThan(10_000_000);
    expect(existsSync(join(site.server("one").dataDirectory, "postmaster.pid"))).toBe(false);
  },
  120_000,
);
