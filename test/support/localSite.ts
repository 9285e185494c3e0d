import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync, readlinkSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { execa } from "execa";
import { parse, stringify } from "yaml";
import type { TlsDemand } from "../../config/site.js";
import type { Host } from "../../hosts/host.js";
import { hostOf } from "../../hosts/index.js";
import { usualReplicationRole } from "../../postgres/replicating.js";
import { atLeast, type Major } from "../../postgres/versions.js";
import { type Row, withSession } from "../../servers/sql/session.js";
import { checkout } from "../../toolchain/paths.mjs";
import { runs, until } from "./processes.js";
import { programsOf } from "./programs.js";
import { proof } from "./proof.js";
import { type PulumiResult, PulumiSandbox, type RunOptions } from "./pulumi.js";
import { serverFolder, serverUser } from "./serverUser.js";

export { serverUser };

type Settings = Readonly<Record<string, unknown>>;

export interface LocalSiteOptions {
  readonly major: Major;
  /** Server N listens on 127.0.BLOCK.(N + 2): test files run at the same time. */
  readonly block: number;
  /** The first is the primary. @default server2, server3 */
  readonly servers?: readonly string[];
  /** Keys of the stack file over those below. */
  readonly description?: Settings;
  /** By role. */
  readonly passwords?: Readonly<Record<string, string>>;
  /** Of Pulumi's secrets. @default the same in every test */
  readonly passphrase?: string;
}

const stack = "site";

/** What a test site is quick with; a standby that lost its primary tries again soon. */
const quick = { shared_buffers: "8MB", fsync: false, max_connections: 30, wal_keep_segments: 4 };

/**
 * A stack that is no rehearsal: this project's own program, on hosts that are this machine, with a Pulumi of its own.
 * Its servers keep their data in a folder of the test's. `await site.remove()` in the end, also after a failure.
 */
export class LocalSite {
  readonly passwords: Record<string, string>;
  #description: Settings = {};

  private constructor(
    readonly folder: string,
    readonly sandbox: PulumiSandbox,
    private readonly options: LocalSiteOptions & { readonly servers: readonly string[] },
    private readonly base: Settings,
  ) {
    const replicator = usualReplicationRole(options.major, "postgres");
    this.passwords = { [replicator]: "repl1cator", postgres: "adm1nistrator", ...options.passwords };
  }

  /** Makes the project and its stack file; brings nothing up. */
  static async make(options: LocalSiteOptions): Promise<LocalSite> {
    const { major, block, servers = ["server2", "server3"] } = options;
    const [binaries, osUser, sandbox] = await Promise.all([
      programsOf(major),
      serverUser(),
      PulumiSandbox.make(undefined, options.passphrase),
      promisify(execFile)(process.execPath, [join(checkout, "toolchain/build.mjs")]),
    ]);
    const folder = await serverFolder("/var/tmp/pgsite-site-");
    const base = {
      site: "orders",
      postgresql: major,
      // Before 10 there is no other, and it must be declared.
      ...(atLeast(major, "10") ? {} : { authentication: "md5" }),
      binaries,
      osUser,
      port: 5442,
      primary: servers[0],
      // The machine's own services are not a test's to change.
      service: { manager: "none" },
      hosts: Object.fromEntries(
        servers.map((name, index) => [name, { address: `127.0.${block}.${index + 2}`, transport: "local" }]),
      ),
    };
    const site = new LocalSite(folder, sandbox, { ...options, servers }, base);
    try {
      sandbox.write({ "Pulumi.yaml": readFileSync(join(checkout, "Pulumi.yaml"), "utf8") });
      symlinkSync(join(checkout, "dist"), join(sandbox.program, "dist"));
      for (const name of servers) if (site.sockets(name) !== "") await site.host().makeDirectory(site.sockets(name));
      await sandbox.must(["stack", "init", stack]);
      for (const [role, password] of Object.entries(site.passwords)) await site.setPassword(role, password);
      site.declare();
    } catch (error) {
      await site.remove();
      throw error;
    }
    return site;
  }

  async setPassword(role: string, password: string): Promise<void> {
    await this.setSecret(`password-${role}`, password);
    this.passwords[role] = password;
  }

