import { existsSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DistributionSite } from "../support/distributionSite.js";
import { type Doing, handMadeLayouts } from "../support/handMadeLayouts.js";
import { whyNoHosts } from "../support/multihost.js";

/* A primary and a standby that were made by hand in their distribution's layout, from the import to the end of their life. */

const needs = ["/usr/bin/pg_ctlcluster", "/usr/lib/postgresql/15/bin/postgres", "/lib/systemd/systemd"];
const why = whyNoHosts() ?? needs.flatMap((path) => (existsSync(path) ? [] : [`not installed: ${path}`]))[0];

describe.skipIf(why !== undefined).each(Object.values(handMadeLayouts))(
  `a site made by hand in the layout $layout${why ? ` (${why})` : ""}`,
  { timeout: 400_000 },
  (made) => {
    let site: DistributionSite;
    let said: string;
    /** The name by which the hand-made standby streams. */
    let streamsAs: string;
    /** Keys of the stack file that differ from what the import wrote, from some test on. */
    let keys: Record<string, unknown> = {};

    beforeAll(async () => {
      ({ site, said } = await DistributionSite.imported(made));
    }, 300_000);

    afterAll(() => site?.remove(), 60_000);

    const declare = (more: Readonly<Record<string, unknown>>) => {
      keys = { ...keys, ...more };
      site.declare(keys);
    };
    const settings = () => site.declared("settings") as Readonly<Record<string, unknown>>;
    const servers = () => site.declared("servers") as Readonly<Record<string, object>>;
    const noChange = async () => expect(await site.preview()).toMatch(/Resources:\n {4}\d+ unchanged\n/);
    const sh = (server: string, script: string, as = "root") =>
      site.host(server).must(["su", "-s", "/bin/sh", "-c", script, as], { seconds: 120 });

    /** What pgsite, systemd and the distribution's own tools say of both servers. */
    const told = async (): Promise<Readonly<Record<string, object>>> => {
      const status = site.pgsite(["status", "--json"]);
      const each = ["one", "two"].map(async (server) => {
        const script = `systemctl show -P MainPID ${made.unit}; head -n 1 ${made.dataDirectory}/postmaster.pid 2>/dev/null`;
        const [tools, active, pids] = await Promise.all([
          made.tools(site, server),
          site.host(server).run(["systemctl", "is-active", made.unit]),
          site.host(server).run(["sh", "-c", script]),
        ]);
        const rows = (JSON.parse((await status).stdout) as { servers: { name: string; state: string }[] }).servers;
        const [main, own] = pids.stdout.split("\n");
        const systemd = active.stdout.trim();
        // systemd means the process that runs on the data.
        const process = systemd !== "active" || main === own ? "" : `, process ${main} and not ${own}`;
        return [
          server,
          { pgsite: rows.find(({ name }) => name === server)?.state, systemd: systemd + process, ...tools },
        ];
      });
      return Object.fromEntries(await Promise.all(each));
    };
    const problemsOf = async (server: string) => {
      const { servers: rows } = JSON.parse((await site.pgsite(["status", "--json"])).stdout) as {
        servers: { name: string; problems: { code: string }[] }[];
      };
      return rows.find(({ name }) => name === server)?.problems.map(({ code }) => code);
    };
    const states = { writes: "read-write", follows: "in recovery, read-only", "is down": "stopped" } as const;
    const agreed = (doing: Doing) => ({
      pgsite: states[doing],
      systemd: doing === "is down" ? "failed" : "active",
      ...made.says[doing],
    });
    const expectAgreed = async (one: Doing, two: Doing) =>
      expect(await told()).toEqual({ one: agreed(one), two: agreed(two) });
    /** What has encrypted sessions with the certificate that the administrator gave it. */
    const encrypts = async (server: string) => {
      const to = `host=${site.host(server).address} user=postgres dbname=postgres sslmode=require`;
      const query = "select version from pg_stat_ssl where pid = pg_backend_pid()";
      return (
        await site.host("two").must(["env", "PGPASSWORD=of postgres", "psql", "-XAtq", "-d", to, "-c", query])
      ).trim();
    };

    it("is imported as it is, and the first preview shows no difference", async () => {
      for (const line of [`pgsite:layout: ${made.layout}`, "work_mem: 8MB # conf.d/10-memory.conf line 2"]) {
        expect(site.stackFile).toContain(line);
      }
      expect(site.stackFile).not.toContain("binaries");
      expect(said).toContain(`${made.unit}.service, its distribution's`);
      streamsAs = await site.query("one", "select application_name from pg_stat_replication");
      const started = await Promise.all(
        ["one", "two"].map((server) => site.query(server, "select pg_postmaster_start_time()")),
      );
      const look = `cat ${made.configuration}/postgresql.conf ${made.configuration}/pg_hba.conf ${made.configuration}/conf.d/*`;
      const before = await sh("two", look);
      await site.up();
      await noChange();
      await expectAgreed("writes", "follows");
      expect(await sh("two", look)).toBe(before);
      expect(
        await Promise.all(["one", "two"].map((server) => site.query(server, "select pg_postmaster_start_time()"))),
      ).toEqual(started);
    });

    it("is restarted by its distribution's unit, also when pgsite has added nothing to that", async () => {
      declare({ settings: { ...settings(), max_connections: 40, log_line_prefix: "%m [%p] %b " } });
      await site.up();
      await noChange();
      expect(await site.query("two", "show max_connections")).toBe("40");
      expect(await sh("two", `cat ${made.configuration}/conf.d/10-memory.conf`)).toMatch(/max_connections = '?40'?\n/);
      await expectAgreed("writes", "follows");
      expect([await encrypts("one"), await encrypts("two")]).toEqual(["TLSv1.3", "TLSv1.3"]);
    });

    it("has the guard before each start once the stack file leaves that to pgsite", async () => {
      declare({ service: { manager: "auto" } });
      await site.up();
      await noChange();
      expect(await sh("one", `systemctl cat ${made.unit}`)).toContain(`${made.dataDirectory}.pgsite/runbook/guard`);
      await expectAgreed("writes", "follows");
    });

    it("hands over under a writer without a row lost, there and back", async () => {
      const writer = site.startWriter();
      try {
        declare({ primary: "two" });
        await site.up();
        await expectAgreed("follows", "writes");
        declare({ primary: "one" });
        await site.up();
      } finally {
        await writer.stop();
      }
      await expectAgreed("writes", "follows");
      await noChange();
      const there = new Set((await site.query("one", "select number from written")).split("\n").map(Number));
      expect(writer.acknowledged.length).toBeGreaterThan(10);
      expect(writer.acknowledged.filter((number) => !there.has(number))).toEqual([]);
      expect([await encrypts("one"), await encrypts("two")]).toEqual(["TLSv1.3", "TLSv1.3"]);
    });

    const kill = `kill -9 $(head -n 1 ${made.dataDirectory}/postmaster.pid)`;

    it("has its standby take over when the primary is killed, which then rejoins", async () => {
      await sh("one", `${kill}; sleep 1`);
      await expectAgreed("is down", "follows");
      declare({
        primary: "two",
        servers: { ...servers(), one: { ...servers().one, lost: true, acceptDataLoss: true } },
      });
      await site.up();
      expect((await told()).two).toEqual(agreed("writes"));
      declare({ servers: servers() });
      await site.up();
      await expectAgreed("follows", "writes");
      await noChange();
    });

    it("has its standby take over by the runbook, without Pulumi, and the primary rejoin", async () => {
      const runbook = `${made.dataDirectory}.pgsite/runbook`;
      await sh("two", `${kill}; sleep 1`);
      expect(await sh("one", `${runbook}/failover`, "postgres")).toMatch(/^one takes writes, on timeline \d+$/m);
      expect(await sh("two", `${runbook}/rejoin one`, "postgres")).toMatch(/^two streams from one$/m);
      // Its OS user may not ask systemd to start it, as the script says.
      expect(await told()).toEqual({ one: agreed("writes"), two: { ...agreed("follows"), systemd: "failed" } });
      expect(await problemsOf("two")).toEqual(["outsideUnit"]);
      declare({ primary: "one" });
      await site.up();
      await noChange();
      await sh("two", `${made.programs}/pg_ctl -D ${made.dataDirectory} -m fast stop >/dev/null`, "postgres");
      await sh("two", `systemctl start ${made.unit}`);
      await expectAgreed("writes", "follows");
      expect([await problemsOf("one"), await problemsOf("two")]).toEqual([[], []]);
      expect(await site.query("one", "select application_name from pg_stat_replication")).toBe(streamsAs);
    });

    it("is seeded again after the standby's data were removed", async () => {
      await sh("two", `${kill}; sleep 1; rm -rf ${made.dataDirectory}`);
      await site.up();
      await expectAgreed("writes", "follows");
      await noChange();
      expect([await encrypts("one"), await encrypts("two")]).toEqual(["TLSv1.3", "TLSv1.3"]);
      expect(await site.query("two", "select count(*) from kept")).toBe("500");
    });
  },
);
