import { existsSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { handMadeLayouts } from "../support/handMadeLayouts.js";
import { Life } from "../support/life.js";
import { whyNoHosts } from "../support/multihost.js";

/* A primary and a standby that were made by hand in their distribution's layout, from the import to the end of their life. */

const needs = ["/usr/bin/pg_ctlcluster", "/usr/lib/postgresql/15/bin/postgres", "/lib/systemd/systemd"];
const why = whyNoHosts() ?? needs.flatMap((path) => (existsSync(path) ? [] : [`not installed: ${path}`]))[0];

describe.skipIf(why !== undefined).each(Object.values(handMadeLayouts))(
  `a site made by hand in the layout $layout${why ? ` (${why})` : ""}`,
  { timeout: 400_000 },
  (made) => {
    let life: Life;
    /** The name by which the hand-made standby streams. */
    let streamsAs: string;

    beforeAll(async () => {
      life = await Life.begin(made);
    }, 300_000);

    afterAll(() => life?.end(), 60_000);

    const senders = () => life.site.query("one", "select application_name from pg_stat_replication");
    const started = () =>
      Promise.all(["one", "two"].map((server) => life.site.query(server, "select pg_postmaster_start_time()")));

    it("is imported as it is, and the first preview shows no difference", async () => {
      const { site, said } = life;
      for (const line of [`pgsite:layout: ${made.layout}`, "work_mem: 8MB # conf.d/10-memory.conf line 2"]) {
        expect(site.stackFile).toContain(line);
      }
      expect(site.stackFile).not.toContain("binaries");
      expect(said).toContain(`${made.unit}.service, its distribution's`);
      streamsAs = await senders();
      const before = await started();
      const look = `cd ${made.configuration} && cat postgresql.conf pg_hba.conf conf.d/*`;
      const files = await life.sh("two", look);
      await site.up();
      await life.expectNoChange();
      await life.expectAgreed("writes", "follows");
      expect(await life.sh("two", look)).toBe(files);
      expect(await started()).toEqual(before);
    });

    it("is restarted by its distribution's unit, also while pgsite adds nothing to that", async () => {
      const settings = { ...life.imported("settings"), max_connections: 40, log_line_prefix: "%m [%p] %b " };
      life.declare({ settings });
      await life.site.up();
      await life.expectNoChange();
      expect(await life.site.query("two", "show max_connections")).toBe("40");
      expect(await life.sh("two", `cat ${made.configuration}/conf.d/10-memory.conf`)).toContain(
        "max_connections = '40'",
      );
      await life.expectAgreed("writes", "follows");
      await life.expectEncrypted();
    });

    it("has the guard before each start once the stack file leaves that to pgsite", async () => {
      life.declare({ service: { manager: "auto" } });
      await life.site.up();
      await life.expectNoChange();
      expect(await life.sh("one", `systemctl cat ${made.unit}`)).toContain(
        `${made.dataDirectory}.pgsite/runbook/guard`,
      );
      await life.expectAgreed("writes", "follows");
    });

    it("hands over under a writer without a row lost, there and back", async () => {
      const writer = life.site.startWriter();
      try {
        life.declare({ primary: "two" });
        await life.site.up();
        await life.expectAgreed("follows", "writes");
        life.declare({ primary: "one" });
        await life.site.up();
      } finally {
        await writer.stop();
      }
      await life.expectAgreed("writes", "follows");
      await life.expectNoChange();
      const there = new Set((await life.site.query("one", "select number from written")).split("\n").map(Number));
      expect(writer.acknowledged.length).toBeGreaterThan(10);
      expect(writer.acknowledged.filter((number) => !there.has(number))).toEqual([]);
      await life.expectEncrypted();
    });

    it("has its standby take over when the primary is killed, which then rejoins", async () => {
      await life.kill("one");
      await life.expectAgreed("is down", "follows");
      const servers = life.imported("servers");
      life.declare({
        primary: "two",
        servers: { ...servers, one: { ...servers.one, lost: true, acceptDataLoss: true } },
      });
      await life.site.up();
      expect((await life.told()).two).toEqual(life.agreed("writes"));
      life.declare({ servers });
      await life.site.up();
      await life.expectAgreed("follows", "writes");
      await life.expectNoChange();
    });

    it("has its standby take over by the runbook, without Pulumi, and the primary rejoin", async () => {
      const runbook = `${made.dataDirectory}.pgsite/runbook`;
      await life.kill("two");
      expect(await life.sh("one", `${runbook}/failover`, "postgres")).toMatch(/^one takes writes, on timeline \d+$/m);
      expect(await life.sh("two", `${runbook}/rejoin one`, "postgres")).toMatch(/^two streams from one$/m);
      expect(await senders()).toBe(streamsAs);
      // Its OS user may not ask systemd to start it, as the script says.
      expect(await life.told()).toEqual({
        one: life.agreed("writes"),
        two: { ...life.agreed("follows"), systemd: "failed" },
      });
      expect(await life.problemsOf("two")).toEqual(["outsideUnit", "primaryInRecovery"]);
      life.declare({ primary: "one" });
      await life.site.up();
      await life.expectNoChange();
      await life.sh("two", `${made.programs}/pg_ctl -D ${made.dataDirectory} -m fast stop >/dev/null`, "postgres");
      await life.sh("two", `systemctl start ${made.unit}`);
      await life.expectAgreed("writes", "follows");
      expect([await life.problemsOf("one"), await life.problemsOf("two")]).toEqual([[], []]);
    });

    it("is seeded again after the standby's data were removed", async () => {
      await life.kill("two");
      await life.sh("two", `rm -rf ${made.dataDirectory}`);
      await life.site.up();
      await life.expectAgreed("writes", "follows");
      await life.expectNoChange();
      await life.expectEncrypted();
      expect(await life.site.query("two", "select count(*) from kept")).toBe("500");
      expect(await senders()).toBe(streamsAs);
    });
  },
);
