// What cron runs on a host, at versions that no registry has: `PGSITE_OLD_SERVERS=FOLDER npm run proof -- oldJobs`.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { atLeast } from "../../postgres/versions.js";
import { BackedUp, rulesOf } from "../support/backedUp.js";
import { atOldServers } from "../support/oldServers.js";
import { OwnServer } from "../support/ownServer.js";
import { ran } from "../support/ran.js";
import { drilled, restored } from "../support/restored.js";
import { WatchSite } from "../support/watchSite.js";

/** What 9.0 can have of SISPI's: schemas, groups of tables, sequences, large objects, keys, settings and grants of a database. */
const script = `create role dbadmin superuser login;
create role decam_reader login;
create database decam owner dbadmin template template0;
create database desbrdev template template0;
alter database decam set search_path = constants, telemetry, "$user", public;
alter database decam set timezone = 'UTC';
comment on database decam is 'SISPI: what the camera says';
revoke connect on database decam from public;
grant connect on database decam to decam_reader;
\\connect decam
create schema constants; create schema telemetry; create schema obstac;
create table telemetry.environment (id bigserial primary key, at timestamptz, a double precision);
insert into telemetry.environment (at, a) select timestamptz '2012-09-12 03:00+00' + n * interval '5 seconds', n / 7.0 from generate_series(1, 300) n;
create table telemetry.monsoon_pan (id serial primary key, what text);
insert into telemetry.monsoon_pan (what) select 'sample ' || n from generate_series(1, 50) n;
create table constants.document (id serial primary key, body oid, title text);
create table obstac.plan (id int primary key, document int references constants.document);
create table public."odd, Müller's \\ ""q""" (n int);
insert into public."odd, Müller's \\ ""q""" select generate_series(1, 7);
select lo_create(70001);
select lowrite(lo_open(70001, 131072), decode(repeat(md5('large object'), 200), 'hex'));
insert into constants.document (body, title) values (70001, 'finding chart');
insert into obstac.plan values (1, 1);
grant select on telemetry.environment to decam_reader;
create view telemetry.latest as select * from telemetry.environment order by id desc limit 10;
\\connect desbrdev
create table public.reduction (id bigserial primary key, quality double precision[]);
insert into public.reduction (quality) select array[n / 3.0, n / 7.0] from generate_series(1, 100) n;`;

atOldServers("backups", (old) => {
  const { major, bin } = old;
  describe("of a site like SISPI", { timeout: 300_000 }, () => {
    let site: BackedUp;
    let other: OwnServer;
    let run = "";
    const contentOf = async (server: OwnServer) => {
      const text = (await server.must([join(bin, "pg_dumpall")])).split("\n");
      return text.filter((line) => !/^(--|$)/.test(line)).toSorted();
    };

    beforeAll(async () => {
      site = await BackedUp.make({ major, programs: bin });
      other = await OwnServer.make({ major, programs: bin });
      await site.server.query("postgres", script);
      await site.install({
        databases: {
          decam: rulesOf({
            tables: ["telemetry.environment"],
            groups: { monsoon: ["telemetry.monsoon_*"] },
            schemas: ["obstac"],
          }),
          desbrdev: rulesOf({}),
        },
      });
    }, 120_000);
    afterAll(async () => {
      await Promise.all([site?.close(), other?.close()]);
    }, 60_000);

    it("are made", async () => {
      const { code, stderr, events } = await site.backup();
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      run = events.find(([word]) => word === "made")?.[1] ?? "";
      const moments = site.manifest(run).filter(([word]) => word === "moment");
      // pg_dump knows whose moment it is to take from 9.5 on.
      const kind = atLeast(major, "9.5") ? "one" : "several";
      expect(moments).toEqual([
        ["moment", "decam", kind],
        ["moment", "desbrdev", "one"],
      ]);
    });

    it("come back whole, in another server", async () => {
      const at = `${other.sockets}:${other.port}`;
      const { outcome, events } = await restored(site, { at, from: run, globals: true });
      expect(events.filter(({ code }) => code === "error")).toEqual([]);
      expect(outcome.code).toBe("done");
      expect(await contentOf(other)).toEqual(await contentOf(site.server));
    });

    it("are tried out by a drill", async () => {
      const { outcome } = await drilled(site, {});
      expect(outcome).toMatchObject({ code: "equal" });
      ran(old, "backups");
    });
  });
});

atOldServers("the watch", (old) => {
  const { major, bin } = old;
  describe("of a primary, a hot standby and a warm one", { timeout: 300_000 }, () => {
    let site: WatchSite;
    let now = Math.floor(Date.now() / 1000);
    beforeAll(async () => {
      site = await WatchSite.make(253, ["one", "two", "warm"], { major, programs: bin });
      for (const name of site.names) await site.install(name);
      await site.sql("one", "create table t (n int)");
    }, 120_000);
    afterAll(() => site?.close(), 60_000);

    const look = async (name: string) => {
      now += 3600;
      const { code, stderr, mails } = await site.watch(name, now);
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      return mails.map(({ subject }) => subject).toSorted();
    };
    const looks = async () => {
      const said: string[] = [];
      for (const name of site.names) said.push(...(await look(name)));
      return said;
    };

    it("is silent while all is well", async () => {
      for (let run = 0; run < 4; run += 1) expect(await looks()).toEqual([]);
    });

    /** What was said until this was; looks at the servers again and again. */
    const until = async (subject: string) => {
      const said: string[] = [];
      for (let tries = 0; tries < 20 && !said.includes(subject); tries += 1) {
        said.push(...(await looks()));
        await new Promise((resolve) => setTimeout(resolve, 500));
      }
      expect(said).toContain(subject);
      return said;
    };

    it("says that a standby is gone, and that it is back", async () => {
      await site.stop("two");
      const said = await until("one: server two does not answer, its host does");
      expect(said).toContain("two: the server does not answer");
      await site.start("two");
      await until("well again: one: server two does not answer, its host does");
    });

    it("says that standbys run and do not stream", async () => {
      const rules = join(site.data("one"), "pg_hba.conf");
      const text = readFileSync(rules, "utf8");
      writeFileSync(rules, text.replaceAll(/^host +replication.*\n/gm, ""));
      await site.stop("one");
      await site.start("one");
      const said = await until("one: standby two does not stream");
      expect([...said, ...(await looks())]).toContain("one: standby warm does not stream");
      writeFileSync(rules, text);
      await site.reload("one");
      await until("well again: one: standby two does not stream");
    });

    it("says that the primary is gone", async () => {
      await site.stop("one");
      const said = await until("warm: server one does not answer, its host does");
      expect(said).toContain("one: the server does not answer");
      await site.start("one");
      await until("well again: warm: server one does not answer, its host does");
      ran(old, "watch");
    });
  });
});
