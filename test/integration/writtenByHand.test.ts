import { execFile } from "node:child_process";
import { appendFileSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkout } from "../../toolchain/paths.mjs";
import { LocalSite } from "../support/localSite.js";
import { obeyedIn } from "../support/obeyed.js";

const run = promisify(execFile);

/** The first six letters tell a canary, the rest where it was put. Three of them stand in ciphers by chance. */
const canary = (place: string) => `zq9zq9${place}`;
const hostile = "\x1b[2J\x1b]0;zq\x07\u202eevil\x9b31m\nerror: all is lost";

// The programs that tests get are built without LDAP; its option is masked by the same rule (test/unit/postgres/secrets).
const radius = (secret: string) =>
  `host radiususers all 192.0.2.0/24 radius radiusservers=192.0.2.9 radiussecrets=${secret}`;

describe("secrets and escapes that somebody wrote by hand", { timeout: 120_000 }, () => {
  let site: LocalSite;
  const printed: string[] = [];
  const description = {
    roles: { reader: {} },
    access: ["host all all 127.0.0.0/8 scram-sha-256", radius(canary("declaredradius"))],
    settings: { ssl_passphrase_command: `echo ${canary("declaredphrase")}`, wal_retrieve_retry_interval: "200ms" },
  };
  const path = (server: string, file: string) => join(site.dataDirectory(server), file);
  const preview = async (...more: readonly string[]) => {
    const said = await site.preview(more);
    printed.push(said);
    return said;
  };
  const pgsite = async (...args: readonly string[]) => {
    const options = { cwd: site.sandbox.program, env: { ...site.sandbox.env } };
    const program = [join(checkout, "dist/pgsite.js"), ...args, "--stack", "site"];
    const { stdout, stderr } = await run(process.execPath, program, options).catch(
      (error: { stdout: string; stderr: string }) => error,
    );
    printed.push(stdout, stderr);
    return stdout + stderr;
  };

  beforeAll(async () => {
    site = await LocalSite.make({ major: "15", block: 204, description, passwords: { reader: "r3ader" } });
  }, 60_000);
  afterAll(() => site?.remove());

  it("declared in clear are warned of, and come into the files alone", async () => {
    const said = await preview();
    for (const place of ["access[1]", "settings.ssl_passphrase_command"]) {
      expect(said).toContain(
        `${place}: may hold a secret, and stands in clear in the stack file: pulumi config set --secret --path '${place}' encrypts it`,
      );
    }
    printed.push(await site.up(["--diff"]));
    expect(readFileSync(path("server3", "pg_hba.conf"), "utf8")).toContain(canary("declaredradius"));
    expect(readFileSync(path("server3", "postgresql.conf"), "utf8")).toContain(canary("declaredphrase"));
    expect(await preview("--expect-no-changes")).toMatch(/\d+ unchanged/);
  });

  it("can be encrypted in the stack file, which changes nothing", async () => {
    const set = async (place: string, value: string) => {
      const args = ["config", "set", "--secret", "--path", place, "--stack", "site"];
      await site.sandbox.must(args, { input: value });
    };
    await set("settings.ssl_passphrase_command", `echo ${canary("declaredphrase")}`);
    await set("access[1]", radius(canary("declaredradius")));
    const file = readFileSync(join(site.sandbox.program, "Pulumi.site.yaml"), "utf8");
    expect(file).not.toContain("zq9zq9");
    const said = await preview("--expect-no-changes");
    expect(said).toMatch(/\d+ unchanged/);
    expect(said).not.toContain("may hold a secret");
  });

  it("show as differences, each by its place and none by its value", async () => {
    const conf = path("server3", "postgresql.conf");
    appendFileSync(
      conf,
      [
        `archive_command = 'PGPASSWORD=${canary("env")} curl -u b:${canary("user")} -T %p https://b:${canary("url")}@store/%f'`,
        `myext.password = '${canary("custom")}'`,
        `myext.conninfo = 'host=x password=''${canary("conninfo")} two'' user=y'`,
        `#primary_conninfo = 'host=x password=${canary("comment")}'`,
        "",
      ].join("\n"),
    );
    writeFileSync(conf, readFileSync(conf, "utf8").replace(canary("declaredphrase"), canary("otherphrase")));
    appendFileSync(
      path("server3", "postgresql.auto.conf"),
      `primary_conninfo = 'host=${site.address("server2")} port=5442 user=replicator password=${canary("auto")} application_name=server3'\n`,
    );
    const hba = path("server3", "pg_hba.conf");
    const rules = readFileSync(hba, "utf8").replace(canary("declaredradius"), canary("otherradius"));
    writeFileSync(hba, `${rules}${radius(`${canary("three")} ${canary("words")}`)}\n`);
    await site.query("server3", "select pg_reload_conf()");
    await site.query("server2", [
      `alter role reader set myext.secret = '${canary("role")}'`,
      `alter role reader in database postgres set myext.conninfo = 'password=${canary("database")}'`,
    ]);
    const said = await preview();
    for (const line of [
      'server3: pg_hba.conf line \\d+, "host  radiususers.*radiussecrets=\\*{8}", is there \\(with another secret\\): reload',
      "server3: postgresql.conf ssl_passphrase_command is \\*{8} \\(with another secret\\).*, declared \\*{8}: reload",
      "server3: postgresql.conf archive_command is 'PGPASSWORD=\\*{8} curl -u b:\\*{8} -T %p https://b:\\*{8}@store/%f'",
      "server3: postgresql.conf myext.conninfo is 'host=x password=\\*{8} user=y'",
      "server3: postgresql.auto.conf primary_conninfo is .*password=\\*{8}",
      "server3: the server is not willing to take pg_hba.conf line \\d+: .*\\*{8}",
      "myext.secret of role reader is \\*{8}, declared unset: SQL",
      "\\[secret\\]",
      "\\+? *- .*myext.password = '\\*{8}'",
    ]) {
      expect(said).toMatch(new RegExp(line));
    }
    for (const more of [[], ["--json"]]) {
      const { stdout, stderr } = await site.sandbox.run(["preview", "--stack", "site", ...more]);
      printed.push(stdout, stderr);
    }
    expect(await pgsite("drift")).toContain("myext.secret of role reader");
    await pgsite("drift", "--json");
    await pgsite("status");
    printed.push(await site.refresh(["--diff"]));
    printed.push(await site.exported());
  });

  it("are gone after an up, be it after one that fails, and stand in no state", async () => {
    site.declare({
      settings: { ...description.settings, log_directory: "/" },
      roles: { reader: { connectionLimit: 3_000_000_000 } },
    });
    printed.push(await site.failing("up", ["--diff"]));
    printed.push(await site.exported());
    site.declare();
    printed.push(await site.up(["--diff"]));
    const left =
      readFileSync(path("server3", "pg_hba.conf"), "utf8") + readFileSync(path("server3", "postgresql.conf"), "utf8");
    expect(left).not.toContain(canary("other"));
    expect(left).toContain(canary("declaredphrase"));
    expect(await preview("--expect-no-changes")).toMatch(/\d+ unchanged/);
    printed.push(await site.exported());
    for (const text of printed) expect(/.{0,200}zq9zq9.{0,40}/s.exec(text)?.[0] ?? "").toBe("");
    const state = join(site.sandbox.home, "..", "state");
    const files = readdirSync(state, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    for (const { parentPath, name } of files) {
      // Pulumi keeps the stack file of each update, as it was: what stands in it in clear is in its history.
      const looked = name.endsWith(".history.json") ? /.{0,80}zq9zq9(?!declared).{0,40}/s : /.{0,80}zq9zq9.{0,40}/s;
      expect(looked.exec(readFileSync(join(parentPath, name), "latin1"))?.[0] ?? "", name).toBe("");
    }
  });

  it("a mask in the stack file is refused", async () => {
    site.declare({
      settings: { ssl_passphrase_command: "********" },
      access: [description.access[0], radius("********")],
    });
    const said = await site.failing("preview");
    expect(said).toContain(
      "settings.ssl_passphrase_command: has ******** where a secret belongs: pulumi config set --secret --path 'settings.ssl_passphrase_command' sets all of it",
    );
    expect(said).toContain("access[1]: has ******** where");
    site.declare();
  });

  it("leave nothing on the terminal that it obeys", async () => {
    const quoted = `"${hostile}"`;
    await site.query("server2", [
      `create role ${quoted} superuser`,
      `create database ${quoted}`,
      `alter database ${quoted} set myext.x = '\x1b[31m\u202e'`,
      `alter role ${quoted} set work_mem = '9MB'`,
    ]);
    appendFileSync(path("server3", "postgresql.conf"), "# \x1b[2J\u202e\x9b1m comment\nmyext.x = 'a\x1b[2Jb\u2066'\n");
    appendFileSync(path("server3", "pg_hba.conf"), `host "\x1b[2J\u202e" all 192.0.2.0/24 reject\nhost \x1b[1m\n`);
    await site.query("server3", "select pg_reload_conf()");
    // Anyone may write into a server's log, who fails to log in.
    const fails = () => site.query("server3", "select 1", { user: hostile, password: "x" });
    await expect(fails()).rejects.toThrow(/password authentication failed/);
    const before = printed.length;
    const said = await preview();
    expect(said).toContain("role \\x1b[2J\\x1b]0;zq\\x07\\u{202e}evil\\x9b31m\\x0aerror: all is lost is a superuser");
    await site.query("server2", [
      "alter role replicator nologin",
      "select pg_terminate_backend(pid) from pg_stat_replication",
    ]);
    await expect(fails()).rejects.toThrow(/password authentication failed/);
    const off = (await preview()) + (await pgsite("status")) + (await pgsite("status", "--json"));
    // Of what its log says, the server's own words tell why it does not stream.
    expect(off).toContain('role "replicator" is not permitted to log in');
    await pgsite("drift");
    await pgsite("drift", "--json");
    printed.push(await site.up(["--diff"]));
    const rows = await site.query("server2", "select 1 as one from pg_roles where rolsuper and rolname like '%evil%'");
    expect(rows).toEqual([]);
    for (const text of printed.slice(before)) expect(obeyedIn(text), text).toEqual([]);
  });
});
