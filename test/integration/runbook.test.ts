import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { renderScript } from "../../installed/service/script.js";
import { LocalSite, serverUser } from "../support/localSite.js";
import { runs, until } from "../support/processes.js";
import { Writer } from "../support/writer.js";

const binaries = "/usr/lib/postgresql/15/bin";
const why = existsSync(join(binaries, "psql")) ? undefined : "Debian's postgresql-15 is not here";
const names = ["server2", "server3", "des10"];
const nothingOnServers = /^ +[~+-].*(?:DataDirectory|ServerConfiguration|HostFile|Command|Service):/m;

/** The night at 3 a.m., with psql, pg_basebackup and pg_rewind on the hosts, and pulumi in the morning. */
describe.skipIf(why !== undefined)(`the runbook on a site${why ? ` (${why})` : ""}`, { timeout: 120_000 }, () => {
  let site: LocalSite;
  let writer: Writer;

  beforeAll(async () => {
    const servers = { des10: { role: "mirror" } };
    site = await LocalSite.make({
      major: "15",
      block: 176,
      servers: names,
      description: { binaries, servers, settings: { wal_retrieve_retry_interval: "100ms" } },
    });
    await site.up();
    const places = names.slice(0, 2).map((name) => ({ address: site.address(name), port: 5442 }));
    writer = await Writer.start(places, { user: "postgres", password: site.passwords.postgres ?? "" });
  }, 120_000);

  afterAll(async () => {
    await writer?.stop();
    await site?.remove();
  }, 60_000);

  const script = (server: string, name: string) => join(site.controlDirectory(server), "runbook", name);
  const run = async (server: string, name: string, ...words: readonly string[]) => {
    const { code, stdout, stderr } = await site.host().run([script(server, name), ...words], { timeout: 120_000 });
    return { code, said: `${stdout}${stderr}` };
  };
  const streams = async (server: string) => {
    const rows = await site.query(server, "select application_name as name, state from pg_stat_replication order by 1");
    return rows.map(({ name, state }) => `${name} ${state}`);
  };
  /** Of all that a role decides, and of the runbook: inode, time, size. */
  const files = () =>
    Object.fromEntries(
      names.flatMap((name) => {
        const data = site.dataDirectory(name);
        const own = ["postgresql.conf", "pg_hba.conf", "postgresql.auto.conf", "standby.signal", "postmaster.pid"];
        const runbook = join(site.controlDirectory(name), "runbook");
        const paths = [...own.map((one) => join(data, one)), ...readdirSync(runbook).map((one) => join(runbook, one))];
        return [...paths, join(site.controlDirectory(name), "passfile")].map((path) => {
          if (!existsSync(path)) return [path, "none"];
          const { ino, mtimeMs, size, mode } = statSync(path);
          return [path, `${ino} ${mtimeMs} ${size} ${mode.toString(8)}`];
        });
      }),
    );
  const dry = async (server: string, name: string, ...words: readonly string[]) => {
    const before = [files(), readdirSync(join(site.folder, server)), readdirSync(site.dataDirectory(server))];
    const done = await run(server, name, "--dry-run", ...words);
    expect([files(), readdirSync(join(site.folder, server)), readdirSync(site.dataDirectory(server))]).toEqual(before);
    return done;
  };
  /** By hand, past the guard. */
  const start = async (server: string, log: string) => {
    const argv = [join(binaries, "pg_ctl"), "start", "-w", "-l", log, "-D", site.dataDirectory(server)];
    const { code, stdout, stderr } = await site.host().run(argv);
    expect(code, stdout + stderr).toBe(0);
  };
  const killed = async (server: string) => {
    const pid = site.postmaster(server);
    if (pid === undefined) throw new Error(`${server} does not run`);
    const { stdout } = await execa("ps", ["-o", "pid=", "--ppid", `${pid}`], { reject: false });
    const all = [
      pid,
      ...stdout
        .split("\n")
        .map(Number)
        .filter((one) => one > 0),
    ];
    for (const one of all) {
      try {
        process.kill(one, "SIGKILL");
      } catch {
        // It ended meanwhile.
      }
    }
    await until(`the end of ${server}`, () => all.every((one) => !runs(one)));
  };

  it("came with the passfile, for its owner alone, and the preview shows what was changed", async () => {
    for (const server of names) {
      const folder = join(site.controlDirectory(server), "runbook");
      expect(statSync(folder).mode & 0o777).toBe(0o700);
      const modes = readdirSync(folder).map((name) => [name, (statSync(join(folder, name)).mode & 0o777).toString(8)]);
      expect(Object.fromEntries(modes)).toEqual({
        ...{ failover: "700", guard: "700", rejoin: "700", repoint: "700" },
        ...{
          "common.sh": "600",
          "lives.sh": "600",
          "older.sh": "600",
          "stream.awk": "600",
          messages: "600",
          peers: "600",
          settings: "600",
        },
      });
      expect(readFileSync(join(folder, "peers"), "utf8")).not.toContain(site.passwords.replicator);
    }
    writeFileSync(script("des10", "guard"), "#!/bin/sh\n");
    const said = await site.preview();
    expect(said).toContain(`the content of ${script("des10", "guard")} on des10 is another than declared: install`);
    await site.up();
    expect(readFileSync(script("des10", "guard"), "utf8")).toBe(readFileSync(script("server3", "guard"), "utf8"));
  });

  it("fails over from a primary that was killed, to a standby that streamed until then", async () => {
    // So that it cannot have received more in the last moment: then it would be the one to promote.
    await site.stop("des10");
    await writer.until(50);
    await killed("server2");
    await start("des10", join(site.controlDirectory("des10"), "start.log"));
    const rehearsed = await dry("server3", "failover");
    expect(rehearsed).toEqual({ code: 0, said: expect.stringContaining("would promote server3") });
    const { code, said } = await run("server3", "failover");
    expect(said).toContain("server3 takes writes, on timeline 2");
    expect(readFileSync(join(site.controlDirectory("server3"), "roles.log"), "utf8")).toMatch(
      /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\tpromoted\tserver2\n$/,
    );
    expect(said).toMatch(/des10 \(\S+\) has received up to \S+, no more than server3/);
    expect(said).toContain("pgsite:servers: { server2: { lost: true } }");
    expect(code).toBe(0);
    await writer.until(20);
  });

  it("keeps the old primary from starting beside the new one, and says so in its log and in the preview", async () => {
    const user = await serverUser();
    const facts = {
      ...{ name: "orders", site: "orders", server: "server2", user, runLevels: [], socketFolders: [] },
      dataDirectory: site.dataDirectory("server2"),
      controlDirectory: site.controlDirectory("server2"),
      binDirectory: binaries,
      passfile: join(site.controlDirectory("server2"), "passfile"),
    };
    const service = join(site.folder, "service");
    writeFileSync(service, renderScript(facts), { mode: 0o755 });
    // As after a reboot: on some machines nobody collects what was killed, and pg_ctl takes that for the server.
    const lockFile = join(site.dataDirectory("server2"), "postmaster.pid");
    writeFileSync(lockFile, readFileSync(lockFile, "utf8").replace(/^\d+/, "4194000"));
    const started = await execa(service, ["start"], { reject: false });
    const refused =
      /server2 does not start: (server3|des10) \(127\.0\.176\.\d:5442\) is on timeline 2 and this data on 1: it was superseded/;
    expect(started.stderr).toMatch(refused);
    expect(started.exitCode).toBe(1);
    expect(site.postmaster("server2")).toBeUndefined();
    expect(readFileSync(join(site.controlDirectory("server2"), "start.log"), "utf8")).toMatch(refused);
    const said = await site.preview();
    expect(said).toMatch(
      /server2: the server is stopped \(its last start was refused: (server3|des10) \(\S+\) is on timeline 2 and this data on 1: it was superseded/,
    );
    const { stdout } = await execa(process.execPath, ["dist/pgsite.js", "status", "--stack", "site"], {
      cwd: site.sandbox.program,
      env: site.sandbox.env,
      extendEnv: false,
      reject: false,
    });
    expect(stdout.replaceAll(/\s+/g, " ")).toContain("its last start was refused");
  });

  it("repoints the mirror, and has the old primary rejoin", async () => {
    const mirror = await run("des10", "repoint", "server3");
    expect(mirror).toEqual({ code: 0, said: expect.stringMatching(/^des10 streams from server3$/m) });
    await dry("server2", "rejoin", "server3");
    const back = await run("server2", "rejoin", "server3");
    expect(back).toEqual({ code: 0, said: expect.stringMatching(/^server2 streams from server3/m) });
    expect(await streams("server3")).toEqual(["des10 streaming", "server2 streaming"]);
    const roles = (server: string) => readFileSync(join(site.controlDirectory(server), "roles.log"), "utf8");
    expect([roles("des10"), roles("server2")].map((text) => text.replace(/^\S+/, "TIME"))).toEqual([
      "TIME\tfollows\tserver3\n",
      "TIME\trejoined\tserver3\n",
    ]);
  });

  it("shows in the preview who takes writes, and the line that adopts it; adopting it changes nothing on the servers", async () => {
    expect(await site.preview()).toContain(
      "server3: role is primary (it takes writes), declared a standby of server2; if it is meant to be the primary, declare pgsite:primary: server3",
    );
    site.declare({ primary: "server3" });
    const before = files();
    const said = await site.up();
    expect(said).not.toMatch(nothingOnServers);
    expect(files()).toEqual(before);
    expect(await site.preview()).toMatch(/Resources:\n {4}\d+ unchanged\n/);
  });

  it("keeps rows of a primary that went on by itself aside, and rewinds or copies the rest", async () => {
    await writer.stop();
    // server2 is promoted behind the back of server3, and both write.
    await site.query("server3", "create table common (word text)");
    await site.stop("server3");
    expect((await run("server2", "failover")).code).toBe(0);
    expect((await run("des10", "repoint", "server2")).code).toBe(0);
    await site.query("server2", "insert into common values ('new')");
    await start("server3", join(site.controlDirectory("server3"), "start.log"));
    for (let tries = 0; ; tries++) {
      const done = await site.query("server3", "insert into common values ('alone')").catch((error) => error);
      if (!(done instanceof Error)) break;
      if (tries > 50) throw done;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    const password = site.passwords.postgres ?? "";
    const source = `host=${site.address("server2")} port=5442 user=postgres dbname=postgres passfile=${site.folder}/pgpass`;
    await site.host().writeFile(join(site.folder, "pgpass"), `*:*:*:postgres:${password}\n`);
    const rehearsed = await dry("server3", "rejoin", "--stop", "--source-server", source, "server2");
    expect(rehearsed).toEqual({
      code: 0,
      said: expect.stringContaining("would rewind server3 to server2 (pg_rewind)"),
    });
    const { code, said } = await run("server3", "rejoin", "--stop", "--source-server", source, "server2");
    expect(said).toMatch(/^server3 streams from server2; what it alone had is in \S+\.diverged-\d{8}T\d{6}Z$/m);
    expect(code).toBe(0);
    const [aside = ""] = readdirSync(join(site.folder, "server3")).filter((name) => name.includes(".diverged-"));
    expect(readFileSync(join(site.folder, "server3", aside, "README.pgsite"), "utf8")).toContain(
      "timeline 2, which server2 left at",
    );
    const words = async () => (await site.query("server3", "select word from common")).map(({ word }) => word);
    expect(await words()).toEqual(["new"]);

    // The same by a base backup, which the replication role may.
    await site.stop("server2");
    expect((await run("server3", "failover")).code).toBe(0);
    expect((await run("des10", "repoint", "server3")).code).toBe(0);
    await start("server2", "/dev/null");
    const copied = await run("server2", "rejoin", "--stop", "server3");
    expect(copied.said).toMatch(/^server2 streams from server3; what it alone had is in \S+\.diverged-/m);
    expect(copied.code).toBe(0);
    const before = files();
    await site.up();
    expect(files()).toEqual(before);
  });

  it("refuses to promote a standby that was disconnected before, until that is accepted", async () => {
    const access = join(site.dataDirectory("server3"), "pg_hba.conf");
    const rules = readFileSync(access, "utf8");
    writeFileSync(access, rules.replaceAll(/^.*\breplication\b.*$/gm, ""));
    await site.query("server3", [
      "select pg_reload_conf()",
      "select pg_sleep(0.5)",
      "select pg_terminate_backend(pid) from pg_stat_replication",
      "insert into common values ('unseen')",
    ]);
    const log = join(site.controlDirectory("server2"), "start.log");
    await until("the refusal in the standby's log", () => readFileSync(log, "utf8").includes("no pg_hba.conf entry"));
    await killed("server3");
    const { code, said } = await run("server2", "failover");
    expect(said).toMatch(
      /^failover: refused: server2 had lost its stream before server3 was lost: ".*no pg_hba\.conf entry.*"; to go on all the same, say --accept-data-loss\. Nothing was changed$/m,
    );
    expect(code).toBe(3);
    expect((await dry("server2", "failover", "--accept-data-loss")).code).toBe(0);
    const accepted = await run("server2", "failover", "--accept-data-loss");
    expect(accepted.said).toContain("accepted: server2 had lost its stream before server3 was lost");
    expect(accepted.code).toBe(0);
    expect((await site.query("server2", "select word from common")).map(({ word }) => word)).toEqual(["new"]);
  });
});
