import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { movePhases } from "../../postgres/move/model.js";
import { expectBackAndOn } from "../support/interruptedMove.js";
import { MovingHosts } from "../support/movingHosts.js";
import { whyNoHosts } from "../support/multihost.js";

/*
 * A server moves over SSH to a host whose system is another, by dump and restore: killed at each phase and in the midst of the
 * restore, back with what was written since told, and again until it is committed.
 */
describe.skipIf(whyNoHosts() !== undefined)("a server moves by dump and restore over SSH", () => {
  let hosts: MovingHosts;

  beforeAll(async () => {
    hosts = await MovingHosts.make(90);
    // What the new host's own file says, and no test.
    const release = readFileSync("/etc/os-release", "utf8").replace(/^VERSION_ID=.*$/m, 'VERSION_ID="99"');
    await hosts.hosts
      .host("server3")
      .must(["sh", "-c", 'cat >/run/os-release && mount --bind /run/os-release "$(readlink -f /etc/os-release)"'], {
        input: release,
      });
    await hosts.makeTablespace();
    await hosts.query(
      "server2",
      "create database sorted template template0 lc_collate 'C.utf8' lc_ctype 'C.utf8' owner postgres",
    );
    await hosts.query("server2", "alter database sorted set work_mem = '9MB'");
    await hosts.query("server2", "alter system set application_name = 'by hand'");
    await hosts.query(
      "server2",
      `create role "a reader" login password 'of it'; create table spaced (n int primary key, filler text) tablespace space;
       insert into spaced select n, md5(n::text) from generate_series(1, 50000) n; create index on filler (n);
       create sequence s; select nextval('s') from generate_series(1, 70); create sequence unasked;
       grant select on spaced to "a reader"; alter role "a reader" set work_mem = '7MB';
       create function f() returns int language sql as 'select 1'; create view v as select f();
       select lo_from_bytea(0, decode(repeat('ab', 300000), 'hex'))`,
    );
  }, 120_000);
  afterAll(() => hosts?.close());

  const content = async (at: "server2" | "server3") => [
    await hosts.query(
      at,
      `select (select sum(hashtext(n || filler)) from spaced), (select sum(hashtext(n || filler)) from filler),
              (select md5(lo_get(oid)) from pg_largeobject_metadata), (select last_value from s), (select * from v),
              has_table_privilege('a reader', 'spaced', 'select'), (select rolpassword from pg_authid where rolname = 'a reader'),
              (select string_agg(setconfig::text, ',' order by setconfig::text) from pg_db_role_setting),
              (select spcname from pg_class c join pg_tablespace t on t.oid = c.reltablespace where relname = 'spaced'),
              current_setting('application_name'), (select datcollate from pg_database where datname = 'sorted')`,
    ),
    await hosts.query(at, "select count(*) from pg_indexes where schemaname = 'public'"),
  ];
  const leftovers = async (at: "server2" | "server3") =>
    (
      await hosts.hosts.asOwner(
        at,
        "ps -eo args | grep -E '[p]g_(dump|restore)|[m]ove-work' || true; ls -d /tmp/pgsite-* 2>/dev/null || true",
      )
    ).trim();

  it.each([...movePhases.filter((phase) => phase !== "done"), "restoring"] as const)(
    "killed when it is %s",
    { timeout: 300_000 },
    (phase) =>
      expectBackAndOn(hosts, phase, content, async () => {
        expect([await leftovers("server2"), await leftovers("server3")]).toEqual(["", ""]);
      }),
  );

  it("what was written since is told; files are taken where that is asked for; it is committed", {
    timeout: 300_000,
  }, async () => {
    const before = await content("server2");
    const moved = await hosts.run("move");
    expect(moved, moved.stderr).toMatchObject({ code: 0 });
    console.log(`downtime ${moved.events.find(({ code }) => code === "moved")?.downtime} s`);
    expect(moved.events.map(({ code }) => code)).toContain("contents compared");
    await hosts.query(
      "server3",
      "insert into spaced select n, 'since' from generate_series(50001, 50030) n; select pg_sleep(1)",
    );
    const back = await hosts.run("back");
    expect(back.events).toMatchObject([
      { code: "since", since: { tables: [{ table: "public.spaced", rows: 30 }] } },
      { code: "back" },
    ]);
    expect(await content("server2")).toEqual(before);
    await hosts.clear();
    const files = await hosts.run("move", undefined, "archive");
    expect([files.code, files.stderr]).toEqual([1, expect.stringMatching(/order of texts in sorted is of .* 99/)]);
    expect(await hosts.run("move")).toMatchObject({ code: 0 });
    const committed = await hosts.run("commit");
    expect(committed, committed.stderr).toMatchObject({ code: 0 });
    expect(await content("server3")).toEqual(before);
    expect(
      await hosts.hosts.asOwner("server2", "ls -A '/var/lib/postgresql/a test' '/var/lib/postgresql/a space'"),
    ).not.toMatch(/data|PG_/);
  });
});