  /** As an operator does it: nothing on the command line. */
  async setSecret(key: string, value: string): Promise<void> {
    const args = ["config", "set", "--secret", `pgsite:${key}`, "--stack", stack];
    const { program, env } = this.sandbox;
    await execa("pulumi", args, { cwd: program, env, extendEnv: false, input: value, timeout: 60_000 });
  }

  /** Writes the stack file: the site's own description, with these keys over it. `servers` may leave some out. */
  declare(more: Settings = {}): void {
    this.#description = { ...this.options.description, ...more };
    const { settings = {}, servers = {}, ...rest } = this.#description as Record<string, Record<string, unknown>>;
    const declared = this.options.servers.flatMap((name) => {
      const given = servers[name] as Settings | null | undefined;
      if (given === null) return [];
      const places = { listen_addresses: this.address(name), unix_socket_directories: this.sockets(name) };
      const all = { ...places, ...(given?.settings as Settings | undefined) };
      return [[name, { dataDirectory: this.dataDirectory(name), ...given, settings: all }]];
    });
    const file = join(this.sandbox.program, `Pulumi.${stack}.yaml`);
    const { config, ...salt } = parse(readFileSync(file, "utf8")) as { config?: Record<string, unknown> };
    const secrets = Object.entries(config ?? {}).filter(([key]) => /^pgsite:(password|key)-/.test(key));
    const keys = { ...this.base, ...rest, servers: Object.fromEntries(declared), settings: { ...quick, ...settings } };
    const plain = Object.entries(keys).map(([key, value]) => [`pgsite:${key}`, value]);
    this.sandbox.write({
      [`Pulumi.${stack}.yaml`]: stringify({ ...salt, config: Object.fromEntries([...plain, ...secrets]) }),
    });
  }

  /** This machine, as the servers' OS user. */
  host(): Host {
    return hostOf({ name: "here", transport: "local", address: "", user: this.base.osUser as string });
  }

  /** A server program of the site's version. */
  program(name: string): string {
    return join(this.base.binaries as string, name);
  }

  /** The folder of its sockets: none, but before 9.3, where a server has one always. */
  sockets(server: string): string {
    return atLeast(this.options.major, "9.3") ? "" : join(this.folder, server);
  }

  dataDirectory(server: string): string {
    return join(this.folder, server, "data");
  }

  controlDirectory(server: string): string {
    return `${this.dataDirectory(server)}.pgsite`;
  }

  address(server: string): string {
    return `127.0.${this.options.block}.${this.options.servers.indexOf(server) + 2}`;
  }

  /** Path of the events that a run with `--event-log` writes. */
  get eventLog(): string {
    return join(this.sandbox.program, "events.log");
  }

  /** What the run that `startUp` began has said so far, messages of commands among it. */
  events(): string {
    return existsSync(this.eventLog) ? readFileSync(this.eventLog, "utf8") : "";
  }

  /** Starts `pulumi up` without waiting; its events go to `eventLog`. */
  startUp(more: readonly string[] = []) {
    rmSync(this.eventLog, { force: true });
    const args = ["up", "--yes", "--skip-preview", "--stack", stack, "--event-log", this.eventLog, ...more];
    return this.sandbox.start(args, { env: { PULUMI_DEBUG_COMMANDS: "true" }, seconds: 120 });
  }

  /** All that `pulumi up` prints. @throws where it fails */
  async up(more: readonly string[] = []): Promise<string> {
    return said(await this.sandbox.must(["up", "--yes", "--skip-preview", "--stack", stack, ...more], slow));
  }

  async preview(more: readonly string[] = []): Promise<string> {
    return said(await this.sandbox.must(["preview", "--diff", "--stack", stack, ...more], slow));
  }

  async destroy(): Promise<string> {
    return said(await this.sandbox.must(["destroy", "--yes", "--skip-preview", "--stack", stack], slow));
  }

  async refresh(more: readonly string[] = []): Promise<string> {
    return said(await this.sandbox.must(["refresh", "--yes", "--skip-preview", "--stack", stack, ...more], slow));
  }

  cancel(): Promise<PulumiResult> {
    return this.sandbox.must(["cancel", "--yes", "--stack", stack]);
  }

  /** All that a run prints that must fail. @throws where it succeeds */
  async failing(command: "up" | "preview", more: readonly string[] = []): Promise<string> {
    const args = command === "up" ? ["--yes", "--skip-preview"] : ["--diff"];
    const result = await this.sandbox.run([command, ...args, "--stack", stack, ...more], slow);
    if (result.code === 0) throw new Error(`pulumi ${command} was to fail and did not:\n${said(result)}`);
    return said(result);
  }

