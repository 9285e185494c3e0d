import { existsSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DistributionSite } from "../support/distributionSite.js";
import { pgdgTree } from "../support/handMadeLayouts.js";
import { whyNoHosts } from "../support/multihost.js";

/*
 * Layouts that the suite has no time for: what Red Hat's family and Arch have, on trees of the test's own (this machine's programs
 * under their names, and units in our words), and Debian's where no systemd runs.
 */

const needs = ["/usr/bin/pg_ctlcluster", "/usr/lib/postgresql/15/bin/postgres", "/lib/systemd/systemd"];
const why = whyNoHosts() ?? needs.flatMap((path) => (existsSync(path) ? [] : [`not installed: ${path}`]))[0];

const none = "rm -rf /etc/postgresql/* /var/lib/postgresql/15/main*; chown postgres: /etc/postgresql";

const pgdg = `${none}
${pgdgTree}`;

const arch = `${none}
for program in /usr/lib/postgresql/15/bin/*; do ln -sf "$program" /usr/bin/; done
install -d -o postgres -m 0700 /var/lib/postgres
rm -f /etc/systemd/system/postgresql.service
cat >/usr/lib/systemd/system/postgresql.service <<'UNIT'
[Unit]
Description=A database server as Arch starts it
[Service]
Type=notify
TimeoutSec=120
User=postgres
Group=postgres
Environment=PGROOT=/var/lib/postgres
ExecStart=/usr/bin/postgres -D \${PGROOT}/data
ExecReload=/bin/kill -HUP $MAINPID
KillMode=mixed
KillSignal=SIGINT
[Install]
WantedBy=multi-user.target
UNIT
systemctl daemon-reload`;

const debian = `rm -rf /etc/postgresql/* /var/lib/postgresql/15/main* /var/log/postgresql/*
chown postgres: /var/lib/postgresql /etc/postgresql
chgrp postgres /var/log/postgresql && chmod 1775 /var/log/postgresql
ln -sf ../init.d/postgresql /etc/rc3.d/S01postgresql`;

const rows = [
  { layout: "pgdg", init: "systemd", prepare: pgdg, unit: "postgresql-15", data: "/var/lib/pgsql/15/data" },
  { layout: "arch", init: "systemd", prepare: arch, unit: "postgresql", data: "/var/lib/postgres/data" },
  { layout: "debian", init: "sysv", prepare: debian, unit: undefined, data: "/var/lib/postgresql/15/main" },
] as const;

describe.skipIf(why !== undefined).each(rows)(
  `servers in the layout $layout under $init${why ? ` (${why})` : ""}`,
  { timeout: 400_000 },
  ({ layout, init, prepare, unit, data }) => {
    let site: DistributionSite;

    beforeAll(async () => {
      site = await DistributionSite.make({ stackFile: { layout }, init, prepare });
      await site.up();
    }, 300_000);

    afterAll(() => site?.remove(), 60_000);

    /** Whether a server runs, by whoever the host has to say so, and by that one's tools for Debian's clusters. */
    const runs = async (server: string) => {
      const host = site.host(server);
      if (unit !== undefined) {
        const [active, pid, own] = await Promise.all([
          host.run(["systemctl", "is-active", unit]),
          host.must(["systemctl", "show", "-P", "MainPID", unit]),
          host.run(["head", "-n", "1", `${data}/postmaster.pid`]),
        ]);
        return `${active.stdout.trim()}, ${pid.trim() === own.stdout.trim() ? "as pgsite sees it" : "another process"}`;
      }
      const list = (await host.must(["pg_lsclusters", "-h"])).trim().split(/ +/)[3];
      const [status, script] = await Promise.all([
        host.run(["pg_ctlcluster", "15", "main", "status"]),
        host.run([`/etc/init.d/postgresql-${server}`, "status"]),
      ]);
      return `${list?.split(",")[0]}, ${status.code}, ${script.code}`;
    };
    const up = unit === undefined ? "online, 0, 0" : "active, as pgsite sees it";
    const down = unit === undefined ? "down, 3, 3" : "failed, another process";
    const role = (server: string) => site.query(server, "select pg_is_in_recovery()");
    const expectUp = async (primary: string, standby: string) => {
      expect([await runs(primary), await runs(standby)]).toEqual([up, up]);
      expect([await role(primary), await role(standby)]).toEqual(["f", "t"]);
    };

    it("run by what their distribution has, and a preview finds no difference", async () => {
      await expectUp("one", "two");
      expect(await site.preview()).toMatch(/Resources:\n {4}\d+ unchanged\n/);
      expect(await site.query("one", "show data_directory")).toBe(data);
    });

    it("hand over under a writer without a row lost, there and back", async () => {
      const writer = site.startWriter();
      try {
        site.declare({ primary: "two" });
        await site.up();
        await expectUp("two", "one");
        site.declare({});
        await site.up();
      } finally {
        await writer.stop();
      }
      await expectUp("one", "two");
      const there = new Set((await site.query("one", "select number from written")).split("\n").map(Number));
      expect(writer.acknowledged.length).toBeGreaterThan(10);
      expect(writer.acknowledged.filter((number) => !there.has(number))).toEqual([]);
    });

    it("come back with their host, but a primary that was superseded, which rejoins", async () => {
      await site.host("one").powerCut();
      site.declare({ primary: "two", servers: { one: { lost: true, acceptDataLoss: true }, two: {} } });
      await site.up();
      await site.host("one").boot();
      site.net.control.know(site.net.hosts);
      await site.net.control.closeConnections();
      await expect.poll(() => runs("one"), { timeout: 60_000 }).toBe(down);
      site.declare({ primary: "two" });
      await site.up();
      await expectUp("two", "one");
      await site.host("one").powerCut();
      await site.host("one").boot();
      site.net.control.know(site.net.hosts);
      await site.net.control.closeConnections();
      await expect.poll(() => runs("one"), { timeout: 60_000 }).toBe(up);
    });

    it("are seeded again after their data were removed", async () => {
      const gone = `pid=$(head -n 1 ${data}/postmaster.pid); kill -9 "$pid"; sleep 1; rm -rf ${data}`;
      await site.host("one").must(["sh", "-c", gone]);
      site.declare({ primary: "two" });
      await site.up();
      await expectUp("two", "one");
      expect(await site.preview()).toMatch(/Resources:\n {4}\d+ unchanged\n/);
    });
  },
);
