import { readdirSync, readFileSync } from "node:fs";
import pg from "pg";
import { afterEach, describe, expect, it } from "vitest";
import type { Major } from "../../postgres/versions.js";
import { Migration } from "../support/migration.js";
import { haveClients, OwnServer } from "../support/ownServer.js";

let migration: Migration | undefined;
let standby: OwnServer | undefined;
afterEach(async () => {
  await standby?.close();
  await migration?.close();
  [standby, migration] = [undefined, undefined];
});

const rows = Number(process.env.PGSITE_ROWS ?? 20_000_000);

/** Old versions have these too. */
const tables = `
create schema rt_log; create schema app;
create table rt_log.keyed (id bigint primary key, at timestamptz not null, host text, took float8, line text);
create index keyed_at on rt_log.keyed (at);
create table rt_log.keyless (at timestamp, line text, payload bytea, tags text[]);
create table rt_log."Odd ""Name" ("Key, A" text, k2 date, n numeric, primary key ("Key, A", k2));
create table app.account (id int primary key, n int);
insert into app.account select generate_series(1, 1000), 0;
create sequence app.numbers;`;

const fill = (count: number) => `
insert into rt_log.keyed select i, '2024-01-01'::timestamptz + i * interval '1 s', 'mx' || i % 300, i * 1.1, md5(i::text) from generate_series(1, ${Math.floor(count / 2)}) i;
insert into rt_log.keyless select '2024-01-01'::timestamp + i * interval '1 s', E'tab\\t\\\\N\\n' || i, decode(md5(i::text), 'hex'), array['a', null, E'\\\\.'] from generate_series(1, ${Math.floor((count * 4) / 10)}) i;
insert into rt_log."Odd ""Name" select 'k' || i % 10000, '2020-01-01'::date + i / 10000, i / 7.0 from generate_series(1, ${Math.floor(count / 10)}) i;
select nextval('app.numbers'); analyze;`;

/** By ranges, so that no text of all rows is made; nothing of it is the program's. */
const digest = (where = "true") => `
set extra_float_digits = 0; set timezone = 'UTC'; set bytea_output = hex;
select 'keyed', count(*), md5(string_agg(m, '' order by g)) from (select id / 10000 as g, md5(string_agg(t::text, '|' order by id)) as m, count(*) from rt_log.keyed t where ${where} group by 1) as a, lateral (select 1) as b
union all select 'odd', count(*), md5(string_agg(m, '' order by g)) from (select k2 as g, md5(string_agg(t::text, '|' order by "Key, A" collate "C")) as m from rt_log."Odd ""Name" t group by 1) as a
union all select 'keyless', count(*), md5(string_agg(m, '' order by g)) from (select date_trunc('hour', at) as g, md5(string_agg(t::text, '|' order by at)) as m from rt_log.keyless t group by 1) as a order by 1;`;

async function made(from: Major, to: Major, count: number, settings: Readonly<Record<string, string>> = {}) {
  migration = await Migration.make({ from, to }, settings);
  await migration.source.query("postgres", tables + fill(count));
  await migration.target.query("postgres", tables);
  return migration;
}

/** All processes of a run, and the old server's. */
function processesOf({ program, control, sourceData }: Migration): readonly number[] {
  const read = (path: string) => {
    try {
      return readFileSync(path, "utf8").replaceAll("\0", "\n");
    } catch {
      return "";
    }
  };
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && name !== `${process.pid}`)
    .filter((pid) => {
      const command = read(`/proc/${pid}/cmdline`);
      return (
        [program, sourceData].some((path) => command.includes(path)) ||
        read(`/proc/${pid}/environ`).includes(`=${control}/none\n`)
      );
    })
    .map(Number);
}

function kill(pid: number | undefined): void {
  if (pid === undefined || pid <= 1) return;
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended meanwhile.
  }
}

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

