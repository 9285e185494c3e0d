import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { movePhases } from "../../postgres/move/model.js";
import { expectBackAndOn } from "../support/interruptedMove.js";
import { MovingHosts } from "../support/movingHosts.js";
import { whyNoHosts } from "../support/multihost.js";

/*
 * A server with a tablespace, large objects, roles and grants moves from one host to another over SSH: killed at each phase, back with
 * what was written since told, and again until it is committed.
 */
describe.skipIf(whyNoHosts() !== undefined)("a server moves over SSH", () => {
  let hosts: MovingHosts;

  beforeAll(async () => {
    hosts = await MovingHosts.make(40);
    await hosts.makeTablespace();
    await hosts.query(
      "server2",
      `create role reader; create table spaced (n int, filler text) tablespace space;
       insert into spaced select n, md5(n::text) from generate_series(1, 50000) n;
       create sequence s; select nextval('s') from generate_series(1, 70);
       grant select on spaced to reader; alter role reader set work_mem = '7MB';
       select lo_from_bytea(0, decode(repeat('ab', 300000), 'hex'))`,
    );
  }, 120_000);
  afterAll(() => hosts?.close());

  const content = (at: "server2" | "server3") =>
    hosts.query(
      at,
      `select (select sum(hashtext(n || filler)) from spaced), (select sum(hashtext(n || filler)) from filler),
              (select md5(lo_get(oid)) from pg_largeobject_metadata), (select last_value from s),
              has_table_privilege('reader', 'spaced', 'select'), (select setconfig from pg_db_role_setting)`,
    );

  it.each(movePhases.filter((phase) => phase !== "done"))("killed when it is %s", { timeout: 300_000 }, (phase) =>
    expectBackAndOn(hosts, phase, content),
  );

  it("while somebody writes: nothing acknowledged is lost, and what came since is told", {
    timeout: 300_000,
  }, async () => {
    await hosts.query("server2", "create table written (n int)");
    let acknowledged = 0;
    let over = false;
    const writing = (async () => {
      while (!over) {
        try {
          await hosts.query("server2", `insert into written values (${acknowledged + 1})`);
          acknowledged++;
        } catch {
          return;
        }
      }
    })();
    const moved = await hosts.run("move");
    over = true;
    await writing;
    expect(moved, moved.stderr).toMatchObject({ code: 0 });
    console.log(`downtime ${moved.events.find(({ code }) => code === "moved")?.downtime} s, ${acknowledged} rows`);
    expect(Number(await hosts.query("server3", "select count(*) from written"))).toBeGreaterThanOrEqual(acknowledged);
    expect(acknowledged).toBeGreaterThan(0);
    await hosts.query(
      "server3",
      "insert into spaced select n, 'since' from generate_series(1, 30) n; select pg_sleep(1)",
    );
    const back = await hosts.run("back");
    expect(back.events).toMatchObject([
      { code: "since", since: { tables: [{ table: "public.spaced", rows: 30 }] } },
      { code: "back" },
    ]);
    await hosts.hosts.asOwner(
      "server3",
      "rm -rf '/var/lib/postgresql/a test' '/var/lib/postgresql/a test/'* '/var/lib/postgresql/a space'",
    );
    const before = await content("server2");
    expect(await hosts.run("move")).toMatchObject({ code: 0 });
    const committed = await hosts.run("commit");
    expect(committed, committed.stderr).toMatchObject({ code: 0 });
    expect(await content("server3")).toBe(before);
    expect(
      await hosts.hosts.asOwner("server2", "ls -A '/var/lib/postgresql/a test' '/var/lib/postgresql/a space'"),
    ).not.toMatch(/data|PG_/);
  });
});
