import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { afterEach, describe, expect, it } from "vitest";
import { controlPath, versionDirectory } from "../../config/controlDirectory.js";
import { hostOf } from "../../hosts/index.js";
import { migratePassfile, migrateProgram } from "../../installed/migrate/render.js";
import { must } from "../../installed/must.js";
import { findScheduler } from "../../installed/schedule.js";
import { askMigration, tellMigration } from "../../servers/migrate/ask.js";
import { migrateFacts } from "../../servers/migrate/facts.js";
import { compareInstalled, removeMigration } from "../../servers/migrate/install.js";
import { scheduleHosts } from "../../servers/process/scheduleHosts.js";
import { actingOn } from "../../servers/upgrade/acting.js";
import { bringToVersion } from "../../servers/upgrade/bring.js";
import { commit } from "../../servers/upgrade/commit.js";
import { beginHistory, historyOf } from "../../servers/upgrade/history.js";
import { rollback } from "../../servers/upgrade/rollback.js";
import { upgrade } from "../../servers/upgrade/upgrade.js";
import type { Written } from "../../servers/upgrade/written.js";
import { allPrograms } from "../../toolchain/clients.mjs";
import { programs } from "../../toolchain/programs.mjs";
import { type Shape, UpgradeSite } from "../support/upgradeSite.js";

const [of14, of17, of18] = [await programs("14"), await allPrograms("17"), await allPrograms("18")];
const rows = 100_000;
const defer = { app: ["hist.*"] };

let site: UpgradeSite | undefined;
afterEach(async () => {
  const it = site;
  site = undefined;
  if (it === undefined) return;
  // The schedule is this machine's own, and what runs by it is none of the site's servers. A journal may be gone before them.
  const declared = it.declared();
  const stack = { name: "test", administrator: "dbadmin", servers: [declared] };
  const before = { from: it.shape.from, programs: it.shape.programs, plan: { deferred: defer } };
  const facts = migrateFacts(stack, declared, before);
  if (facts !== undefined) await removeMigration(declared.host, facts).catch(() => undefined);
  for (const pid of processesIn(it)) kill(pid);
  await it.close();
});

/** Everything that works in the folder of a site, or runs a program of it, servers too. */
function processesIn({ cluster }: UpgradeSite): readonly number[] {
  const read = (act: () => string) => {
    try {
      return act();
    } catch {
      return "";
    }
  };
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && name !== `${process.pid}`)
    .filter((pid) =>
      [read(() => readlinkSync(`/proc/${pid}/cwd`)), read(() => readFileSync(`/proc/${pid}/cmdline`, "utf8"))].some(
        (text) => text.includes(`${cluster.folder}/`),
      ),
    )
    .map(Number);
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended meanwhile.
  }
}

/** Processes that work on the old data. */
function onOld(it: UpgradeSite): readonly number[] {
  const old = versionDirectory(it.old.dataDirectory, it.shape.from);
  return processesIn(it).filter((pid) => {
    try {
      return readlinkSync(`/proc/${pid}/cwd`).startsWith(old);
    } catch {
      return false;
    }
  });
}

const from14 = { from: "14", to: "17", programs: { old: of14 ?? "", new: of17 ?? "" } } as const;
const from17 = { from: "17", to: "18", programs: { old: of17 ?? "", new: of18 ?? "" } } as const;

/** @param bulk rows of a kilobyte, by which a database is large enough for several workers */
async function make(
  first: number,
  shape: Pick<Shape, "from" | "to" | "programs"> = from17,
  bulk = 10,
): Promise<UpgradeSite> {
  const it = await UpgradeSite.make(first, { ...shape, block: 238 });
  site = it;
  await it.run("create database app");
  await it.run(
    `create schema hist;
     create table hist.keyed (id bigserial primary key, at timestamptz not null, line text);
     create index on hist.keyed (at);
     create table hist.keyless (at timestamptz, line text, payload bytea);
     create sequence hist.tickets start 1000;
     create table orders (id serial primary key, what text);
     create table large as select g, repeat(md5(g::text), 30) as what from generate_series(1, ${bulk}) g;
     create materialized view hist.seen as select count(*) as n from large;
     insert into hist.keyed (at, line) select timestamptz '2024-01-01' + g * interval '1 s', md5(g::text) from generate_series(1, ${rows}) g;
     insert into hist.keyless select timestamptz '2024-01-01' + g * interval '1 s', e'tab\\t' || g, decode(md5(g::text), 'hex') from generate_series(1, ${rows}) g;
     insert into orders (what) select 'order ' || g from generate_series(1, 500) g;
     select nextval('hist.tickets'), nextval('hist.tickets');
     analyze`,
    "app",
  );
  return it;
}

