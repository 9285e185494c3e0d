import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Site } from "../../config/site.js";
import { renderPassfile } from "../../postgres/files/passfile.js";
import { bundled } from "../support/bundled.js";
import { binDirectory, HostSite } from "../support/hostSite.js";
import { whyNoHosts } from "../support/multihost.js";

const why = whyNoHosts();
const space = "/srv/aside";
const passwords = { dbadmin: "adm1n secret", replicator: "repl secret" };

/** The argument lists of the programs of that name that run at the moment. */
function running(program: string): readonly (readonly string[])[] {
  return readdirSync("/proc").flatMap((pid) => {
    try {
      const argv = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
      return argv[0] === program ? [argv] : [];
    } catch {
      return [];
    }
  });
}

/** On hosts of their own, whose pg_hba.conf lets the administrator in from its own host alone: so pg_rewind of another host needs pgsite's way. */
describe.skipIf(why !== undefined)(
  `a rejoin between two hosts, with a tablespace${why ? ` (${why})` : ""}`,
  { timeout: 90_000 },
  () => {
    let site: HostSite;
    let folder: string;

    beforeAll(async () => {
      folder = mkdtempSync("/tmp/pgsite-rejoin-");
      await bundled("rejoinProgram", folder);
      site = await HostSite.make(["server2", "server3"], passwords);
      await site.makePrimary(10);
      for (const host of site.net.hosts) await host.must(["install", "-d", "-o", "postgres", "-m", "700", space]);
      await site.query("server2", `create tablespace aside location '${space}'`);
      await site.query("server2", "create table far tablespace aside as select generate_series(1, 20000) as n");
      const { code, said } = await site.seed("server3", { method: "tar" });
      if (code !== 0) throw new Error(said.join("\n"));
      const entries = ["server2", "server3"].map((name) => site.server(name));
      const lines = renderPassfile(
        entries.map(({ address, port }) => ({
          host: address,
          port,
          database: "*",
          user: "replicator",
          password: passwords.replicator,
        })),
      );
      for (const { name, passfile } of entries) {
        const argv = ["su", "-s", "/bin/sh", "-c", `umask 077; cat >'${passfile}'`, "postgres"];
        await site.host(name).must(argv, { input: lines });
      }
      // Each may be the other's upstream.
      for (const { name, dataDirectory } of entries) {
        const rules = entries
          .map(({ address }) => `host replication replicator ${address}/32 scram-sha-256\n`)
          .join("");
        await site.asOwner(name, `printf '${rules.replaceAll("\n", "\\n")}' >>'${dataDirectory}/pg_hba.conf'`);
      }
      await site.query("server2", "select pg_reload_conf()");
      await site.start("server3");
    }, 120_000);

    afterAll(async () => {
      await site?.close();
      rmSync(folder, { recursive: true, force: true });
    }, 60_000);

    /** The standby is promoted, both write, and the old primary rejoins. Returns what was said. */
    async function rejoins(old: string, next: string, timeline: number, more: Partial<Site> = {}): Promise<string> {
      const { dataDirectory } = site.server(next);
      await expect
        .poll(() => site.query(old, "select state from pg_stat_replication"), { timeout: 20_000 })
        .toBe("streaming");
      await site.asOwner(next, `${binDirectory}/pg_ctl -D '${dataDirectory}' -w promote`);
      for (const [name, n] of [
        [next, -1],
        [old, -2],
      ] as const) {
        await site.query(name, `insert into filler select ${n}, '${name}' from generate_series(1, 100)`);
        await site.query(name, `insert into far select ${n} from generate_series(1, 1000)`);
      }
      const history = `cat '${dataDirectory}/pg_wal/0000000${timeline + 1}.history'`;
      const at = (await site.asOwner(next, history)).trim().split("\n").at(-1)?.split("\t")[1] ?? "";
      const fork = { timeline, primary: next, primaryTimeline: timeline + 1, at, end: "writes", recovers: false };
      const file = join(folder, "order.json");
      writeFileSync(file, JSON.stringify({ site: { ...site.site, ...more }, passwords, fork }), { mode: 0o600 });
      const { control } = site.net;
      const [program, ...args] = control.argv([process.execPath, join(folder, "rejoinProgram.cjs"), file, old]);
      const { stdout, stderr } = await execa(program as string, args, { env: control.env, reject: false });
      return `${stdout}\n${stderr}`;
    }

    /** With the files that the rollout would install. */
    async function expectStreams(old: string, next: string): Promise<void> {
      const [own, upstream] = [site.server(old), site.server(next)];
      const conninfo = `host=${upstream.address} port=${upstream.port} user=replicator passfile=''${own.passfile}'' application_name=${old}`;
      const copied = await site.asOwner(next, `cat '${upstream.dataDirectory}/postgresql.conf'`);
      const put = async (name: string, input: string) =>
        site
          .host(old)
          .must(["su", "-s", "/bin/sh", "-c", `cat >'${own.dataDirectory}/${name}'`, "postgres"], { input });
      await put("postgresql.conf", `${copied}\nprimary_conninfo = '${conninfo}'\n`);
      await put("pg_hba.conf", await site.asOwner(next, `cat '${upstream.dataDirectory}/pg_hba.conf'`));
      await site.start(old);
      await expect
        .poll(() => site.query(next, "select application_name, state from pg_stat_replication"), { timeout: 20_000 })
        .toBe(`${old}|streaming`);
      const content = "select count(*), sum(n) from filler union all select count(*), sum(n) from far";
      const wanted = await site.query(next, content);
      await expect.poll(() => site.query(old, content), { timeout: 20_000 }).toBe(wanted);
      expect(
        await site.query(old, "select (select count(*) from filler where n = -2) + count(*) from far where n = -2"),
      ).toBe("0");
      const kept = (await site.asOwner(old, `ls -d '${own.dataDirectory}'.diverged-*Z`)).trim();
      expect(kept.split("\n")).toHaveLength(1);
      expect(await alone(old, kept)).toBe("1000");
      expect(await site.asOwner(old, `ls -A '${own.controlDirectory}'`)).not.toMatch(/rejoin/);
    }

    /** How many rows of its own a server's kept data have in the tablespace, which is kept with them and nowhere else. */
    async function alone(name: string, kept: string): Promise<string> {
      const files = await site.asOwner(name, `find -L '${kept}/pg_tblspc' -type f -path '*/PG_15_*' | wc -l`);
      expect(Number(files)).toBeGreaterThan(0);
      const leads = await site.asOwner(name, `readlink -f '${kept}'/pg_tblspc/*`);
      expect(leads.trim()).toMatch(new RegExp(`^${kept}/pgsite.tablespaces/\\d+$`));
      const sql = "select count(*) from far where n = -2";
      const single = `${binDirectory}/postgres --single -D "$copy" postgres`;
      // A copy of them, so that what is kept stays what it was.
      const script = `copy=$(mktemp -d) && cp -a '${kept}/.' "$copy" && rm -f "$copy/standby.signal" && echo '${sql}' | ${single}; rm -rf "$copy"`;
      return /count = "(\d+)"/.exec(await site.asOwner(name, script))?.[1] ?? "";
    }

    it("by pg_rewind, whose session comes from the machine that runs pgsite", async () => {
      const said = await rejoins("server2", "server3", 1);
      expect(said).toMatch(/planned pg_rewind\n[\s\S]*done pg_rewind\n/);
      await expectStreams("server2", "server3");
    });

    it("by a delta copy, straight from host to host, no faster than the stack says, and says how far it is", async () => {
      await site.trust("server3", "server2");
      await site.host("server3").must(["mv", `${binDirectory}/pg_rewind`, `${binDirectory}/pg_rewind.away`]);
      const limits = new Set<string>();
      const looking = setInterval(() => {
        for (const argv of running("rsync")) limits.add(argv.find((one) => one.startsWith("--bwlimit")) ?? "none");
      }, 50);
      const rateLimit = 4 * 1024 * 1024;
      const said = await rejoins("server3", "server2", 2, { baseBackup: { method: "auto", rateLimit } }).finally(() =>
        clearInterval(looking),
      );
      expect(said).toMatch(/planned delta copy\n[\s\S]*done delta copy\n/);
      expect(said).toMatch(/^kept 0 B of .*\n(kept .*\n)*kept (.*) of \2 \(100 %\)/m);
      expect(said).toMatch(/^copied (.*) of \1 \(100 %\)/m);
      expect([...limits]).toContain("--bwlimit=4096");
      await expectStreams("server3", "server2");
    });
  },
);
