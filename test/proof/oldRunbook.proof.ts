// The runbook, and the guide's own words, at versions that no registry has: `PGSITE_OLD_SERVERS=FOLDER npm run proof -- oldRunbook`.
import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { hostOf } from "../../hosts/index.js";
import { atLeast } from "../../postgres/versions.js";
import { killServer } from "../support/kill.js";
import { atOldServers, type OldServer } from "../support/oldServers.js";
import { ran } from "../support/ran.js";
import { quick, type RolloutDeclaration, RolloutSite } from "../support/rolloutSite.js";
import { actsIn, declaredFiles, installRunbooks, runScript } from "../support/siteRunbook.js";

const { wal_retrieve_retry_interval: _since95, max_replication_slots: _since94, ...settings } = quick;
/** The guide's: a warm standby with a trigger file, and a hot one far away. */
const declaration: RolloutDeclaration = {
  settings,
  servers: {
    server2: { dataDirectory: "/raid2/sispi_db" },
    server3: { dataDirectory: "/raid3/sispi_db", settings: { trigger_file: "/raid3/trigger", hot_standby: "off" } },
    des10: { dataDirectory: "/raid1/db", role: "mirror", settings: { hot_standby: "on" } },
  },
};

/** Asks until it is so; what fails is not so yet. */
async function until(what: string, holds: () => Promise<boolean> | boolean): Promise<void> {
  const asked = async () => {
    if (!(await holds())) throw new Error(`this was waited for in vain: ${what}`);
  };
  await vi.waitFor(asked, { timeout: 30_000, interval: 200 });
}

const words = async (site: RolloutSite, server: string) =>
  (await site.query(server, "select word from written")).map(({ word }) => word).toSorted();
const write = (site: RolloutSite, server: string, word: string) =>
  site.query(server, `insert into written values ('${word}')`);
const replayed = (site: RolloutSite, server: string, word: string) =>
  until(`${word} on ${server}`, async () => (await words(site, server)).includes(word));
const begun = async ({ major, bin }: OldServer, block: number) => {
  const site = await RolloutSite.make(major, block, declaration, bin);
  try {
    await installRunbooks(site, declaration);
    await site.query("server2", "create table written (word text)");
    await write(site, "server2", "before");
    await replayed(site, "des10", "before");
  } catch (error) {
    await site.close();
    throw error;
  }
  return site;
};
/** Past the guard, as a hand does; what `~/.pgpass` is to the guide's servers is the passfile to these. */
const start = async (site: RolloutSite, name: string, { bin }: OldServer) => {
  const { host, dataDirectory, controlDirectory, passfile } = site.server(name);
  const argv = [
    "env",
    `PGPASSFILE=${passfile}`,
    join(bin, "pg_ctl"),
    "start",
    "-D",
    dataDirectory,
    "-l",
    join(controlDirectory, "start.log"),
  ];
  const { code, stderr } = await hostOf(host).run(argv);
  expect(code, stderr).toBe(0);
};
/** It takes queries. */
const answers = (site: RolloutSite, name: string) =>
  until(`${name} to answer`, async () => (await site.query(name, "select 1")).length === 1);
const adopted = async (site: RolloutSite) => {
  site.declare({ ...declaration, primary: "server3" });
  expect(await site.differences()).toEqual([]);
  const before = declaredFiles(site);
  await site.up();
  expect(declaredFiles(site)).toEqual(before);
};