describe.skipIf(!haveClients())("history that follows", () => {
  it.each([
    ["9.6", "10"],
    ["9.6", "11"],
    ["10", "18"],
    ["11", "13"],
    ["12", "14"],
    ["14", "16"],
    ["15", "17"],
    ["17", "18"],
  ] as const)("comes from %s to %s", { timeout: 120_000 }, async (from, to) => {
    const site = await made(from, to, 60_000);
    const wanted = await site.source.query("postgres", digest());
    await site.begin({ databases: { postgres: ["rt_log.*"] }, batchSeconds: 1, indexesAfter: 100_000 });
    expect(await site.run(["run"])).toMatchObject({ code: 0, stderr: "" });
    expect(await site.target.query("postgres", digest())).toBe(wanted);
  });

  it(`is exact after ${rows} rows, ten kills, a lost host and a standby that lagged, while others write`, {
    timeout: 3_600_000,
  }, async () => {
    const settings = {
      wal_level: "replica",
      max_wal_senders: "5",
      max_replication_slots: "5",
      max_wal_size: "2GB",
      shared_buffers: "256MB",
      wal_keep_size: "4GB",
    };
    const site = await made("13", "15", rows, settings);
    const wanted = await site.source.query("postgres", digest());
    await site.begin({ databases: { postgres: ["rt_log.*"] }, batchSeconds: 3, mostLag: 8 * 1024 ** 2 });
    await site.target.must([site.program, "prepare"]);
    // Something is to be left for the standby, however quick the host is.
    await site.target.must([site.program, "throttle", `${Math.ceil(rows / 100)}`]);
    standby = await OwnServer.make({ standbyOf: site.target });

    // An application: its slowest statement is what it noticed of all this.
    let [slowest, statements, goesOn, retries] = [0, 0, true, 0];
    const application = async () => {
      while (goesOn) {
        const client = new pg.Client({
          host: site.target.sockets,
          port: site.target.port,
          user: "postgres",
          database: "postgres",
        });
        client.on("error", () => undefined);
        try {
          await client.connect();
          for (; goesOn; statements += 1) {
            const began = performance.now();
            await client.query("update app.account set n = n + 1 where id = $1", [1 + (statements % 1000)]);
            await client.query("insert into rt_log.keyed values (-$1::bigint - 1, now(), 'live', 0, 'live')", [
              statements,
            ]);
            slowest = Math.max(slowest, performance.now() - began);
          }
        } catch {
          retries += 1;
          statements += 1;
          await pause(200);
        } finally {
          await client.end().catch(() => undefined);
        }
      }
    };
    const writing = application();
    try {
      let seed = 11;
      const random = (below: number) => {
        seed = (seed * 48_271) % 2_147_483_647;
        return seed % below;
      };
      const patience = Math.max(1500, rows / 5000);
      for (let round = 0; round < 10; round += 1) {
        const child = site.target.spawn([site.program, "run"]);
        child.stdout?.resume();
        child.stderr?.resume();
        const ended = new Promise((resolve) => child.once("exit", resolve));
        await Promise.race([ended, pause(1000 + random(patience))]);
        if (round === 5) {
          // All that runs on the host, the new server too.
          for (const pid of processesOf(site)) kill(pid);
          kill(Number(readFileSync(`${site.target.data}/postmaster.pid`, "utf8").split("\n")[0]));
          await pause(2000);
          await site.target.start();
        } else {
          const all = processesOf(site);
          if (round % 2 === 0) for (const pid of all) kill(pid);
          else {
            // One alone, after which the run tries again; then the run, whose batch goes on without it.
            kill(all[random(Math.max(all.length, 1))]);
            await pause(300 + random(700));
            kill(child.pid);
          }
        }
        await ended;
        // A batch that lost its run comes to its end.
        await pause(1500);
      }
      await standby.query("postgres", "select pg_wal_replay_pause()");
      await site.target.must([site.program, "throttle", "none"]);
      const last = site.runAgain();
      let waited = "";
      for (const end = Date.now() + rows / 10 + 60_000; waited === "" && Date.now() < end; await pause(500)) {
        const database = (await site.status()).find(({ word }) => word === "database");
        if (database?.fields[3] === "lag") waited = database.fields[4] ?? "";
      }
      expect(waited).toMatch(/^\d+ walreceiver$/);
      process.stdout.write(`it waited for a standby: ${waited}\n`);
      await standby.query("postgres", "select pg_wal_replay_resume()");
      expect(await last).toMatchObject({ code: 0, stderr: "" });
    } finally {
      goesOn = false;
      await writing;
    }
    expect(await site.target.query("postgres", digest("id > 0"))).toBe(wanted);
    const status = (await site.status()).filter(({ word }) => word === "table").map(({ fields }) => fields[3]);
    expect(status).toEqual(["done", "done", "done"]);
    process.stdout.write(
      `${statements} writes meanwhile, the slowest took ${slowest.toFixed(0)} ms, ${retries} connections were lost\n`,
    );
  });

  it.each((process.env.PGSITE_SEEDS ?? "1 2 3").split(" ").map(Number))(
    "is exact whatever is killed while two batches are on their way (seed %i)",
    { timeout: 600_000 },
    async (begun) => {
      migration = await Migration.make({ from: "14", to: "18" });
      const site = migration;
      const count = 100_000;
      const table = (name: string, key: string) =>
        `create table rt_log.${name} (id int ${key}, state app.state, line text);`;
      const both = `create schema rt_log; create schema app; create type app.state as enum ('sent', 'slow');
        ${table("keyed", "primary key")}${table("keyless", "")}`;
      const rowsOf = (name: string) => `insert into rt_log.${name}
        select i, case when i % 3000 = 0 then 'slow' else 'sent' end::app.state, md5(i::text) from generate_series(1, ${count}) i;`;
      const same = ["keyed", "keyless"]
        .map((name) => `select count(*), md5(string_agg(id || line, '|' order by id)) from rt_log.${name}`)
        .join(" union all ");
      await site.source.query("postgres", `${both}${rowsOf("keyed")}${rowsOf("keyless")} analyze`);
      const wanted = await site.source.query("postgres", same);
      // A target that takes ten thousand rows a second, and some moments to compare a batch: both are what kills are to meet.
      const slow = (
        name: string,
      ) => `create trigger slow before insert on rt_log.${name} for each row when (new.id % 20 = 0)
        execute procedure app.slow(); alter table rt_log.${name} enable always trigger slow;`;
      await site.target.query(
        "postgres",
        `${both} create function app.slow() returns trigger language plpgsql as $$ begin perform pg_sleep(0.001); return new; end $$;
        create function app.slowly(app.state) returns text language plpgsql as $$ begin
          if $1 = 'slow' then perform pg_sleep(0.1); end if; return enum_out($1)::text; end $$;
        create cast (app.state as text) with function app.slowly(app.state);${slow("keyed")}${slow("keyless")}`,
      );
      await site.begin({ databases: { postgres: ["rt_log.*"] }, batchSeconds: 1 });
      let seed = begun * 7919;
      const random = (below: number) => {
        seed = (seed * 48_271) % 2_147_483_647;
        return seed % below;
      };
      const killed: string[] = [];
      for (let round = 0; round < 14; round += 1) {
        const child = site.target.spawn([site.program, "run"]);
        child.stdout?.resume();
        child.stderr?.resume();
        const ended = new Promise((resolve) => child.once("exit", resolve));
        await Promise.race([ended, pause(600 + random(2500))]);
        const all = processesOf(site);
        const one = all[random(Math.max(all.length, 1))];
        const way = random(5);
        if (way === 0) for (const pid of all) kill(pid);
        else if (way === 1) kill(child.pid);
        else if (way === 2) {
          kill(one);
          await pause(random(500));
          kill(child.pid);
        } else if (way === 3) {
          kill(one);
          await pause(random(2000));
        } else await site.target.stop("immediate").then(() => site.target.start());
        // Whoever asks meanwhile clears away the folder of a run that was killed.
        if (random(2) === 0) await site.status();
        if (way === 3) child.kill("SIGTERM");
        else kill(child.pid);
        killed.push(`${way}`);
        await ended;
      }
      const last = await site.runAgain();
      const failed = "select relname, reason, detail from pgsite_migration.tables where status <> 'done'";
      expect([await site.target.query("postgres", failed), last.code]).toEqual(["", 0]);
      expect(await site.target.query("postgres", same)).toBe(wanted);
      const overlapping = await site.target.query(
        "postgres",
        `select count(*), count(*) filter (where exists (select 1 from pgsite_migration.batches a where a."table" = b."table"
            and a.number = b.number - 1 and a.ended > b.ended - b.seconds * interval '1 s')), (select sum(rows) from pgsite_migration.tables)
          from pgsite_migration.batches b`,
      );
      process.stdout.write(
        `ways ${killed.join("")}: batches, those begun before the one before ended, rows: ${overlapping}\n`,
      );
      expect(Number(overlapping.split("\t")[1])).toBeGreaterThan(2);
    },
  );
});
