import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { BaseBackupChoice, Passwords, Server, Site } from "../../config/site.js";
import type { SeedOutcome } from "../../servers/seed/seed.js";
import { bundled } from "./bundled.js";
import type { HostMachine, MultiHost } from "./multihost.js";
import { multiHost } from "./multihost.js";
import { proof } from "./proof.js";

/** What one run of `pgsite seed` (by test/support/seedProgram.ts) came to. */
export interface SeedRun {
  readonly code: number | null;
  readonly lines: readonly string[];
  /** Standard error, line by line. */
  readonly said: readonly string[];
  readonly outcome: SeedOutcome | undefined;
}

export const binDirectory = "/usr/lib/postgresql/15/bin";
const port = 5432;

/**
 * A site of PostgreSQL 15 on hosts of its own: the first one's server is the primary, the others are its hot standbys.
 * What pgsite does, it does on the control machine.
 */
export class HostSite {
  #seeding: ChildProcess | undefined;

  private constructor(
    readonly net: MultiHost,
    readonly site: Site,
    readonly passwords: Passwords,
    private readonly folder: string,
  ) {}

  static async make(
    names: readonly [string, ...string[]],
    passwords: { readonly dbadmin: string; readonly replicator: string },
  ): Promise<HostSite> {
    const net = await multiHost(names);
    try {
      const folder = mkdtempSync("/tmp/pgsite-between-");
      await bundled("seedProgram", folder);
      const servers = names.map((name) => describe(net, names[0], name));
      const site: Site = {
        name: "test",
        stack: "test",
        version: "15",
        administrator: "dbadmin",
        replicationRole: "replicator",
        primary: names[0],
        servers,
        initdb: { locale: "C", encoding: "UTF8", dataChecksums: true },
      };
      return new HostSite(net, site, passwords, folder);
    } catch (error) {
      await net.close();
      throw error;
    }
  }

  host(name: string): HostMachine {
    return this.net.host(name);
  }

  server(name: string): Server {
    const found = this.site.servers.find((server) => server.name === name);
    if (found === undefined) throw new Error(`no server ${name}`);
    return found;
  }

  /** Makes and starts the primary, with a table of so many MB, and these settings over the others. */
  async makePrimary(megabytes: number, settings: Readonly<Record<string, string>> = {}): Promise<void> {
    const name = this.site.primary as string;
    const { code, said } = await this.seed(name);
    if (code !== 0) throw new Error(said.join("\n"));
    await this.start(name);
    for (const [key, value] of Object.entries(settings)) await this.query(name, `alter system set ${key} = '${value}'`);
    await this.query(name, "select pg_reload_conf()");
    const password = (this.passwords.replicator ?? "").replaceAll("'", "''");
    await this.query(name, `create role replicator replication login password '${password}'`);
    await this.query(name, "create table filler (n int, filler text)");
    await this.query(
      name,
      `insert into filler select n, repeat(md5(n::text), 29) from generate_series(1, ${megabytes * 1050}) n`,
    );
    await this.query(name, "checkpoint");
  }

  /**
   * Seeds a server; `onLine` hears what is reported meanwhile.
   * @param move changes to the server's description
   */
  async seed(
    name: string,
    baseBackup?: BaseBackupChoice,
    onLine: (line: string) => void = () => undefined,
    move: Partial<Server> = {},
  ): Promise<SeedRun> {
    const servers = this.site.servers.map((server) => (server.name === name ? { ...server, ...move } : server));
    const site: Site = { ...this.site, servers, ...(baseBackup && { baseBackup }) };
    const file = join(this.folder, `${name}.json`);
    writeFileSync(file, JSON.stringify({ site, passwords: this.passwords }), { mode: 0o600 });
    const { control } = this.net;
    const [program, ...args] = control.argv([process.execPath, join(this.folder, "seedProgram.cjs"), file, name]);
    const child = spawn(program as string, args, { env: { ...process.env, ...control.env } });
    this.#seeding = child;
    const lines: string[] = [];
    createInterface({ input: child.stdout }).on("line", (line) => {
      lines.push(line);
      onLine(line);
    });
    let said = "";
    child.stderr.on("data", (text) => {
      said += text;
    });
    const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
    const outcome = lines.findLast((line) => line.startsWith("outcome "))?.slice("outcome ".length);
    return {
      code,
      lines,
      said: said.split("\n").filter((line) => line !== ""),
      outcome: outcome === undefined ? undefined : JSON.parse(outcome),
    };
  }

  /** Kills the pgsite that seeds now. */
  kill(): void {
    this.#seeding?.kill("SIGKILL");
  }