atOldServers("the runbook", (old) => {
  const follows = atLeast(old.major, "9.3");
  describe("of the guide's site", { timeout: 300_000 }, () => {
    let site: RolloutSite;
    const run = (server: string, script: string, ...more: readonly string[]) =>
      runScript(site, server, script, ...more);
    /** A dry run first: it changes nothing, and promises what is done then. */
    const both = async (server: string, script: string, ...more: readonly string[]) => {
      const before = declaredFiles(site);
      const rehearsed = await run(server, script, "--dry-run", ...more);
      expect(rehearsed.code, rehearsed.said).toBe(0);
      expect(declaredFiles(site)).toEqual(before);
      const done = await run(server, script, ...more);
      expect(done.code, done.said).toBe(0);
      expect(actsIn(rehearsed.said)).toEqual(actsIn(done.said));
      return done.said;
    };
    const asideOf = (server: string) => {
      const { dataDirectory } = site.server(server);
      const parent = join(dataDirectory, "..");
      return readdirSync(parent).flatMap((name) => (name.includes(".diverged-") ? [join(parent, name)] : []));
    };

    beforeAll(async () => {
      site = await begun(old, 250);
    }, 200_000);
    afterAll(() => site?.close(), 60_000);

    it("lets the primary start beside standbys that say no more than that they are", async () => {
      const { code, said } = await run("server2", "guard", "--dry-run");
      expect([code, said]).toEqual([0, ""]);
    });

    it("does not fail over from a primary that answers", async () => {
      const { code, said } = await run("server3", "failover");
      expect(said).toMatch(/refused: server2 \(\S+\) answers\. A living primary is handed over by a switchover/);
      expect(code).toBe(3);
    });

    it("fails over from one that was killed", async () => {
      await killServer(site.server("server2"));
      await until(
        "the end of the stream",
        async () => !(await run("server3", "failover", "--dry-run")).said.includes("still holds its stream"),
      );
      const said = await both("server3", "failover");
      expect(said).toMatch(/server3 has received up to \S+\/\S+; its stream was ended by the other end: "FATAL: /);
      if (old.major !== "9.1") expect(said).toMatch(/des10 \(\S+\) has received up to \S+, no more than server3/);
      expect(said).toContain("server3 takes writes, on timeline 2");
      await write(site, "server3", "after");
    });

    it("has the mirror follow, by a copy where it cannot otherwise", async () => {
      if (!follows) {
        const { code, said } = await run("des10", "repoint", "server3");
        expect(said).toMatch(
          /refused: server3 \(\S+\) is on timeline 2 and des10 on 1: before 9\.3 .*rejoin server3 copies it anew/,
        );
        expect(code).toBe(3);
      }
      const said = await both("des10", follows ? "repoint" : "rejoin", "server3");
      expect(said).toMatch(/^des10 streams from server3/m);
      await replayed(site, "des10", "after");
    });

    it("keeps the old primary down, and says what makes it a standby", async () => {
      const { code, said } = await run("server2", "guard");
      expect(said).toMatch(
        /^server2 does not start: server3 \(\S+\) is on timeline 2 and this data on 1: it was superseded; make it a standby: pulumi up, or \S+\/rejoin NAME/,
      );
      expect(said.includes("copies it anew")).toBe(!follows);
      expect(code).toBe(3);
    });

    it("has the old primary rejoin, what it wrote alone kept aside", async () => {
      await start(site, "server2", old);
      await answers(site, "server2");
      await write(site, "server2", "alone");
      const said = await both("server2", "rejoin", "--stop", "server3");
      expect(said).toMatch(/^server2 streams from server3; what it alone had is in \S+\.diverged-/m);
      const [aside = ""] = asideOf("server2");
      expect(readFileSync(join(aside, "README.pgsite"), "utf8")).toContain("timeline 1, which server3 left");
      await write(site, "server3", "at last");
      await replayed(site, "des10", "at last");
    });

    it("leaves what pgsite declares: adopted without a change", async () => {
      await adopted(site);
      expect(await words(site, "des10")).toEqual(["after", "at last", "before"]);
      ran(old, "runbook", !follows);
    });

    it("brings back a mirror that was started without what makes it one", async () => {
      const { dataDirectory, socketFolder } = {
        ...site.server("des10"),
        socketFolder: join(site.folder, "server3", "run"),
      };
      await site.stop("des10");
      renameSync(join(dataDirectory, "recovery.conf"), join(dataDirectory, "recovery.old"));
      await start(site, "des10", old);
      await answers(site, "des10");
      await write(site, "des10", "by mistake");
      const refused = await run("des10", "rejoin", "--stop", "server3");
      expect(refused.said).toMatch(
        /is on timeline 2 like des10: nobody has taken over\. .*--copy keeps aside what it has/,
      );
      expect(refused.code).toBe(3);
      // Of its own primary nobody makes a standby of a standby.
      const wrong = await run(
        "server3",
        "rejoin",
        "--stop",
        "--copy",
        "--source-server",
        `host=${join(site.folder, "server2", "run")} user=postgres dbname=postgres`,
        "server2",
      );
      expect([wrong.code, wrong.said]).toEqual([3, expect.stringContaining("refused: ")]);
      const source = ["--source-server", `host=${socketFolder} user=postgres dbname=postgres`];
      const said = await both("des10", "rejoin", "--stop", "--copy", ...source, "server3");
      expect(said).toMatch(/^des10 streams from server3; what it alone had is in /m);
      await write(site, "server3", "again");
      await replayed(site, "des10", "again");
      expect(await words(site, "des10")).not.toContain("by mistake");
    });
  });
});

atOldServers("the guide's own words", (old) => {
  const follows = atLeast(old.major, "9.3");
  describe("by hand", { timeout: 300_000 }, () => {
    let site: RolloutSite;
    beforeAll(async () => {
      site = await begun(old, 252);
    }, 200_000);
    afterAll(() => site?.close(), 60_000);

    /** A file of recovery.conf's lines, to follow server3. */
    const recovery = (text: string, name: string) =>
      text
        .replaceAll(/host=\S+/g, `host=${site.server("server3").address}`)
        .replaceAll(/application_name=\w+/g, `application_name=${name}`)
        .replace(/^trigger_file = .*\n/m, "");

    /** pg_start_backup, a copy with what is its own left in place, pg_stop_backup. */
    const seedAgain = async (name: string) => {
      const [from, to] = ["server3", name].map((one) => site.server(one).dataDirectory) as [string, string];
      await site.query("server3", "select pg_start_backup('by hand', true)");
      const kept = [
        "postmaster.pid",
        "postmaster.opts",
        "recovery.conf",
        "recovery.done",
        "postgresql.conf",
        "pg_hba.conf",
      ];
      const argv = [
        "rsync",
        "-a",
        "--delete",
        "--ignore-times",
        ...[...kept, "pg_ident.conf", "pg_xlog"].map((one) => `--exclude=/${one}`),
        `${from}/`,
        `${to}/`,
      ];
      const copied = await hostOf(site.server(name).host).run(argv);
      expect([0, 24], copied.stderr).toContain(copied.code);
      await site.query("server3", "select pg_stop_backup()");
      const wal = await hostOf(site.server(name).host).run([
        "rsync",
        "-a",
        "--delete",
        `${from}/pg_xlog/`,
        `${to}/pg_xlog/`,
      ]);
      expect(wal.code, wal.stderr).toBe(0);
    };

    it("fails over by the trigger file, is joined again, and is adopted without a change", async () => {
      const { dataDirectory, files } = site.server("server3");
      const rendered = files["recovery.conf"] ?? "";
      await killServer(site.server("server2"));
      writeFileSync(join(dataDirectory, "..", "trigger"), "");
      await until("server3 to take writes", () => existsSync(join(dataDirectory, "recovery.done")));
      await answers(site, "server3");
      await write(site, "server3", "after");
      // With the old one lost, before anybody has seen to it.
      const lost = { ...declaration.servers.server2, lost: true };
      site.declare({ ...declaration, servers: { ...declaration.servers, server2: lost }, primary: "server3" });
      expect((await site.preview()).join("\n")).not.toMatch(/move (them|it|these|what|the data)? ?away/);
      site.declare(declaration);

      await site.stop("des10");
      if (!follows) await seedAgain("des10");
      const mirror = join(site.server("des10").dataDirectory, "recovery.conf");
      writeFileSync(mirror, recovery(readFileSync(mirror, "utf8"), "des10"));
      await start(site, "des10", old);
      await replayed(site, "des10", "after");

      await seedAgain("server2");
      const { dataDirectory: second } = site.server("server2");
      const made = join(second, "recovery.conf");
      await hostOf(site.server("server2").host).writeFile(made, recovery(rendered, "server2"));
      await start(site, "server2", old);
      await write(site, "server3", "at last");
      await replayed(site, "des10", "at last");
      await until("both to stream", async () => (await streams(site)) === 2);

      // What a hand leaves beside: recovery.done, and a file that says the same in other words. Nobody is restarted for it.
      site.declare({ ...declaration, primary: "server3" });
      for (const line of await site.preview())
        expect(line).toMatch(/: install \((text of recovery\.conf|recovery\.done must not be there)\)$/);
      const ids = postmasters(site);
      await site.up();
      expect(postmasters(site)).toEqual(ids);
      await adopted(site);
      ran(old, "byHand", !follows);
    });
  });
});

const postmasters = (site: RolloutSite) =>
  site.site.servers.map(({ dataDirectory }) => readFileSync(join(dataDirectory, "postmaster.pid"), "utf8"));

/** How many stream from server3, by the titles of its walsenders. */
async function streams(site: RolloutSite): Promise<number> {
  const { dataDirectory } = site.server("server3");
  const pid = readFileSync(join(dataDirectory, "postmaster.pid"), "utf8").split("\n")[0];
  const { stdout } = await hostOf(site.server("server3").host).run(["ps", "-o", "args=", "--ppid", `${pid}`]);
  return stdout.split("\n").filter((line) => /wal sender process .* streaming /.test(line)).length;
}
