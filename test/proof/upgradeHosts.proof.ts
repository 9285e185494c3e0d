import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { binaries, control, data, MomentumHosts, type Version, whyNoMomentum } from "../support/momentumHosts.js";
import type { Change } from "../support/remoteSite.js";

const why = whyNoMomentum(["/lib/systemd/systemd"]);
const programs = { "17": "17", "18": "18" } as const;

/** All that the application has, but for what is written meanwhile. */
const digest = "select count(*) || md5(string_agg(t::text, '|' order by id)) from webconsole.kept t";
const noDefer: Change = [["upgrade", "defer"], undefined];
const steps = ["web console and manager", "MTAs"];

interface Variant {
  readonly name: string;
  readonly init: "sysv" | "systemd";
  readonly changes?: readonly Change[];
  /** Where its postgresql.conf is. */
  readonly configuration?: string;
  readonly log?: string;
  /** All acts, or one way there and back. */
  readonly whole: boolean;
}

const variants: readonly Variant[] = [
  { name: "System V, run levels 3, 4, 5", init: "sysv", whole: true },
  { name: "systemd", init: "systemd", whole: true },
  {
    name: "configuration apart",
    init: "sysv",
    changes: [[["servers", "msyspg", "configurationDirectory"], "/etc/msyspg"]],
    configuration: "/etc/msyspg",
    whole: false,
  },
  {
    name: "logs in /var/log/postgresql",
    init: "sysv",
    changes: [[["settings", "log_directory"], "/var/log/postgresql"]],
    log: "/var/log/postgresql",
    whole: false,
  },
];

/** The seconds that a preview says nobody is served for. */
function downtimeSaid(preview: string): string {
  return /nobody is served for about ([^,]+),/.exec(preview)?.[1] ?? "nothing";
}

/** A clock of this minute in UTC, so many hours on. */
function clock(hours: number): string {
  return new Date(Date.now() + hours * 3600_000).toISOString().slice(11, 16);
}