const digest = `select (select count(*) || md5(string_agg(t::text, '|' order by id)) from hist.keyed t where line <> 'live') as keyed,
  (select count(*) || md5(string_agg(t::text, '|' order by at, line)) from hist.keyless t where line <> 'live') as keyless,
  (select count(*) from orders) as orders`;

/** The upgrade, and what a client found that came as soon as it could. */
async function upgraded(it: UpgradeSite) {
  let first: Record<string, string | null> | undefined;
  it.onProgress = async (line) => {
    if (line !== "making statistics") return;
    [first] = await it.query(
      "insert into hist.keyed (at, line) values (now(), 'live') returning id, nextval('hist.tickets') as ticket, (select count(*) from hist.keyless) as others, (select count(*) from orders) as orders, (select n from hist.seen) as seen",
      "app",
    );
  };
  const args = { wishes: { ...it.args().wishes, defer } };
  const journal = await upgrade(it.context(), it.args(args), it.plan("dump", { deferred: defer }), await it.facts());
  it.onProgress = () => undefined;
  return { journal, first, args: it.args(args) };
}

/** What the host's scheduler would start. */
async function scheduledCommand(it: UpgradeSite): Promise<readonly string[]> {
  const hosts = await scheduleHosts(it.old.host);
  expect(await findScheduler(hosts)).toBeDefined();
  const program = migrateProgram(it.old.controlDirectory);
  const found = await must(hosts.root ?? hosts.host, [
    "sh",
    "-c",
    'grep -rlF "$1" /etc/cron.d /etc/systemd/system 2>/dev/null || crontab -l | grep -F "$1"',
    "sh",
    program,
  ]);
  expect(found).not.toBe("");
  return [program];
}

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

