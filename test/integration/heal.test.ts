import {
  appendFileSync,
  chmodSync,
  existsSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { triesAll } from "../support/everyRun.js";
import { LocalSite } from "../support/localSite.js";

const nothingToDo = /Resources:\n {4}\d+ unchanged\n/;
const readerPassword = "reader's own";

function describeSite(folder: string) {
  return {
    access: ["host science reader 127.0.0.1/32 scram-sha-256"],
    roles: { reader: { connectionLimit: 7 } },
    databases: { science: { owner: "reader" } },
    initdb: { encoding: "LATIN1", dataChecksums: false },
    synchronous: { servers: ["server3"] },
    archiving: { archiveCommand: `cp %p ${folder}/%f`, restoreCommand: `cp ${folder}/%f %p` },
  };
}

describe("a running site that somebody changed by hand", { timeout: 60_000 }, () => {
  let site: LocalSite;
  let archive: string;

  beforeAll(async () => {
    site = await LocalSite.make({ major: "17", block: 62, passwords: { reader: readerPassword } });
    archive = join(site.folder, "archive");
    await site.host().makeDirectory(archive);
    site.declare(describeSite(archive));
    await site.up();
  }, 120_000);

  afterAll(() => site?.remove());

  const data = (server: string, name: string) => join(site.dataDirectory(server), name);
  const startedAt = async (server: string) =>
    (await site.query(server, "select extract(epoch from pg_postmaster_start_time()) as at"))[0]?.at ?? "";
  const one = async (server: string, sql: string) => Object.values((await site.query(server, sql))[0] ?? {})[0];

  /** What the preview said is done by one up, after which there is nothing left to do. */
  async function healed(): Promise<string> {
    const said = await site.up();
    expect(await site.preview()).toMatch(nothingToDo);
    return said;
  }

  it("was made as declared: encoding and checksums, synchronous replication, archive and restore", async () => {
    const cluster =
      "select pg_encoding_to_char(encoding) as encoding, current_setting('data_checksums') as checksums from pg_database where datname = 'science'";
    expect(await site.query("server2", cluster)).toEqual([{ encoding: "LATIN1", checksums: "off" }]);
    expect(await one("server2", "select sync_state from pg_stat_replication")).toBe("sync");
    expect(await one("server3", "show restore_command")).toBe(`cp ${archive}/%f %p`);
    const segment = (await one("server2", "select pg_walfile_name(pg_current_wal_lsn())")) ?? "";
    await site.query("server2", ["create table filled (n int)", "select pg_switch_wal()"]);
    await expect.poll(() => existsSync(join(archive, segment)), { timeout: 10_000 }).toBe(true);
    expect(await site.preview()).toMatch(nothingToDo);
  });

  it("in files, modes, roles and databases: each shown with what is and what shall be, no value of a secret, and healed", async () => {
    appendFileSync(data("server2", "postgresql.conf"), "work_mem = '64MB'\n");
    appendFileSync(data("server3", "pg_hba.conf"), "host all all 0.0.0.0/0 trust\n");
    chmodSync(data("server3", "postgresql.conf"), 0o644);
    const passfile = join(site.controlDirectory("server3"), "passfile");
    const declared = readFileSync(passfile, "utf8");
    writeFileSync(passfile, declared.replace("repl1cator", "s0mething-else"));
    chmodSync(passfile, 0o640);
    await site.query("server2", [
      "alter role reader superuser connection limit 3 password 'byhand-byhand'",
      "alter database science owner to postgres",
    ]);
    const owner = site.host().user;
    const before = [await startedAt("server2"), await startedAt("server3")];
    const shown = await site.preview();
    for (const line of [
      "- work_mem = '64MB'",
      "- host all all 0.0.0.0/0 trust",
      `~ postgresql.conf: "0644 ${owner}" => "0600 ${owner}"`,
      '"0640" => "0600"',
      "superuser: true => false",
      "connectionLimit: 3 => 7",
      'passwordIs: "another" => "as declared"',
      'owner: "postgres" => "reader"',
      `the content of ${passfile} on server3 is another than declared (secret, so not shown): install`,
    ]) {
      expect(shown.replace(/ +(?=:)/g, "")).toContain(line);
    }
    const said = await healed();
    for (const secret of ["s0mething-else", "repl1cator", "byhand-byhand", readerPassword]) {
      expect(shown + said).not.toContain(secret);
    }
    expect(readFileSync(passfile, "utf8")).toBe(declared);
    expect(statSync(passfile).mode & 0o777).toBe(0o600);
    expect(statSync(data("server3", "postgresql.conf")).mode & 0o777).toBe(0o600);
    expect(await site.query("server2", "select 1 as one", { user: "reader", database: "science" })).toEqual([
      { one: "1" },
    ]);
    expect([await startedAt("server2"), await startedAt("server3")]).toEqual(before);
  });

  it("in a verifier that takes minutes to compute with: nobody waits for it, it is said, and another takes its place; in a preview without --diff, a setting by the rollout's plan", async () => {
    appendFileSync(data("server2", "postgresql.conf"), "work_mem = '64MB'\n");
    const { stdout, stderr } = await site.sandbox.must(["preview", "--stack", "site"]);
    expect(stdout + stderr).toContain("1. server2: reload (work_mem 64MB → 4MB)");
    const keys = `${"A".repeat(43)}=`;
    const verifier = `SCRAM-SHA-256$999999999:${"A".repeat(22)}==$${keys}:${keys}`;
    // ALTER ROLE computes with it too, to find out whether it is that of no password.
    await site.query("server2", `update pg_authid set rolpassword = '${verifier}' where rolname = 'reader'`);
    const began = Date.now();
    const shown = await site.preview();
    expect(Date.now() - began).toBeLessThan(30_000);
    expect(shown).toContain(
      "the password of role reader is not known to be as declared (its verifier has more iterations",
    );
    expect(shown).toContain('passwordIs: "not known" => "as declared"');
    await healed();
    expect(await one("server2", "select rolpassword from pg_authid where rolname = 'reader'")).toMatch(/\$4096:/);
  });

  it("in what makes a standby: a removed standby.signal and another primary_conninfo are shown and put back", async () => {
    const file = data("server3", "postgresql.conf");
    writeFileSync(file, readFileSync(file, "utf8").replace("user=replicator", "user=somebody"));
    rmSync(data("server3", "standby.signal"));
    const shown = await site.preview();
    expect(shown).toMatch(/- primary_conninfo = .*user=somebody/);
    expect(shown).toMatch(/\+ primary_conninfo = .*user=replicator/);
    expect(shown).toContain("standby.signal");
    await healed();
    expect(existsSync(data("server3", "standby.signal"))).toBe(true);
    expect(await one("server2", "select state from pg_stat_replication")).toBe("streaming");
  });

  it("whose servers were stopped, or lost their postmaster by kill -9: said, and started again", async () => {
    await site.stop("server3");
    expect(await site.preview()).toContain("1. server3: start (stopped)");
    await healed();
    await site.stop("server2", "SIGKILL");
    await site.stop("server3", "SIGKILL");
    const shown = await site.preview();
    expect(shown).toContain("1. server2: start (stopped)");
    expect(shown).toContain("2. server3: start (stopped)");
    await healed();
    expect(await one("server2", "select state from pg_stat_replication")).toBe("streaming");
  });

  // Under the real engine in every run: provider/site.test.ts.
  it.runIf(triesAll())(
    "whose standby's data directory was removed: said in the preview, and seeded again by the next up",
    async () => {
      await site.stop("server3", "SIGQUIT");
      renameSync(site.dataDirectory("server3"), join(site.folder, "lost"));
      expect(await site.preview()).toContain("server3: the data directory is gone: seed again");
      expect(await healed()).toContain("server3 has a base backup of server2");
      expect(await one("server2", "select sync_state from pg_stat_replication")).toBe("sync");
    },
  );

  it("with a server that hangs: the preview of the others goes on, and ends in time", async () => {
    const conf = data("server2", "postgresql.conf");
    const before = readFileSync(conf, "utf8");
    appendFileSync(conf, "work_mem = '64MB'\n");
    const pid = site.postmaster("server3") as number;
    process.kill(pid, "SIGSTOP");
    try {
      const began = Date.now();
      expect(await site.preview()).toContain("- work_mem = '64MB'");
      expect(Date.now() - began).toBeLessThan(30_000);
    } finally {
      process.kill(pid, "SIGCONT");
      writeFileSync(conf, before);
    }
  });

  it("with another work_mem in its stack reloads, and nothing restarts", async () => {
    const before = [await startedAt("server2"), await startedAt("server3")];
    site.declare({ ...describeSite(archive), settings: { work_mem: "5MB" } });
    const shown = await site.preview();
    for (const server of ["server2", "server3"]) expect(shown).toContain(`${server}: reload (work_mem 4MB → 5MB)`);
    await healed();
    await expect.poll(() => one("server3", "show work_mem")).toBe("5MB");
    expect([await startedAt("server2"), await startedAt("server3")]).toEqual(before);
  });

  // In every run: provider/site.test.ts, rolloutOrder.test.ts.
  it.runIf(triesAll())(
    "with more connections in its stack restarts in the order that the preview said: the standby first",
    async () => {
      site.declare({ ...describeSite(archive), settings: { work_mem: "5MB", max_connections: 40 } });
      expect(await site.preview()).toContain(
        "1. server3: restart (max_connections 30 → 40)\n2. server2: restart (max_connections 30 → 40)",
      );
      const before = await startedAt("server2");
      await healed();
      expect(await one("server3", "show max_connections")).toBe("40");
      expect(Number(await startedAt("server3"))).toBeGreaterThan(Number(before));
      expect(Number(await startedAt("server2"))).toBeGreaterThan(Number(await startedAt("server3")));
    },
  );
});

describe.runIf(triesAll())("a site of a version with recovery.conf", { timeout: 60_000 }, () => {
  let site: LocalSite;

  beforeAll(async () => {
    site = await LocalSite.make({ major: "11", block: 63 });
    await site.up();
  }, 120_000);

  afterAll(() => site?.remove());

  it("shows what was changed in recovery.conf line by line, and puts it back", async () => {
    const file = join(site.dataDirectory("server3"), "recovery.conf");
    const declared = readFileSync(file, "utf8");
    writeFileSync(file, declared.replace("user=replicator", "user=somebody"));
    const shown = await site.preview();
    expect(shown).toMatch(/- primary_conninfo = .*user=somebody/);
    expect(shown).toMatch(/\+ primary_conninfo = .*user=replicator/);
    await site.up();
    expect(readFileSync(file, "utf8")).toBe(declared);
    expect(await site.query("server2", "select state from pg_stat_replication")).toEqual([{ state: "streaming" }]);
    expect(await site.preview()).toMatch(nothingToDo);
  });
});