describe.skipIf(why !== undefined).each(variants)(
  `momentum on a host that is reached by SSH: $name${why ? ` (${why})` : ""}`,
  { timeout: 900_000 },
  ({ init, changes = [], configuration, log, whole }) => {
    let site: MomentumHosts;
    let kept: string;

    beforeAll(async () => {
      // By pg_upgrade: what is deferred has a proof of its own.
      site = await MomentumHosts.make({ init, changes: [noDefer, ...changes] });
      if (log !== undefined) await site.shell(`install -d -o msyspg -m 700 ${log}`);
      await site.up();
      await site.query(`create table webconsole.kept as select i as id, md5(i::text) as word, repeat('x', 800) as filler from generate_series(1, 60000) i;
        alter table webconsole.kept add primary key (id)`);
      kept = await site.query(digest);
    }, 300_000);
    afterAll(async () => {
      await site?.remove();
    }, 60_000);

    const unchanged = async () => expect(await site.preview()).toMatch(/Resources:\n {4}\d+ unchanged\n/);

    /** The service, and whatever boots the host, start these programs on these data. */
    async function startsBy(version: Version): Promise<void> {
      const isIt = async () => {
        await expect.poll(() => site.answers(), { timeout: 30_000, interval: 200 }).toBe(true);
        expect(await site.running()).toEqual({ version: programs[version], program: await site.realBinaries(version) });
        expect(await site.query(digest)).toBe(kept);
      };
      await isIt();
      const stopped = await site.service("stop");
      expect(stopped.code, stopped.stderr).toBe(0);
      expect(await site.answers()).toBe(false);
      const started = await site.service("start");
      expect(started.code, started.stderr).toBe(0);
      await isIt();
      await site.reboot();
      await isIt();
      const path = init === "systemd" ? "/etc/systemd/system/msyspg.service" : "/etc/init.d/msyspg";
      const folders = [binaries(version), await site.realBinaries(version)];
      const service = await site.shell(`cat ${path}`);
      expect(
        folders.some((folder) => service.includes(`${folder}/pg_ctl`) || service.includes(`${folder}/postgres`)),
      ).toBe(true);
      expect(await site.shell(`grep -c . ${configuration ?? data}/postgresql.conf`)).not.toBe("0\n");
      if (log !== undefined)
        expect(await site.superuser("select pg_current_logfile()")).toMatch(new RegExp(`^${log}/`));
    }

    /** The guard of one instance knows a copy of the data on the same host. */
    async function refusesCopy(): Promise<void> {
      const copy = "/var/db/copy";
      await site.shell(`cp -a ${data} ${copy} && cp -a ${control} ${copy}.pgsite`);
      const guard = `su -s /bin/sh msyspg -c ${copy}.pgsite/runbook/guard`;
      const { code, stderr } = await site.host.run(["sh", "-c", guard]);
      await site.shell(`rm -rf ${copy} ${copy}.pgsite`);
      expect([code, stderr]).toEqual([3, expect.stringContaining(`was copied from ${control}/runbook`)]);
    }

    /** One `up` to 18 under a writer on another host. */
    async function upgraded(): Promise<void> {
      site.declare("18");
      const preview = await site.preview();
      expect(preview).toContain("the upgrade of msyspg: PostgreSQL 17 → 18:");
      expect(preview).toContain("the clusters are compatible");
      await site.beginWriting();
      const before = await site.backups();
      const up = await site.up();
      const written = await site.endWriting();
      expect(await site.missing(written)).toEqual([]);
      const made = await site.backups();
      expect(made.length).toBe(before.length + 1);
      expect(up).toContain(`the backup before the upgrade of msyspg is ${made.at(-1)}`);
      // Whoever restores it, by the programs of now, finds it good.
      const drill = await site.pgsite("drill");
      expect(drill.code, drill.said).toBe(0);
      const [seen, rows] = [(written.longestGap / 1000).toFixed(1), written.acknowledged.length];
      console.log(`downtime said: ${downtimeSaid(preview)}; seen by the writer: ${seen} s; ${rows} rows, none lost`);
    }

    it("is as the guide says", async () => {
      expect(await site.shell(`stat -c '%U %a' ${data} ${control}`)).toBe("msyspg 700\nmsyspg 700\n");
      // Root's, as on any machine: the OS user may neither make nor rename anything in it.
      expect(await site.shell("stat -c '%U %a' /var/db")).toBe("root 755\n");
      const who = "select current_user || ' ' || usesuper from pg_user where usesysid = 10";
      expect(await site.superuser(who)).toBe("msyspg true");
      const method =
        "select distinct auth_method from pg_hba_file_rules where type = 'local' and user_name = '{msyspg}'";
      expect(await site.superuser(method)).toBe("peer");
      if (init === "sysv") {
        const links = [0, 1, 2, 3, 4, 5, 6].map((at) => `rc${at}.d/${at > 2 && at < 6 ? "S64" : "K36"}msyspg`);
        expect((await site.shell("cd /etc && ls -d rc?.d/*msyspg")).trim().split("\n")).toEqual(links);
      }
      await unchanged();
    });

    it.runIf(whole)("is not upgraded outside of its window: the preview says when that opens", async () => {
      const closed = { from: clock(2), until: clock(3), timeZone: "UTC" };
      site.declare("18", [["upgrade", "window"], closed]);
      const opens = new RegExp(`outside of the window .*the next opens .*${closed.from}`);
      expect(await site.preview()).toMatch(opens);
      const { code, said } = await site.pulumi("up", "--yes", "--skip-preview");
      expect([code === 0, said]).toEqual([false, expect.stringMatching(opens)]);
      expect(await site.running()).toMatchObject({ version: "17" });
    });

    it.runIf(whole)(
      "is refused by a host on which pgsite cannot be root, in whose folder nobody may rename",
      async () => {
        const rules = await site.shell("cat /etc/sudoers.d/pgsite");
        await site.shell("echo 'admin ALL=(msyspg) NOPASSWD: /bin/sh' >/etc/sudoers.d/pgsite");
        await site.forgetLogins();
        site.declare("18");
        const { code, said } = await site.pulumi("preview", "--diff");
        await site.host.must(["sh", "-c", "cat >/etc/sudoers.d/pgsite"], { input: rules });
        await site.forgetLogins();
        expect(code).not.toBe(0);
        expect(said).toContain("/var/db is not msyspg's to write");
        expect(said).toContain("chown msyspg /var/db");
      },
    );

    it("is upgraded by one up: first a backup, nothing acknowledged is lost, and the service starts the new programs", async () => {
      await upgraded();
      await startsBy("18");
      await refusesCopy();
    });

    it("goes back, what was written since is saved, and the service starts the old programs", async () => {
      const { code, said } = await site.pgsite("upgrade", "rollback", "--yes", "--save", "/var/db/msyspg.saved");
      // In a folder of root's that user makes nothing either: the command says so, and 18 runs on.
      expect([code, said]).toEqual([1, expect.stringMatching(/msyspg\.saved/)]);
      expect(await site.running()).toMatchObject({ version: "18" });
      await site.shell("install -d -o msyspg -m 700 /var/db/msyspg.saved");
      const back = await site.pgsite("upgrade", "rollback", "--yes", "--save", "/var/db/msyspg.saved");
      expect(back.code, back.said).toBe(0);
      expect(await site.shell("ls /var/db/msyspg.saved")).toContain("ecelerity.dump");
      await startsBy("17");
      expect(await site.running()).toMatchObject({ version: "17" });
      site.declare("17");
      await site.up();
      await unchanged();
      await startsBy("17");
      await refusesCopy();
    });

    it("is upgraded again, and committed; the preview is clean", async () => {
      site.declare("18");
      for (const act of [["preview"], ["up", "--yes", "--skip-preview"]]) {
        const refused = await site.pulumi(...act);
        const left = expect.stringContaining("rm -rf /var/db/msyspg.version-18");
        expect([refused.code === 0, refused.said]).toEqual([false, left]);
      }
      await site.shell("rm -rf /var/db/msyspg.version-18");
      await upgraded();
      for (const step of steps) {
        const { code, said } = await site.pgsite("upgrade", "after", "--confirm", step);
        expect(code, said).toBe(0);
      }
      const { code, said } = await site.pgsite("upgrade", "commit", "--yes");
      expect(code, said).toBe(0);
      expect((await site.shell("ls /var/db")).trim().split("\n")).toEqual(
        expect.not.arrayContaining([expect.stringContaining("version-")]),
      );
      await startsBy("18");
      await unchanged();
    });
  },
);
