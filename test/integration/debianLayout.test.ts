import { existsSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { DistributionSite } from "../support/distributionSite.js";
import { triesAll } from "../support/everyRun.js";
import { whyNoHosts } from "../support/multihost.js";

const needs = ["/usr/bin/pg_ctlcluster", "/usr/lib/postgresql/15/bin/postgres", "/lib/systemd/systemd"];
const why = whyNoHosts() ?? needs.flatMap((path) => (existsSync(path) ? [] : [`not installed: ${path}`]))[0];

/** A host as Debian's packages leave it, without a cluster; the test's systemd has its unit masked. */
const prepare = `rm -rf /etc/postgresql/* /var/lib/postgresql/15/main* /var/log/postgresql/* /etc/systemd/system/postgresql.service
chown postgres: /var/lib/postgresql /etc/postgresql
chgrp postgres /var/log/postgresql && chmod 1775 /var/log/postgresql
systemctl daemon-reload`;

describe.skipIf(why !== undefined)(
  `new servers in Debian's layout${why ? ` (${why})` : ""}`,
  { timeout: 240_000 },
  () => {
    let site: DistributionSite;

    beforeAll(async () => {
      site = await DistributionSite.make({ stackFile: { layout: "debian" }, init: "systemd", prepare });
      await site.up();
    }, 300_000);

    afterAll(() => site?.remove(), 60_000);

    /** What Debian's tools and systemd say of a server. */
    const told = async (server: string) => {
      const host = site.host(server);
      const [list, active, status] = await Promise.all([
        host.must(["pg_lsclusters", "-h"]),
        host.run(["systemctl", "is-active", "postgresql@15-main"]),
        host.run(["pg_ctlcluster", "15", "main", "status"]),
      ]);
      return [list.trim().split(/ +/).slice(0, 4).join(" "), active.stdout.trim(), `${status.code}`].join("; ");
    };
    const runs = { primary: "15 main 5432 online; active; 0", standby: "15 main 5432 online,recovery; active; 0" };
    const expectTold = async (expected: Readonly<Record<string, string>>) =>
      expect(
        Object.fromEntries(await Promise.all(Object.keys(expected).map(async (name) => [name, await told(name)]))),
      ).toEqual(expected);

    it("are what Debian's tools and systemd say, with files where these look, and a preview without a difference", async () => {
      await expectTold({ one: runs.primary, two: runs.standby });
      const looks = "cd /etc/postgresql/15/main && stat -c '%a %U %n' * && ls /var/lib/postgresql/15/main | grep conf";
      expect((await site.host("two").must(["sh", "-c", looks])).trim().split("\n")).toEqual([
        "755 postgres conf.d",
        "644 postgres environment",
        "644 postgres pg_ctl.conf",
        "640 postgres pg_hba.conf",
        "640 postgres pg_ident.conf",
        "644 postgres postgresql.conf",
        "644 postgres start.conf",
        "postgresql.auto.conf",
      ]);
      expect(await site.preview()).toMatch(/Resources:\n {4}\d+ unchanged\n/);
      expect((await site.pgsite(["status"])).stderr).toBe("");
    });

    it("are restarted by their unit, and hand over under a writer without a row lost, there and back", async () => {
      site.declare({ settings: { max_connections: 120 } });
      await site.up();
      expect(await site.query("two", "show max_connections")).toBe("120");
      await expectTold({ one: runs.primary, two: runs.standby });
      const writer = site.startWriter();
      try {
        site.declare({ settings: { max_connections: 120 }, primary: "two" });
        await site.up();
        await expectTold({ one: runs.standby, two: runs.primary });
        site.declare({ settings: { max_connections: 120 } });
        await site.up();
      } finally {
        await writer.stop();
      }
      await expectTold({ one: runs.primary, two: runs.standby });
      const there = new Set((await site.query("one", "select number from written")).split("\n").map(Number));
      expect(writer.acknowledged.length).toBeGreaterThan(10);
      expect(writer.acknowledged.filter((number) => !there.has(number))).toEqual([]);
    });

    it.runIf(triesAll())(
      "come back with their host, but a primary that was superseded, until it has rejoined",
      async () => {
        await site.host("one").powerCut();
        site.declare({ primary: "two", servers: { one: { lost: true, acceptDataLoss: true }, two: {} } });
        await site.up();
        await site.query("two", "create table after_the_failover ()");
        await site.host("one").boot();
        site.net.control.know(site.net.hosts);
        await site.net.control.closeConnections();
        await vi.waitFor(async () => expect(await told("one")).toBe("15 main 5432 down; failed; 3"), 30_000);
        // By hand, it says why.
        expect((await site.host("one").run(["pg_ctlcluster", "15", "main", "start"])).code).not.toBe(0);
        const log = await site.host("one").must(["cat", "/var/lib/postgresql/15/main.pgsite/start.log"]);
        expect(log).toMatch(/one does not start: two .* is on timeline \d+ and this data on \d+: it was superseded/);
        site.declare({ primary: "two" });
        await site.up();
        await expectTold({ one: runs.standby, two: runs.primary });
        await vi.waitFor(async () =>
          expect(await site.query("one", "select count(*) from after_the_failover")).toBe("0"),
        );
      },
    );

    it.runIf(triesAll())("are seeded again after their data and their configuration were removed", async () => {
      await site.host("one").must(["pg_dropcluster", "--stop", "15", "main"]);
      site.declare({ primary: "two" });
      await site.up();
      await expectTold({ one: runs.standby, two: runs.primary });
      expect(await site.preview()).toMatch(/Resources:\n {4}\d+ unchanged\n/);
    });
  },
);
