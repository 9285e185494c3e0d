import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { control, data, MomentumHosts, whyNoMomentum } from "../support/momentumHosts.js";
import { sayNfs } from "../support/multihost/nfs.js";

const why = whyNoMomentum(["/lib/systemd/systemd"]);
const isElsewhere = new RegExp(
  `this is ${data} on mta, and the database is known to be in ${data} on momentum: it exists once`,
);

/**
 * A copy of momentum's data on another host of its own: refused there by hand, by the service, and at boot, whatever the database's
 * own host does meanwhile.
 */
describe.skipIf(why !== undefined).each(["sysv", "systemd"] as const)(
  `a database that exists once, on two hosts with %s${why ? ` (${why})` : ""}`,
  { timeout: 300_000 },
  (init) => {
    let site: MomentumHosts;

    beforeAll(async () => {
      site = await MomentumHosts.make({ init });
    }, 120_000);
    afterAll(async () => {
      await site?.remove();
    }, 60_000);

    it("is refused where its disk is NFS, by the preview and by the up, and nothing is made there", async () => {
      const nfs = await sayNfs(site.host, "/var/db");
      expect(await site.shell("stat -f -c %T /var/db")).toBe("nfs\n");
      for (const act of [["preview"], ["up", "--yes", "--skip-preview"]]) {
        const { code, said } = await site.pulumi(...act);
        expect([code === 0, said]).toEqual([false, expect.stringContaining(`${data} lies on NFS`)]);
      }
      expect(await site.shell("ls -A /var/db")).toBe("");
      await nfs.mend();
      await site.up();
      await site.query("create table kept as select generate_series(1, 1000) as n");
      // Somebody mounts NFS over it later: an unchanged preview does not look, the preflight does.
      const later = await sayNfs(site.host, "/var/db");
      const { code, said } = await site.pgsite("preflight");
      await later.mend();
      expect([code === 0, said]).toEqual([false, expect.stringContaining(`${data} lies on NFS`)]);
      expect(await site.preview()).toMatch(/Resources:\n {4}\d+ unchanged\n/);
    });

    /** All that the service goes by, as whoever clones a disk has it. */
    async function copied(): Promise<void> {
      expect((await site.service("stop")).code).toBe(0);
      const what = init === "systemd" ? "etc/systemd/system/msyspg.service" : "etc/init.d/msyspg";
      const archive = await site.shell(`tar -C / -cf - var/db/msyspg var/db/msyspg.pgsite ${what} | base64`);
      await site.mta.must(["sh", "-c", "base64 -d | tar -C / -xpf -"], { input: archive, seconds: 120 });
      await site.shell(
        init === "systemd"
          ? "ln -s ../msyspg.service /etc/systemd/system/multi-user.target.wants/msyspg.service; systemctl daemon-reload"
          : "for level in 3 4 5; do ln -s ../init.d/msyspg /etc/rc$level.d/S64msyspg; done",
        site.mta,
      );
    }

    const runsThere = async () =>
      (await site.mta.run(["pgrep", "-u", "msyspg", "-f", "postgres"])).stdout.trim() !== "";

    /** What its service has said there since it was started last. */
    async function saidThere(): Promise<string> {
      return init === "systemd"
        ? site.shell(`cat ${control}/start.log`, site.mta)
        : site.shell("cat /var/log/boot.log", site.mta);
    }

    it("does not start from a copy on another host: by the guard, by the service, at boot; by name", async () => {
      await copied();
      const guard = `${control}/runbook/guard`;
      const { code, stderr } = await site.mta.run(["su", "-s", "/bin/sh", "-c", guard, "msyspg"]);
      expect([code, stderr]).toEqual([3, expect.stringMatching(isElsewhere)]);
      await site.shell(`: >${control}/start.log`, site.mta);
      const started = await site.service("start", site.mta);
      // systemd has started what it was told to, which has ended by itself; the script waits, and says it.
      if (init === "sysv") expect([started.code, started.stderr]).toEqual([1, expect.stringMatching(isElsewhere)]);
      else await expect.poll(saidThere, { timeout: 20_000 }).toMatch(isElsewhere);
      expect(await runsThere()).toBe(false);
      // Its own host is down meanwhile, and comes back.
      expect((await site.service("start")).code).toBe(0);
      for (const isUp of [true, false]) {
        if (!isUp) await site.host.powerCut();
        await site.shell(`: >/var/log/boot.log; : >${control}/start.log`, site.mta);
        await site.reboot(site.mta);
        await expect.poll(saidThere, { timeout: 30_000, interval: 300 }).toMatch(isElsewhere);
        expect(await runsThere()).toBe(false);
      }
      await site.host.boot();
      site.net.control.know(site.net.hosts);
      await site.net.control.closeConnections();
      await expect.poll(() => site.answers(), { timeout: 30_000, interval: 300 }).toBe(true);
      expect(await site.query("select count(*) from kept")).toBe("1000");
    });

    it("is not brought there by the stack either: data that are another place's are refused by both", async () => {
      const address = site.mta.address;
      await site.shell("mkdir -p /opt/msys", site.mta);
      site.alter([["hosts", "momentum"], address]);
      for (const act of [["preview"], ["up", "--yes"]]) {
        const { code, said } = await site.pulumi(...act);
        expect([code === 0, said]).toEqual([
          false,
          expect.stringMatching(/database is known to be in \/var\/db\/msyspg on momentum: it exists once/),
        ]);
      }
      expect(await runsThere()).toBe(false);
      site.alter([["hosts", "momentum"], site.host.address]);
      expect(await site.preview()).toMatch(/Resources:\n {4}\d+ unchanged\n/);
    });
  },
);
