import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkout } from "../../toolchain/paths.mjs";
import { undocumented, undocumentedProcesses, unused } from "../support/canary/document.js";
import { filesThatHold, type Kept } from "../support/canary/files.js";
import { ProcessWatch } from "../support/canary/processes.js";
import { Canaries, canary } from "../support/canary/secrets.js";
import { type Change, dataDirectories, RemoteSite, whyNoSite } from "../support/remoteSite.js";

const why = whyNoSite();
const names = ["server2", "server3", "des10"];

/** What brings a program onto a machine of the test's, and the psql by which a test asks. */
function isOfTest(words: string): boolean {
  return /^nsenter\0|^sh\0-c\0(cd "\$1" && shift|IFS= read -r PGPASSWORD)|\0ON_ERROR_STOP=1\0/.test(words);
}

/**
 * A secret of each kind through the whole life of a site on three hosts that are reached over SSH, with TLS: found nowhere but where
 * docs/security.md says, on none of the machines.
 */
describe.skipIf(why !== undefined)(`secrets of each kind, on all machines of a site${why ? ` (${why})` : ""}`, () => {
  const since = new Date();
  const canaries = new Canaries();
  const passphrase = canary("phrase");
  const replication = canary("repl");
  const reader = canary("read");
  const handWritten = canary("hand");
  const printed = new Map<string, string>();
  let site: RemoteSite;
  let watch: ProcessWatch;
  let events: string;
  let authority: string;

  const changes: readonly Change[] = [
    [["tls"], { certificates: "made" }],
    [["replicationRole"], "replicator"],
    [["access"], ["hostssl all all 139.229.14.0/25 md5"]],
    [["settings", "wal_retrieve_retry_interval"], "200ms"],
    [["settings", "log_statement"], "ddl"],
    [["settings", "log_connections"], true],
    [["settings", "log_error_verbosity"], "verbose"],
  ];
  const ctio = (...more: readonly Change[]) => site.declare("ctio", [["roles"], { reader: {} }], ...more);

  beforeAll(async () => {
    events = mkdtempSync(join(tmpdir(), "pgsite-events-"));
    site = await RemoteSite.make({ changes, passphrase, passwords: { replicator: replication } });
    const args = ["config", "set", "--secret", "pgsite:password-reader", "--stack", "ctio"];
    await site.sandbox.must(args, { input: reader });
    ctio();
    canaries.add("passphrase", passphrase);
    canaries.add("hand-written password", handWritten);
    canaries.addPassword("administrator's password", "dbadmin", site.password);
    canaries.addPassword("replication password", "replicator", replication);
    canaries.addPassword("role's password", "reader", reader);
    canaries.addKey("ssh key", readFileSync(join(site.net.control.sshFolder, "..", "..", "key"), "utf8"));
    watch = new ProcessWatch(canaries, isOfTest);
  }, 300_000);

  afterAll(async () => {
    await watch?.stop();
    await site?.remove();
    rmSync(events, { recursive: true, force: true });
  }, 120_000);

  /** Runs Pulumi with all that it can be asked to say, and its events in a file. */
  const pulumi = async (name: string, stack: string, command: string, ...more: readonly string[]) => {
    const log = ["--event-log", join(events, `${name}.json`)];
    const acts = command === "preview" ? [] : ["--yes", "--skip-preview"];
    const { code, stdout, stderr } = await site.start(stack, [command, ...acts, ...more, "--diff", "--debug", ...log])
      .finished;
    printed.set(name, `${stdout}${stderr}`);
    return code;
  };
  const worked = async (name: string, stack: string, command: string, ...more: readonly string[]) =>
    expect(await pulumi(name, stack, command, ...more), printed.get(name)?.slice(-3000)).toBe(0);
  const pgsite = async (name: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) => {
    const { program, env: own } = site.sandbox;
    const argv = [process.execPath, join(checkout, "dist", "pgsite.js"), ...args];
    const { code, stdout, stderr } = await site.net.control.run(argv, {
      cwd: program,
      env: { ...own, ...env },
      seconds: 120,
    });
    printed.set(name, `${stdout}${stderr}`);
    return code;
  };
  const page = async (name: string) => {
    const path = join(events, "site.html");
    expect(await pgsite(name, ["page", "--out", path]), printed.get(name)).toBe(0);
    printed.set(`${name}, the file`, readFileSync(path, "utf8"));
  };
  const asPostgres = async (name: string, server: string, words: string) => {
    const { code, stdout, stderr } = await site
      .host(server)
      .run(["su", "-s", "/bin/sh", "postgres", "-c", words], { seconds: 120 });
    printed.set(name, `${stdout}${stderr}`);
    expect(code, printed.get(name)).toBe(0);
  };
  const rootOf = (server: string) => `/proc/${site.host(server).pid}/root`;
  const data = (server: string) => `${rootOf(server)}${dataDirectories[server]}`;

  /** Somebody writes passwords into the files of servers. */
  const plant = () => {
    appendFileSync(
      `${data("server3")}/postgresql.auto.conf`,
      `primary_conninfo = 'host=${site.host("server2").address} port=5442 user=replicator password=${handWritten}'\n`,
    );
    appendFileSync(
      `${data("server2")}/pg_hba.conf`,
      `hostssl all all 203.0.113.9/32 ldap ldapserver=ldap.example ldapbasedn="dc=x" ldapbinddn="cn=x" ldapbindpasswd="${handWritten}"\n`,
    );
  };

  it("previews, an up that fails, and one that works", async () => {
    await worked("first preview", "ctio", "preview");
    ctio([["roles"], { reader: { connectionLimit: 3_000_000_000 } }]);
    expect(await pulumi("failing up", "ctio", "up")).not.toBe(0);
    expect(printed.get("failing up")).toContain('syntax error at or near "3000000000"');
    ctio();
    await worked("up", "ctio", "up");
    await worked("preview", "ctio", "preview", "--expect-no-changes");
  });

  it("an archive, made and restored, and the mirror's own stack", async () => {
    authority = (await site.must("ctio", ["stack", "output", "authority"])).trim();
    site.declare("fnal", [["baseBackup"], { method: "archive" }], [["upstream", "authority"], authority]);
    await site.host("server2").must(["install", "-d", "-o", "postgres", "-m", "0700", "/raid2/archive"]);
    const create = ["archive", "create", "--stack", "ctio", "--output", "/raid2/archive", "--compress", "none"];
    expect(await pgsite("archive create", create), printed.get("archive create")).toBe(0);
    const digest = /[0-9a-f]{64}/.exec(printed.get("archive create") ?? "")?.[0];
    const restore = ["archive", "restore", "--stack", "fnal", "des10", "--from", "/raid2/archive", "--on", "server2"];
    const known = digest === undefined ? [] : ["--sha256", digest];
    // Its certificate and key come with the `up`, and it says so.
    await pgsite("archive restore", [...restore, ...known]);
    expect(printed.get("archive restore")).toContain("run pulumi up, which puts its certificate and key in place");
    await worked("up of the mirror", "fnal", "up");
  });

  it("the keys and verifiers that were made, which are looked for from here on", async () => {
    const state = JSON.parse(
      (await site.sandbox.must(["stack", "export", "--show-secrets", "--stack", "ctio"])).stdout,
    ) as {
      deployment: { resources: { type: string; outputs?: { key?: { plaintext: string } } }[] };
    };
    const made = state.deployment.resources.find(({ type }) => type === "pgsite:index:Authority");
    canaries.addKey("authority's key", JSON.parse(made?.outputs?.key?.plaintext ?? '""') as string);
    for (const server of ["server2", "server3"])
      canaries.addKey("server's key", readFileSync(`${data(server)}.pgsite/server.key`, "utf8"));
    const verifiers = (
      await site.query("server2", "select rolpassword from pg_authid where rolpassword is not null")
    ).split("\n");
    expect(verifiers.length).toBe(3);
    for (const verifier of verifiers) canaries.add("verifier", verifier);
  });

  it("passwords that somebody wrote by hand, and all that looks at them", async () => {
    plant();
    await worked("preview of what somebody wrote", "ctio", "preview");
    expect(printed.get("preview of what somebody wrote")).toContain("postgresql.auto.conf primary_conninfo");
    expect(await pgsite("drift", ["drift", "--stack", "ctio"])).toBe(2);
    await pgsite("drift --json", ["drift", "--json"]);
    await pgsite("status", ["status"]);
    await pgsite("status --json", ["status", "--json"]);
    await page("page");
    await pgsite("preflight", ["preflight", "--stack", "ctio"]);
    await pgsite(
      "import",
      [
        ...["import", "--stack", "again", "--administrator", "dbadmin"],
        ...names.flatMap((name) => ["--host", `${name}=${site.host(name).address}`]),
        ...names.flatMap((name) => ["--data-directory", dataDirectories[name] as string]),
      ],
      { PGPASSWORD: site.password },
    );
    await worked("refresh", "ctio", "refresh");
    printed.set("export", (await site.sandbox.must(["stack", "export", "--stack", "ctio"])).stdout);
    printed.set("history", (await site.sandbox.must(["stack", "history", "--json", "--stack", "ctio"])).stdout);
    await worked("healing up", "ctio", "up");
  });

  it("a switchover, there and back", async () => {
    ctio([["primary"], "server3"]);
    await worked("switchover", "ctio", "up");
    ctio();
    await worked("switchover back", "ctio", "up");
  });

  it("a failover, and the old primary's rejoin", async () => {
    await site.host("server2").powerCut();
    ctio(
      [["primary"], "server3"],
      [["servers", "server2", "lost"], true],
      [["servers", "server2", "acceptDataLoss"], true],
    );
    await worked("preview of the failover", "ctio", "preview");
    await worked("failover", "ctio", "up");
    await site.powerOn("server2");
    ctio([["primary"], "server3"]);
    await worked("rejoin", "ctio", "up");
  });

  it("the next night, by the runbook", async () => {
    await site.host("server3").powerCut();
    const runbook = (server: string) => `${dataDirectories[server]}.pgsite/runbook`;
    await asPostgres("runbook: failover", "server2", `${runbook("server2")}/failover --accept-data-loss`);
    await site.powerOn("server3");
    printed.set("guard", await site.host("server3").must(["cat", `${dataDirectories.server3}.pgsite/start.log`]));
    await asPostgres("runbook: rejoin", "server3", `${runbook("server3")}/rejoin server2`);
    ctio();
    await worked("up after the runbook", "ctio", "up");
    await pgsite("status after the runbook", ["status"]);
    await page("page after the runbook");
  });

  it("another password of a role, and once more passwords by hand, which stay in the servers' own files", async () => {
    const other = canary("other");
    canaries.addPassword("role's password", "reader", other);
    const args = ["config", "set", "--secret", "pgsite:password-reader", "--stack", "ctio"];
    await site.sandbox.must(args, { input: other });
    await worked("another password", "ctio", "up");
    canaries.add("verifier", await site.query("server2", "select rolpassword from pg_authid where rolname = 'reader'"));
    plant();
    await worked("last preview", "ctio", "preview");
    await worked("last refresh", "ctio", "refresh");
  });

  it("stand in no process of any machine but those that the document names", async () => {
    await watch.stop();
    console.log(`${watch.samples} looks at processes, ${watch.seen} processes`);
    expect(watch.samples).toBeGreaterThan(1000);
    expect(undocumentedProcesses(watch.found)).toEqual([]);
  });

  it("stand in no file of any machine but those that the document names, as private as it says", async () => {
    const ofHosts = [
      "/etc",
      "/home",
      "/root",
      "/run",
      "/tmp",
      "/var",
      "/srv",
      "/opt",
      "/dev/shm",
      "/raid2",
      "/raid3",
      "/data",
    ];
    const found: Kept[] = [];
    for (const machine of [...names, "client"]) {
      const root = rootOf(machine);
      const folders = ofHosts.filter((folder) => existsSync(`${root}${folder}`));
      const without = ["/root/.cache", "/root/go", "/var/cache", "/var/lib/apt"];
      found.push(...(await filesThatHold(canaries, { machine, root, folders, without }, since)));
    }
    const net = dirname(dirname(site.net.control.sshFolder));
    const project = dirname(site.sandbox.program);
    const folders = [net, project, events, "/tmp", "/var/tmp", "/run", "/dev/shm", "/var/log", "/root"];
    found.push(...(await filesThatHold(canaries, { machine: "control", root: "", folders }, since)));
    const [holder] = [...site.net.control.processes().keys()];
    const home = { machine: "control", root: `/proc/${holder}/root`, folders: [homedir()] };
    found.push(...(await filesThatHold(canaries, home, since)));
    const stands = {
      DATADIRECTORY: Object.values(dataDirectories),
      ARCHIVE: ["/raid2/archive"],
      SSHKEY: [join(net, "key")],
    };
    console.log(
      [...new Set(found.map(({ machine, kind, path }) => `${machine}: ${kind}: ${path.replace(/\d{5,}/g, "N")}`))]
        .sort()
        .join("\n"),
    );
    expect(undocumented(found, stands)).toEqual([]);
    expect(unused(found, stands)).toEqual([]);
  });

  it("are not printed by any of it", () => {
    expect(printed.size).toBeGreaterThan(20);
    for (const [name, text] of printed) expect(`${name}: ${canaries.around(text)}`).toBe(`${name}: `);
  });
});
