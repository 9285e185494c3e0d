import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { control, data, MomentumHosts, whyNoMomentum } from "../support/momentumHosts.js";

const why = whyNoMomentum(["/lib/systemd/systemd"]);
const rows = 400_000;

/** The tables that the stack defers (`rt_log*.*`), with and without a key. */
const made = `
create schema rt_log; create schema rt_log_daily;
create table rt_log.keyed (id bigserial primary key, at timestamptz not null, host text, line text);
create index keyed_at on rt_log.keyed (at);
create table rt_log_daily.keyless (at timestamp, line text, payload bytea);
create table webconsole.account (id int primary key, name text);
insert into rt_log.keyed (at, host, line) select '2024-01-01'::timestamptz + i * interval '1 s', 'mx' || i % 300, md5(i::text) from generate_series(1, ${rows}) i;
insert into rt_log_daily.keyless select '2024-01-01'::timestamp + i * interval '1 s', E'tab\\t' || i, decode(md5(i::text), 'hex') from generate_series(1, ${rows}) i;
insert into webconsole.account select i, md5(i::text) from generate_series(1, 1000) i;
analyze`;

const digest = `set timezone = 'UTC';
select count(*) || md5(string_agg(t::text, '|' order by id)) from rt_log.keyed t where line <> 'live';
select count(*) || md5(string_agg(t::text, '|' order by at, line)) from rt_log_daily.keyless t;
select count(*) || md5(string_agg(t::text, '|' order by id)) from webconsole.account t`;

interface Told {
  readonly code: string;
  readonly through?: boolean;
  readonly running?: boolean;
  readonly databases?: readonly { readonly tables: readonly { readonly rows: number; readonly status: string }[] }[];
}

/** The committed stack's own upgrade: what it defers follows by the host's scheduler, whose power is cut meanwhile. */
describe.skipIf(why !== undefined).each(["sysv", "systemd"] as const)(
  `momentum's history on a host with %s${why ? ` (${why})` : ""}`,
  { timeout: 900_000 },
  (init) => {
    let site: MomentumHosts;
    let wanted: string;

    beforeAll(async () => {
      site = await MomentumHosts.make({ init });
      await site.up();
      await site.query(made);
      wanted = await site.query(digest);
    }, 300_000);
    afterAll(async () => {
      await site?.remove();
    }, 60_000);

    async function told(): Promise<Told> {
      const { stdout, said } = await site.pgsite("migrate", "status", "--json");
      const [server] = (JSON.parse(stdout || "{}") as { servers?: readonly Told[] }).servers ?? [];
      if (server === undefined) throw new Error(`pgsite migrate status says nothing of a server: ${said}`);
      return server;
    }
    const come = async () => {
      const tables = (await told()).databases?.flatMap((database) => database.tables) ?? [];
      return tables.reduce((sum, table) => sum + table.rows, 0);
    };
    /** Nobody starts it: only whoever looks is ours. @returns the seconds until more than so many rows are there */
    async function comes(more: number): Promise<number> {
      const began = Date.now();
      await expect.poll(come, { timeout: 150_000, interval: 1000 }).toBeGreaterThan(more);
      return Math.round((Date.now() - began) / 1000);
    }

    it("stays behind in the upgrade, by one up under a writer", async () => {
      site.declare("18");
      const preview = await site.preview();
      expect(preview).toMatch(/the way: .*dump/);
      await site.beginWriting();
      // By hand on the host, as soon as the new server is there: the first run may begin in the same second.
      const throttle = `su -s /bin/sh msyspg -c '${control}/migrate/migrate throttle 4000' >/dev/null 2>&1`;
      const throttled = site.shell(`until ${throttle}; do sleep 0.2; done`);
      const up = await site.up();
      await throttled;
      expect(up).toContain("get their rows later");
      await site.shell(`test -e ${control}/migrate/migrate`);
      const written = await site.endWriting();
      expect(await site.missing(written)).toEqual([]);
      const [, said] = /nobody is served for about ([^,]+),/.exec(preview) ?? [];
      console.log(`downtime said: ${said}; seen by the writer: ${(written.longestGap / 1000).toFixed(1)} s`);
      // What is new has another key than what follows.
      expect(await site.query("insert into rt_log.keyed (at, line) values (now(), 'live') returning id")).toBe(
        `${rows + 1}`,
      );
    });

    it("comes by the host's scheduler, is cut off twice by a power cut, and goes on by itself", async () => {
      await site.beginWriting();
      console.log(`begun by the scheduler after ${await comes(0)} s`);
      for (const cut of [1, 2]) {
        const before = await come();
        await comes(before);
        const lines = [...site.host.processes().values()].map((line) => line.replaceAll("\0", " "));
        expect(lines.filter((line) => line.includes(`${control}/migrate/migrate`))).not.toEqual([]);
        expect(lines.filter((line) => line.includes(`${data}.version-17`))).not.toEqual([]);
        const at = await come();
        expect(at).toBeLessThan(2 * rows);
        await site.host.powerCut();
        expect(site.host.processes().size).toBe(0);
        await site.host.boot();
        site.net.control.know(site.net.hosts);
        await site.net.control.closeConnections();
        await expect.poll(() => site.answers(), { timeout: 30_000, interval: 200 }).toBe(true);
        const there = await come();
        // What was committed when the power went is there: batches do not wait for the disk, and their state is in them.
        console.log(`cut ${cut} at ${at} rows, ${there} there after it; goes on after ${await comes(there)} s`);
      }
      const written = await site.endWriting();
      expect(await site.missing(written)).toEqual([]);
      console.log(`${written.acknowledged.length} rows written meanwhile, none lost`);
      const early = await site.pgsite("upgrade", "commit", "--yes");
      expect([early.code, early.said]).toEqual([1, expect.stringMatching(/not confirmed yet|still follows/)]);
    });

    it("is exact in the end; then the upgrade is committed, and the preview is clean", async () => {
      expect((await site.pgsite("migrate", "throttle", "none")).code).toBe(0);
      await expect.poll(async () => (await told()).through, { timeout: 300_000, interval: 2000 }).toBe(true);
      expect(await site.query(digest)).toBe(wanted);
      expect(await site.query("select count(*) from rt_log.keyed where line = 'live'")).toBe("1");
      const valid = "select bool_and(indisvalid) from pg_index where indrelid = 'rt_log.keyed'::regclass";
      expect(await site.query(valid)).toBe("t");
      await expect
        .poll(() => [...site.host.processes().values()].filter((line) => line.includes(`${data}.version-17`)), {
          timeout: 30_000,
        })
        .toEqual([]);
      for (const step of ["web console and manager", "MTAs"]) {
        expect((await site.pgsite("upgrade", "after", "--confirm", step)).code).toBe(0);
      }
      const { code, said } = await site.pgsite("upgrade", "commit", "--yes");
      expect(code, said).toBe(0);
      expect(await site.shell("ls -d /var/db/msyspg.version-17 2>/dev/null || true")).toBe("");
      expect(await site.preview()).toMatch(/Resources:\n {4}\d+ unchanged\n/);
      expect(await site.query(digest)).toBe(wanted);
    });
  },
);
