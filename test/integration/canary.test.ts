import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkout } from "../../toolchain/paths.mjs";
import { documented, undocumented, undocumentedProcesses, unused } from "../support/canary/document.js";
import { filesThatHold } from "../support/canary/files.js";
import { ProcessWatch } from "../support/canary/processes.js";
import { Canaries, canary } from "../support/canary/secrets.js";
import { LocalSite } from "../support/localSite.js";
import { command } from "../support/multihost/command.js";
import { serverFolder } from "../support/serverUser.js";

/**
 * A secret of each kind that is recognised wherever it comes to light, through the days of a site on one machine: found nowhere
 * but where docs/security.md says. test/proof/canary.proof.ts does it on several hosts, through the nights too.
 */
describe("secrets of each kind, in files, processes and all that is printed", { timeout: 120_000 }, () => {
  const since = new Date();
  const canaries = new Canaries();
  const passwords = { postgres: canary("adm"), replicator: canary("repl"), reader: canary("read") };
  const passphrase = canary("phrase");
  const handWritten = canary("hand");
  const printed: Record<string, string> = {};
  let site: LocalSite;
  let watch: ProcessWatch;
  let events: string;
  let backups: string;
  let clients: string;

  beforeAll(async () => {
    canaries.add("passphrase", passphrase);
    canaries.add("hand-written password", handWritten);
    canaries.addPassword("administrator's password", "postgres", passwords.postgres);
    canaries.addPassword("replication password", "replicator", passwords.replicator);
    canaries.addPassword("role's password", "reader", passwords.reader);
    events = mkdtempSync(join(tmpdir(), "pgsite-events-"));
    backups = await serverFolder("/var/tmp/pgsite-runs-");
    clients = await serverFolder("/var/tmp/pgsite-clients-");
    site = await LocalSite.make({
      major: "15",
      block: 207,
      passwords,
      passphrase,
      description: {
        tls: { certificates: "made" },
        roles: { reader: {} },
        access: ["hostssl all reader 127.0.0.1/32 scram-sha-256"],
        backups: { schedule: "none", folder: { server2: backups, server3: join(backups, "server3") } },
        watch: { schedule: "none" },
        clients: {
          files: [
            { host: "server3", path: join(clients, "reader.ini"), mode: "0640", database: "postgres", role: "reader" },
          ],
        },
        settings: { log_statement: "ddl", log_connections: true, log_error_verbosity: "verbose" },
      },
    });
    watch = new ProcessWatch(canaries);
  }, 60_000);

  afterAll(async () => {
    await watch?.stop();
    await site?.remove();
    for (const folder of [events, backups, clients]) rmSync(folder, { recursive: true, force: true });
  });

  const findings = () => join(events, "findings");
  /** Runs Pulumi with all that it can be asked to say, and its events in a file. */
  const pulumi = async (name: string, command: string, ...more: readonly string[]) => {
    const log = ["--event-log", join(events, `${name}.json`)];
    const args = [command, ...more, "--diff", "--debug", "--stack", "site", ...log];
    const told = name === "found" ? { PGSITE_FINDINGS: findings() } : {};
    const run = await site.sandbox.run(args, { env: { PULUMI_DEBUG_COMMANDS: "true", ...told }, seconds: 120 });
    printed[name] = `${run.stdout}${run.stderr}`;
    return run.code;
  };
  const act = ["--yes", "--skip-preview"];
  const pgsite = async (args: readonly string[], more: Readonly<Record<string, string>> = {}) => {
    const argv = [process.execPath, join(checkout, "dist", "pgsite.js"), ...args];
    const { stdout, stderr } = await command(argv, {
      env: { ...site.sandbox.env, PGSITE_PROJECT: site.sandbox.program, ...more },
      seconds: 60,
    });
    return `${stdout}${stderr}`;
  };
  const data = (server: string, file: string) => join(site.dataDirectory(server), file);

  it("are not shown by previews, by an up that fails nor by one that works, with all that Pulumi can be asked to say", async () => {
    site.declare({ roles: { reader: { connectionLimit: 3_000_000_000 } } });
    expect(await pulumi("failing", "up", ...act)).not.toBe(0);
    expect(printed.failing).toContain('syntax error at or near "3000000000"');
    site.declare();
    expect(await pulumi("up", "up", ...act), printed.up).toBe(0);
  });

  it("are there: the keys and verifiers that were made are looked for from here on", async () => {
    const state = JSON.parse((await site.sandbox.must(["stack", "export", "--show-secrets"])).stdout) as {
      deployment: { resources: { type: string; outputs?: { key?: { plaintext: string } } }[] };
    };
    const authority = state.deployment.resources.find(({ type }) => type === "pgsite:index:Authority");
    canaries.addKey("authority's key", JSON.parse(authority?.outputs?.key?.plaintext ?? '""') as string);
    for (const server of ["server2", "server3"]) {
      canaries.addKey("server's key", readFileSync(join(site.controlDirectory(server), "server.key"), "utf8"));
    }
    const tls = { authority: await site.output("authority"), required: true };
    const verifiers = await site.query("server2", "select rolpassword from pg_authid where rolpassword is not null", {
      tls,
    });
    expect(verifiers.length).toBe(3);
    for (const { rolpassword } of verifiers) canaries.add("verifier", rolpassword as string);
  });

  it("are not shown where somebody wrote one by hand", async () => {
    appendFileSync(
      data("server3", "postgresql.auto.conf"),
      `primary_conninfo = 'host=${site.address("server2")} port=5442 user=replicator password=${handWritten}'\n`,
    );
    appendFileSync(
      data("server2", "pg_hba.conf"),
      `hostssl all all 203.0.113.9/32 ldap ldapserver=ldap.example ldapbasedn="dc=x" ldapbinddn="cn=x" ldapbindpasswd="${handWritten}"\n`,
    );
    // As pgsite drift has it written, and removes it again.
    writeFileSync(findings(), "", { mode: 0o600 });
    expect(await pulumi("found", "preview")).toBe(0);
    printed.findings = readFileSync(findings(), "utf8");
    for (const held of ["primary_conninfo", "ldap"]) expect(printed.findings).toContain(held);
    expect(printed.found).toContain("postgresql.auto.conf primary_conninfo");
    printed.drift = await pgsite(["drift"]);
    printed.status = await pgsite(["status"]);
    expect(printed.drift).toContain("ldap");
    expect(await pulumi("refresh", "refresh", ...act)).toBe(0);
    printed.exported = await site.exported();
    printed.history = (await site.sandbox.must(["stack", "history", "--json"])).stdout;
    printed.import = await pgsite(
      [
        ...["import", "--stack", "again", "--administrator", "postgres"],
        ...["server2", "server3"].flatMap((name) => ["--host", `${name}=${site.address(name)}`]),
        ...["server2", "server3"].flatMap((name) => ["--data-directory", site.dataDirectory(name)]),
      ],
      { PGPASSWORD: passwords.postgres },
    );
    // A run keeps the configuration files as they are.
    for (const name of ["backup", "drill", "backups", "watch"])
      printed[name] = await pgsite([name, ...(name === "drill" ? ["--server", "server2"] : [])]);
    expect(printed.drill).toContain("counts as verified");
    const page = join(events, "site.html");
    printed.page = `${await pgsite(["page", "--out", page])}${readFileSync(page, "utf8")}`;
    for (const held of ["primary_conninfo", "ldap", '"verifiedAt":"20']) expect(printed.page).toContain(held);
    expect(await pulumi("healing", "up", ...act), printed.healing).toBe(0);
  });

  it("stand in no process but those that the document names", async () => {
    await watch.stop();
    console.log(`${watch.samples} looks at processes, ${watch.seen} processes`);
    expect(watch.samples).toBeGreaterThan(100);
    expect(undocumentedProcesses(watch.found)).toEqual([]);
  });

  it("stand in no file but those that the document names, as private as it says", async () => {
    const folders = [
      site.folder,
      dirname(site.sandbox.program),
      events,
      backups,
      clients,
      "/tmp",
      "/var/tmp",
      "/run",
      "/dev/shm",
      "/var/log",
      "/root",
    ];
    const found = await filesThatHold(canaries, { machine: "this machine", root: "", folders }, since);
    const directories = ["server2", "server3"].map((name) => site.dataDirectory(name));
    const stands = { DATADIRECTORY: directories, BACKUPS: [backups], CLIENTS: [clients] };
    expect(undocumented(found, stands)).toEqual([]);
    expect(unused(found, stands, documented().backups)).toEqual([]);
    expect(unused(found, stands, documented().clients)).toEqual([]);
    expect(found.length).toBeGreaterThan(4);
  });

  it.each([
    "failing",
    "up",
    "found",
    "findings",
    "drift",
    "status",
    "page",
    "refresh",
    "exported",
    "history",
    "import",
    "backup",
    "drill",
    "backups",
    "watch",
    "healing",
  ])("are not printed: %s", (name) => {
    const text = printed[name] ?? "";
    expect(text.length).toBeGreaterThan(20);
    expect(canaries.around(text)).toBe("");
  });
});