  /** As the OS user, on a server's host. */
  async asOwner(name: string, command: string): Promise<string> {
    return this.host(name).must(["su", "-s", "/bin/sh", "-c", command, "postgres"], { seconds: 300 });
  }

  async start(name: string): Promise<void> {
    const { dataDirectory, controlDirectory } = this.server(name);
    await this.asOwner(
      name,
      `${binDirectory}/pg_ctl -D '${dataDirectory}' -l '${controlDirectory}/start.log' -w start`,
    );
  }

  async stop(name: string): Promise<void> {
    await this.asOwner(name, `${binDirectory}/pg_ctl -D '${this.server(name).dataDirectory}' -m immediate -w stop`);
  }

  /** The server is stopped where it runs, and everything of it is gone. */
  async wipe(name: string): Promise<void> {
    await this.stop(name).catch(() => undefined);
    const { dataDirectory, controlDirectory } = this.server(name);
    await this.host(name).must(["rm", "-rf", dataDirectory, controlDirectory]);
  }

  async query(name: string, sql: string): Promise<string> {
    const argv = ["su", "-s", "/bin/sh", "-c", `exec ${binDirectory}/psql -h /tmp -qAtX -v ON_ERROR_STOP=1 postgres`];
    return (await this.host(name).must([...argv, "postgres"], { input: sql, seconds: 300 })).trim();
  }

  /** Bytes that came to the control machine, or to a host, since it was plugged in. */
  async received(name?: string): Promise<number> {
    const argv = ["ip", "-j", "-s", "link", "show", "eth0"];
    const output = name === undefined ? (await this.net.control.run(argv)).stdout : await this.host(name).must(argv);
    return (JSON.parse(output) as { stats64: { rx: { bytes: number } } }[])[0]?.stats64.rx.bytes ?? Number.NaN;
  }

  /** Lets the OS user of one host come to another by ssh, as an administrator would. */
  async trust(from: string, to: string): Promise<void> {
    const { address, hostKey } = this.host(to);
    const known = `${address} ${hostKey}`;
    await this.asOwner(
      from,
      `cd && mkdir -p -m 700 .ssh && ssh-keygen -q -t ed25519 -N '' -f .ssh/id_ed25519 && echo '${known}' >>.ssh/known_hosts`,
    );
    const key = (await this.asOwner(from, "cat ~/.ssh/id_ed25519.pub")).trim();
    await this.asOwner(to, `echo '${key}' >>~/.ssh/authorized_keys`);
  }

  async distrust(from: string): Promise<void> {
    await this.asOwner(from, "rm -f ~/.ssh/id_ed25519 ~/.ssh/id_ed25519.pub");
  }

  async close(): Promise<void> {
    await this.net.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function describe(net: MultiHost, primary: string, name: string): Server {
  const { address } = net.host(name);
  const standby = name !== primary;
  const dataDirectory = "/var/lib/postgresql/a test/data";
  const controlDirectory = `${dataDirectory}.pgsite`;
  const passfile = `${controlDirectory}/passfile`;
  const settings: Record<string, string> = {
    listen_addresses: "*",
    port: `${port}`,
    unix_socket_directories: "/tmp",
    hot_standby: "on",
    wal_keep_size: "512MB",
    max_wal_size: "2GB",
    shared_buffers: "64MB",
    fsync: "off",
    autovacuum: "off",
    log_directory: "pg_log",
    logging_collector: "on",
    ...(standby && {
      primary_conninfo: `host=${net.host(primary).address} port=${port} user=replicator passfile='${passfile}' application_name=${name}`,
    }),
  };
  const replicas = net.hosts
    .filter((host) => host.name !== primary)
    .map((host) => `host replication replicator ${host.address}/32 scram-sha-256\n`);
  return {
    name,
    role: standby ? "standby" : "primary",
    host: { name, transport: "ssh", address, user: "postgres" },
    address,
    port,
    dataDirectory,
    version: "15",
    binDirectory,
    controlDirectory,
    ...(standby ? { upstream: primary } : {}),
    hotStandby: true,
    proof: proof(),
    settings,
    files: {
      "postgresql.conf": Object.entries(settings)
        .map(([key, value]) => `${key} = '${value.replaceAll("'", "''")}'\n`)
        .join(""),
      "pg_hba.conf": `local all all trust\nhost all dbadmin 127.0.0.1/32 scram-sha-256\n${replicas.join("")}`,
      "standby.signal": standby ? "" : null,
    },
    passfile,
    disposable: true,
  };
}
