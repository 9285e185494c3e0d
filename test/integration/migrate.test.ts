import { existsSync, readdirSync, readFileSync } from "node:fs";
import { afterEach, describe, expect, it } from "vitest";
import { historyDigest, historyRows, historyTables } from "../support/history.js";
import { Migration } from "../support/migration.js";
import { debianPrograms, haveClients } from "../support/ownServer.js";

let migration: Migration | undefined;
afterEach(async () => {
  await migration?.close();
  migration = undefined;
});

/** Settings of the newest server: one a test is slow enough. */
const majors = { from: "13", to: "18" } as const;

async function made(rows: number): Promise<Migration> {
  migration = await Migration.make(majors);
  await migration.source.query("postgres", historyTables + historyRows(rows));
  // As dump and restore leave it: what is not deferred is there.
  await migration.target.query(
    "postgres",
    `${historyTables}insert into other.customer select generate_series(1, 100);`,
  );
  return migration;
}

/** Processes that a run consists of, and the old server. */
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
      const [command, environment] = [read(`/proc/${pid}/cmdline`), read(`/proc/${pid}/environ`)];
      return [program, sourceData].some((path) => command.includes(path)) || environment.includes(`=${control}/none\n`);
    })
    .map(Number);
}

function kill(pid: number | undefined): void {
  // No signal goes to the group of this process.
  if (pid === undefined || pid <= 1) return;
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended meanwhile.
  }
}

/** Of a word of `status`: fields, by the table or database. */
async function told(site: Migration, word: string): Promise<Readonly<Record<string, readonly string[]>>> {
  const events = (await site.status()).filter((event) => event.word === word);
  return Object.fromEntries(
    events.map(({ fields }) => [word === "table" ? `${fields[1]}.${fields[2]}` : `${fields[0]}`, fields]),
  );
}