  /** An output of the stack. */
  async output(name: string): Promise<string> {
    return (await this.sandbox.must(["stack", "output", name, "--stack", stack])).stdout.trim();
  }

  /** What is stored of the stack, as text. */
  async exported(): Promise<string> {
    return (await this.sandbox.must(["stack", "export", "--stack", stack])).stdout;
  }

  /** Stores something else of the stack. */
  async imported(state: unknown): Promise<void> {
    this.sandbox.write({ "state.json": JSON.stringify(state) });
    await this.sandbox.must(["stack", "import", "--file", "state.json", "--stack", stack]);
  }

  /** Runs statements one after the other; the rows of the last. @param login a role. @default the administrator */
  async query(
    server: string,
    statements: string | readonly string[],
    login: {
      readonly user?: string;
      readonly database?: string;
      readonly password?: string;
      /** @default the site's */
      readonly port?: number;
      /** @default not encrypted */
      readonly tls?: TlsDemand;
    } = {},
  ): Promise<readonly Row[]> {
    const { user = "postgres", database = "postgres", password = this.passwords[user] ?? "", port = 5442, tls } = login;
    const at = { name: server, address: this.address(server), port, proof: proof(tls) };
    return withSession(at, { user, password }, { database }, async (session) => {
      let rows: readonly Row[] = [];
      for (const statement of [statements].flat()) rows = await session.query(statement);
      return rows;
    });
  }

  /**
   * What runs on this site's behalf, its servers aside: Pulumi, plugins, the program, commands, and what those started.
   * As `PID COMMAND LINE`.
   */
  processes(): readonly string[] {
    const home = `PULUMI_HOME=${this.sandbox.home}\0`;
    const postmasters = this.options.servers.map((name) => this.postmaster(name));
    return readdirSync("/proc")
      .map(Number)
      .filter((pid) => Number.isInteger(pid) && pid !== process.pid && !postmasters.includes(pid) && runs(pid))
      .flatMap((pid) => {
        const words = procFile(pid, "cmdline").replaceAll("\0", " ").trim();
        return words.includes(this.folder) || procFile(pid, "environ").includes(home) ? [`${pid} ${words}`] : [];
      });
  }

  /** The postmaster of a server that runs; undefined of one that does not. */
  postmaster(server: string): number | undefined {
    return postmasterOf(this.dataDirectory(server));
  }

  /** Ends a server's processes: `SIGQUIT` as a crash, `SIGINT` as `pg_ctl stop -m fast`, `SIGKILL` the postmaster alone. */
  async stop(server: string, signal: "SIGINT" | "SIGQUIT" | "SIGKILL" = "SIGINT"): Promise<void> {
    const pid = this.postmaster(server);
    if (pid === undefined) throw new Error(`${server} does not run`);
    process.kill(pid, signal);
    await until(`the end of ${server}`, () => !runs(pid));
  }

  /** Ends every process of the site and removes all of it. */
  async remove(): Promise<void> {
    await this.sandbox.remove();
    const folders = readdirSync(this.folder, { recursive: true, withFileTypes: true })
      .filter(({ name }) => name === "postmaster.pid")
      .map(({ parentPath }) => parentPath);
    for (const directory of folders) {
      const pid = postmasterOf(directory);
      if (pid === undefined) continue;
      process.kill(pid, "SIGCONT");
      process.kill(pid, "SIGQUIT");
      await until("the end of a server", () => !runs(pid), 5).catch(() => process.kill(pid, "SIGKILL"));
    }
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}

const slow: RunOptions = { seconds: 120 };

function said({ stdout, stderr }: PulumiResult): string {
  return `${stdout}${stderr}`;
}

/** A file of a process, or nothing where it has ended meanwhile. */
export function procFile(pid: number, name: "cmdline" | "environ"): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "latin1");
  } catch {
    return "";
  }
}

function postmasterOf(dataDirectory: string): number | undefined {
  try {
    const pid = Number(readFileSync(join(dataDirectory, "postmaster.pid"), "utf8").split("\n")[0]);
    return runs(pid) && readlinkSync(`/proc/${pid}/cwd`) === dataDirectory ? pid : undefined;
  } catch {
    return undefined;
  }
}