describe.skipIf([of14, of17, of18].includes(undefined))(
  "an upgrade that leaves its history behind",
  {
    timeout: 600_000,
  },
  () => {
    it("has all of it in the end, whatever is killed and whoever writes; only then it is committed", async () => {
      const it = await make(1, from14, 80_000);
      const [wanted] = await it.query(digest, "app");
      const { journal, first, args } = await upgraded(it);
      expect(journal.phase).toBe("done");
      expect(it.said.filter((line) => line.startsWith("warning"))).toEqual([]);
      expect(first).toEqual({ id: `${rows + 1}`, ticket: "1002", others: "0", orders: "500", seen: "80000" });
      const acting = actingOn(it.context(), args, "primary");
      const facts = historyOf(acting, journal);
      if (facts === undefined) throw new Error("nothing was deferred");
      // This machine may have no cron that runs.
      const differing = async () =>
        (await compareInstalled(it.old.host, facts)).filter((one) => !("is" in one && one.is === "not run"));
      expect(await differing()).toEqual([]);
      const committing = () => commit(it.context(), args, { confirm: async () => true });
      await expect(committing()).rejects.toThrow(/still follows/);
      // Whoever wants another version meanwhile hears of it.
      await expect(
        bringToVersion(it.context(), {
          ...args,
          version: "18",
          versions: {},
          generation: 1,
          servers: { primary: { ...it.declared(), version: "18", binDirectory: of18 as string } },
        }),
      ).rejects.toThrow(/history that the last upgrade deferred/);

      const [program = ""] = await scheduledCommand(it);
      const run = (args: readonly string[] = []) => hostOf(it.old.host).run([program, ...args], { timeout: 300_000 });
      await tellMigration(it.old, ["throttle", "40000"]);
      let live = 1;
      let goesOn = true;
      const writing = (async () => {
        for (; goesOn; live += 1) {
          await it.query("insert into hist.keyed (at, line) values (now(), 'live')", "app");
          await it.query("insert into hist.keyless values (now(), 'live')", "app");
          await pause(50);
        }
      })();
      try {
        // A run that is killed in the midst of it, and all that it started, its old server too.
        const killed = run();
        for (let come = 0; come === 0; await pause(100)) {
          const migration = await askMigration(it.old);
          if (migration.code !== "known") continue;
          come = migration.databases.flatMap(({ tables }) => tables).reduce((sum, one) => sum + one.rows, 0);
        }
        expect(onOld(it).length).toBeGreaterThan(0);
        const current = processesIn(it).filter((pid) => {
          const text = readFileSync(`/proc/${pid}/cmdline`, "utf8");
          return text.includes(program) || text.includes(versionDirectory(it.old.dataDirectory, "14"));
        });
        for (const pid of current) kill(pid);
        await killed;
        await expect(committing()).rejects.toThrow(/still follows/);
        await tellMigration(it.old, ["throttle", "none"]);
        // As the schedule does, minute by minute.
        for (let tries = 0; ; tries += 1) {
          const { code, stderr } = await run();
          const migration = await askMigration(it.old);
          const tables = migration.code === "known" ? migration.databases.flatMap((one) => one.tables) : [];
          if (tables.length > 0 && tables.every(({ status }) => status === "done")) break;
          if (tries > 20) throw new Error(`it does not end: ${code} ${stderr} ${JSON.stringify(migration)}`);
          await pause(1000);
        }
      } finally {
        goesOn = false;
        await writing;
      }
      expect(await it.query(digest, "app")).toEqual([wanted]);
      const [own] = await it.query(
        "select (select count(*) from hist.keyed where line = 'live') as keyed, (select count(*) from hist.keyless where line = 'live') as keyless, (select count(*) from hist.keyed) as all",
        "app",
      );
      expect(own).toEqual({ keyed: `${live}`, keyless: `${live - 1}`, all: `${rows + live}` });
      expect(onOld(it)).toEqual([]);

      // What somebody took away is seen, and put there again.
      await it.host.remove(program);
      expect(await differing()).toEqual([{ code: "file", path: program, is: "missing" }]);
      await expect(committing()).rejects.toThrow(/not on its host any more/);
      await beginHistory(acting, journal);
      expect(await differing()).toEqual([]);

      const freed = await committing();
      expect(freed?.flatMap(({ folders }) => folders)).toContain(versionDirectory(it.old.dataDirectory, "14"));
      expect(await askMigration(it.old)).toMatchObject({ code: "none" });
      await expect(scheduledCommand(it)).rejects.toThrow();
      expect(await it.host.stat(controlPath(it.old, "migrate"))).toBeUndefined();
      expect(await it.query(digest, "app")).toEqual([wanted]);
    });

    it("goes back in the midst of it", async () => {
      const it = await make(3);
      const before = await it.contents();
      const { journal, args } = await upgraded(it);
      const program = migrateProgram(it.old.controlDirectory);
      await tellMigration(it.old, ["throttle", "20000"]);
      const run = () => hostOf(it.old.host).run([program], { timeout: 300_000 });
      const come = async () => {
        const migration = await askMigration(it.old);
        const databases = migration.code === "known" ? migration.databases : [];
        return databases.flatMap(({ tables }) => tables).reduce((sum, one) => sum + one.rows, 0);
      };
      const comes = (than: number) => expect.poll(come, { timeout: 60_000, interval: 200 }).toBeGreaterThan(than);
      const first = run();
      await comes(0);
      expect(onOld(it).length).toBeGreaterThan(0);
      // What cannot be saved is not given up, and history goes on.
      const save = it.cluster.folder;
      await expect(rollback(it.context(), args, "primary", { save, confirm: async () => true })).rejects.toThrow(
        /not empty.*18 runs again/s,
      );
      await first;
      expect(onOld(it)).toEqual([]);
      await scheduledCommand(it);
      const second = run();
      await comes(await come());
      expect(onOld(it).length).toBeGreaterThan(0);
      const lost: (Written | undefined)[] = [];
      const confirm = async (written: Written | undefined) => {
        lost.push(written);
        return true;
      };
      const outcome = await rollback(it.context(), args, "primary", { confirm });
      expect(outcome).toMatchObject({ code: "done", written: { rows: [{ table: "app: hist.keyed", rows: 1 }] } });
      await second;
      expect(await it.version()).toBe("17");
      expect(await it.contents()).toEqual(before);
      expect(await askMigration(it.old)).toMatchObject({ code: "none" });
      await expect(scheduledCommand(it)).rejects.toThrow();
      expect(await it.host.stat(migratePassfile(it.old.controlDirectory))).toBeUndefined();
      expect(await it.host.stat(controlPath(it.old, "migrate"))).toBeUndefined();
      expect(journal.phase).toBe("done");
    });

    it("is refused where rows that come at once refer to history", async () => {
      const it = await make(5);
      await it.run("create table notes (entry bigint references hist.keyed); insert into notes values (7)", "app");
      await expect(upgraded(it)).rejects.toThrow(/notes_entry_fkey of notes, to hist.keyed.*runs as before/s);
      expect(await it.version()).toBe("17");
      expect(await it.host.list(it.old.controlDirectory)).not.toContain("migrate");
    });
  },
);