describe.skipIf(!haveClients())("history that follows an upgrade", () => {
  it("comes whole and once, whatever was killed meanwhile", { timeout: 120_000 }, async () => {
    const site = await made(200_000);
    const wanted = await site.source.query("postgres", historyDigest);
    await site.begin({ databases: { postgres: ["rt_log*.*"] }, batchSeconds: 1, indexesAfter: 1_000_000 });
    // What an application writes before the history is there: a number that none of it has.
    await site.target.must([site.program, "prepare"]);
    let seed = 7;
    const random = (below: number) => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed % below;
    };
    for (let round = 0; round < 6; round += 1) {
      const child = site.target.spawn([site.program, "run"]);
      child.stdout?.resume();
      child.stderr?.resume();
      const ended = new Promise((resolve) => child.once("exit", resolve));
      await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 700 + random(1300)))]);
      const all = processesOf(site);
      if (round % 2 === 0) for (const pid of all) kill(pid);
      else {
        // One alone, after which the run tries again; then the run, whose batch goes on without it.
        kill(all[random(Math.max(all.length, 1))]);
        await new Promise((resolve) => setTimeout(resolve, 200 + random(500)));
        kill(child.pid);
      }
      if (round === 3) await site.target.stop("immediate").then(() => site.target.start());
      await ended;
    }
    const last = await site.runAgain();
    expect(last).toMatchObject({ code: 0, stderr: "" });
    expect(await site.target.query("postgres", historyDigest)).toBe(wanted);
    const about = await site.target.query(
      "postgres",
      `select count(*) from other.touched; select nextval('rt_log_b.down');
      select nextval(pg_get_serial_sequence('rt_log_a.keyed', 'id')) = count(*) + 1 from rt_log_a.keyed;
      select count(*), count(distinct ended) > 3 from pgsite_migration.batches where rows <> found_rows or checksum <> found_checksum;
      select string_agg(indexdef, ';' order by indexname) from pg_indexes where tablename = 'keyed'; select obj_description('rt_log_a.keyed_at'::regclass);
      select bool_and(indisvalid) from pg_index; select count(*) from pg_stats where schemaname ~ 'rt_log' and tablename = 'keyless'`,
    );
    expect(about.split("\n")).toEqual([
      "0",
      "-3",
      "t",
      "0\tf",
      expect.stringContaining("CREATE INDEX keyed_lower ON rt_log_a.keyed USING btree (lower(text)) WHERE (n > 10)"),
      "it's by time",
      "t",
      "9",
    ]);
    // The old server is stopped, and nothing is left to do.
    expect(existsSync(`${site.sourceData}/postmaster.pid`)).toBe(false);
    expect(await site.run(["run"])).toMatchObject({ code: 0, stderr: "" });
    expect(await site.target.query("postgres", historyDigest)).toBe(wanted);
  });

  it("is not mixed with what was there, and is found not to be the source's, before it is kept", {
    timeout: 60_000,
  }, async () => {
    const site = await made(20_000);
    await site.target.query(
      "postgres",
      `insert into rt_log_b.empty default values; insert into rt_log_b.old values (-1, 'own');
      create function other.change() returns trigger language plpgsql as $$ begin new.note := 'changed'; return new; end $$;
      create trigger change before insert on rt_log_b.old_child for each row execute procedure other.change();
      alter table rt_log_b.old_child enable always trigger change;
      alter table rt_log_b."Odd ""Name" rename "v;" to v;
      delete from other.customer where id = 5`,
    );
    await site.begin({ databases: { postgres: ["rt_log_?.*"] } });
    expect((await site.run(["run"])).code).toBe(1);
    const tables = await told(site, "table");
    const stateOf = (name: string) => tables[name]?.slice(3, 6);
    expect(stateOf("rt_log_b.old")).toEqual(["refused", "not empty", "-"]);
    expect(stateOf("rt_log_b.empty")).toEqual(["refused", "not empty", "-"]);
    expect(stateOf('rt_log_b.Odd "Name')).toEqual(["refused", "columns", "v, v;"]);
    expect(stateOf("rt_log_b.old_child")?.slice(0, 2)).toEqual(["failed", "checksum"]);
    expect(stateOf("rt_log_a.keyed")).toEqual(["failed", "foreign key", "keyed_customer_fkey 80"]);
    expect(stateOf("rt_log_a.keyless")).toEqual(["done", "-", "-"]);
    const counts = "select count(*) from rt_log_b.old_child union all select count(*) from only rt_log_b.old";
    expect(await site.target.query("postgres", counts)).toBe("0\n1");
    // What is in the way goes; the administrator says that rows of both may be in one table.
    await site.target.query(
      "postgres",
      `drop trigger change on rt_log_b.old_child; insert into other.customer values (5)`,
    );
    expect(await site.run(["accept", "postgres", "rt_log_b.old"])).toMatchObject({ code: 0, stderr: "" });
    expect(await site.run(["resume"])).toMatchObject({ code: 0, stderr: "" });
    expect((await site.run(["run"])).code).toBe(1);
    const states = Object.entries(await told(site, "table")).map(([name, fields]) => [name, fields[3]]);
    expect(states.filter(([, state]) => state !== "done").map(([name]) => name)).toEqual([
      "rt_log_b.empty",
      'rt_log_b.Odd "Name',
    ]);
    expect(await site.target.query("postgres", counts)).toBe("500\n501");
  });

  it("has the next batch on its way while one is compared, and keeps none whose batch before was lost", {
    timeout: 60_000,
  }, async () => {
    const table = `create schema rt_log; create schema own; create type own.state as enum ('sent', 'slow');
      create table rt_log.h (id int primary key, state own.state, line text);`;
    migration = await Migration.make(majors);
    const site = migration;
    const [source, target] = [site.source, site.target].map((server) => (sql: string) => server.query("postgres", sql));
    if (source === undefined || target === undefined) throw new Error("no servers");
    await source(`${table} insert into rt_log.h
      select i, case when i = 30000 then 'slow' else 'sent' end::own.state, md5(i::text) from generate_series(1, 70000) i; analyze`);
    const digest = "select count(*), md5(string_agg(t.id || t.line, '|' order by id)) from rt_log.h t";
    const wanted = await source(digest);
    // The target takes a second to compare the batch with the row 30000, the second one, and that is another there.
    const trigger = (change: string) => `create or replace function own.change() returns trigger language plpgsql as $$
      begin ${change} if new.id = 60000 then perform nextval('own.seen'); end if; return new; end $$;`;
    await target(`${table} create sequence own.seen;
      create function own.slowly(own.state) returns text language plpgsql as $$ begin
        if $1 = 'slow' then perform pg_sleep(1); end if; return enum_out($1)::text; end $$;
      create cast (own.state as text) with function own.slowly(own.state);
      ${trigger("if new.id = 30001 then new.line := 'another'; end if;")}
      create trigger change before insert on rt_log.h for each row execute procedure own.change();
      alter table rt_log.h enable always trigger change`);
    await site.begin({ databases: { postgres: ["rt_log.*"] } });
    expect((await site.run(["run"])).code).toBe(1);
    const state = async () => (await told(site, "table"))["rt_log.h"]?.slice(3, 5);
    expect(await state()).toEqual(["failed", "checksum"]);
    // Rows of the third were there already.
    expect(await target("select is_called from own.seen")).toBe("t");
    const kept = `select max(id) from rt_log.h where line <> 'of new life'; select max(number) from pgsite_migration.batches;
      select count(*) from pg_stat_activity where application_name = 'pgsite migrate'`;
    expect(await target(kept)).toBe("20000\n1\n0");

    await target(`${trigger("")} update pgsite_migration.tables set size = 20000;
      insert into rt_log.h values (60001, 'sent', 'of new life')`);
    await site.run(["resume"]);
    const second = await site.run(["run"]);
    expect(second).toMatchObject({ code: 1, stderr: "", stdout: expect.not.stringContaining("tried again") });
    expect(await state()).toEqual(["failed", "23505"]);
    expect(await target(kept)).toBe("60000\n3\n0");
    expect(
      await target(`select b.ended - b.seconds * interval '1 s' < a.ended - interval '0.5 s', b.ended > a.ended
        from pgsite_migration.batches a, pgsite_migration.batches b where a.number = 2 and b.number = 3`),
    ).toBe("t\tt");

    await target("delete from rt_log.h where line = 'of new life'");
    await site.run(["resume"]);
    expect(await site.run(["run"])).toMatchObject({ code: 0, stderr: "" });
    expect(await target(digest)).toBe(wanted);
  });

  it("waits as it is told, reads no data in force, and stops all of it", { timeout: 60_000 }, async () => {
    const site = await made(100_000);
    await site.begin({ databases: { postgres: ["RT_log_a.keyed"] }, batchSeconds: 1 });
    expect(await site.run(["pause"])).toMatchObject({ code: 0, stderr: "" });
    expect(await site.run([])).toMatchObject({ code: 0, stderr: "" });
    expect((await told(site, "database")).postgres?.slice(1, 3)).toEqual(["1", "-"]);
    expect(site.sourceProcess()).toBeUndefined();
    expect(await site.run(["throttle", "4000"])).toMatchObject({ code: 0, stderr: "" });
    expect(await site.run(["resume"])).toMatchObject({ code: 0, stderr: "" });
    const running = site.run(["run"]);
    for (const end = Date.now() + 20_000; Date.now() < end; ) {
      const [, , , , , , rows = "0"] = (await told(site, "table"))["rt_log_a.keyed"] ?? [];
      if (Number(rows) > 0) break;
    }
    // Two at once would be one too many: the schedule's is silent, one by hand says so.
    expect(await site.run([])).toMatchObject({ code: 0, stdout: "" });
    expect((await site.run(["run"])).code).toBe(75);
    expect(await site.run(["stop"])).toMatchObject({ code: 0, stderr: "" });
    expect((await running).code).toBe(75);
    expect(site.sourceProcess()).toBeUndefined();
    const { postgres } = await told(site, "database");
    expect(Number(postgres?.[6])).toBeLessThan(6000);
    // Short of room for what is left.
    await site.run(["resume"]);
    await site.install({ reserve: 1e15 });
    const waiting = site.run(["run"]);
    for (const end = Date.now() + 20_000; Date.now() < end; ) {
      if ((await told(site, "database")).postgres?.[3] === "disk") break;
    }
    expect((await told(site, "database")).postgres?.[3]).toBe("disk");
    await site.run(["pause"]);
    expect((await waiting).code).toBe(75);
    await site.target.must(["sh", "-c", `rm -rf "$1" && ln -s "$2" "$1"`, "sh", site.sourceData, site.target.data]);
    await site.run(["resume"]);
    expect(await site.run(["run"])).toMatchObject({
      code: 78,
      stderr: expect.stringContaining("are the data in force"),
    });
    expect((await site.target.run([`${debianPrograms}/psql`, "-XAtc", "select 1", "postgres"])).stdout).toBe("1\n");
  });
});
