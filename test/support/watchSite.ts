import {
  appendFileSync,
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { unprivileged } from "../../bench/support/account.js";
import { hostOf } from "../../hosts/index.js";
import { installFiles } from "../../installed/folder.js";
import { type WatchFacts, type WatchLog, watchFiles, watchProgram } from "../../installed/watch/render.js";
import { atLeast, type Major } from "../../postgres/versions.js";
import { tellingPrefix } from "../../postgres/voice.js";
import { until } from "./processes.js";
import { serverFolder, serverUser } from "./serverUser.js";

/** Debian's, with all client programs. */
export const programs15 = "/usr/lib/postgresql/15/bin";

/** What not every package of a server has. */
const clients = ["psql"];

export interface Mail {
  /** Without the site's name, which begins it: `[sispi] `. */
  readonly subject: string;
  readonly id: string;
  readonly reference?: string;
  readonly text: string;
}

export interface WatchRun {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** What sendmail was given in this run. */
  readonly mails: readonly Mail[];
}

/** Real servers of PostgreSQL 15 on this machine, a primary and standbys made by its own programs, each with its watch. */
export class WatchSite {
  readonly port = 5443;
  user = "";
  readonly #facts = new Map<string, Partial<WatchFacts>>();

  private constructor(
    readonly folder: string,
    private readonly block: number,
    readonly names: readonly string[],
    readonly major: Major,
    private readonly programs: string,
  ) {}

  /** The first name is the primary's; a standby whose name ends with `warm` answers nobody. */
  static async make(
    block: number,
    names: readonly string[],
    { major = "15", programs = programs15 }: { readonly major?: Major; readonly programs?: string } = {},
  ): Promise<WatchSite> {
    const folder = await serverFolder("/var/tmp/pgsite-watch-");
    const site = new WatchSite(folder, block, names, major, programs);
    try {
      site.user = await serverUser();
      site.#writeSendmail();
      const [primary = "", ...standbys] = names;
      await site.#run("initdb", [
        "-D",
        site.data(primary),
        "-A",
        "trust",
        "-U",
        "postgres",
        "--locale=C",
        ...(atLeast(major, "9.3") ? ["-N"] : []),
      ]);
      appendFileSync(join(site.data(primary), "pg_hba.conf"), "host replication all 127.0.0.0/8 trust\n");
      // Not every package has pg_basebackup: the data are copied while the primary does not run. What initdb itself writes cannot
      // be followed (wal_level).
      site.configure(primary);
      await site.start(primary);
      await site.stop(primary);
      for (const name of standbys) {
        await execa("cp", ["-a", site.data(primary), site.#made(name)]);
        site.configure(name);
      }
      await site.start(primary);
      for (const name of standbys) await site.start(name);
    } catch (error) {
      await site.close();
      throw error;
    }
    return site;
  }

  isWarm(name: string): boolean {
    return name.endsWith("warm");
  }

  data(name: string): string {
    return join(this.folder, name, "data");
  }

  address(name: string): string {
    return `127.0.${this.block}.${this.names.indexOf(name) + 1}`;
  }

  /** Where a server's data will be. */
  #made(name: string): string {
    mkdirSync(join(this.folder, name));
    const { uid, gid } = unprivileged();
    if (uid !== undefined && gid !== undefined) chownSync(join(this.folder, name), uid, gid);
    return this.data(name);
  }

  /** What its configuration says beside what all have; the last call counts. */
  configure(name: string, more: Readonly<Record<string, string>> = {}): void {
    const isStandby = name !== this.names[0];
    const later = atLeast(this.major, "12");
    const primary = `host=${this.address(this.names[0] ?? "")} port=${this.port} user=postgres application_name=${name}`;
    const { primary_conninfo: conninfo = primary, ...rest } = more;
    const [hotStandby, slots, sockets] = [
      atLeast(this.major, "9.6") ? "replica" : "hot_standby",
      atLeast(this.major, "9.4") ? { max_replication_slots: "5" } : {},
      atLeast(this.major, "9.3") ? "unix_socket_directories" : "unix_socket_directory",
    ] as const;
    const settings: Record<string, string> = {
      listen_addresses: this.address(name),
      port: `${this.port}`,
      [sockets]: join(this.folder, name),
      logging_collector: "on",
      log_directory: "log",
      log_filename: "server.log",
      log_line_prefix: tellingPrefix(this.major),
      wal_level: hotStandby,
      max_wal_senders: "5",
      ...slots,
      hot_standby: this.isWarm(name) ? "off" : "on",
      fsync: "off",
      shared_buffers: "16MB",
      max_connections: "20",
      max_prepared_transactions: "5",
      ...(atLeast(this.major, "9.1") ? { wal_receiver_status_interval: "1s" } : {}),
      ...(isStandby && later ? { primary_conninfo: conninfo } : {}),
      ...rest,
    };
    const lines = Object.entries(settings).map(([key, value]) => `${key} = '${value.replaceAll("'", "''")}'\n`);
    writeFileSync(join(this.data(name), "postgresql.conf"), lines.join(""));
    if (!isStandby) return;
    if (later) writeFileSync(join(this.data(name), "standby.signal"), "");
    else
      writeFileSync(join(this.data(name), "recovery.conf"), `standby_mode = 'on'\nprimary_conninfo = '${conninfo}'\n`);
  }

  async start(name: string): Promise<void> {
    // A warm standby is up when it streams; nobody is told.
    // At 9.0 pg_ctl looks for the socket elsewhere, and waits in vain.
    const wait = this.isWarm(name) || !atLeast(this.major, "9.1") ? "-W" : "-w";
    await this.#run("pg_ctl", [
      "start",
      wait,
      "-t",
      "30",
      "-D",
      this.data(name),
      "-l",
      join(this.folder, name, "start.log"),
    ]);
    if (wait === "-W")
      await until(`${name} to begin`, () => existsSync(join(this.folder, name, `.s.PGSQL.${this.port}`)));
  }

  async stop(name: string, mode = "fast"): Promise<void> {
    await this.#run("pg_ctl", ["stop", "-w", "-m", mode, "-D", this.data(name)]);
  }

  async reload(name: string): Promise<void> {
    await this.#run("pg_ctl", ["reload", "-D", this.data(name)]);
  }

  async sql(name: string, ...statements: readonly string[]): Promise<string> {
    const commands = statements.flatMap((statement) => ["-c", statement]);
    return this.#run("psql", ["-X", "-q", "-A", "-t", ...this.#at(name), "-d", "postgres", ...commands]);
  }

  /** Of statements in a file, each on its own; the first that fails ends them. */
  async sqlFile(name: string, file: string): Promise<string> {
    const args = ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", ...this.#at(name), "-d", "postgres", "-f", file];
    return this.#run("psql", args);
  }

  /** A session that stays open, with what was begun in it. */
  session(name: string, statement: string): { readonly end: () => Promise<void> } {
    const child = execa(join(programs15, "psql"), ["-X", "-q", ...this.#at(name), "-d", "postgres"], {
      ...unprivileged(),
      stdin: "pipe",
      reject: false,
    });
    child.stdin?.write(`${statement};\n`);
    return {
      end: async () => {
        child.stdin?.end();
        await child;
      },
    };
  }

  /** A program that holds a lock, as a backup does its own. */
  holding(lock: string): { readonly end: () => Promise<void> } {
    const child = execa("flock", [lock, "cat"], { ...unprivileged(), stdin: "pipe", reject: false });
    return {
      end: async () => {
        child.stdin?.end();
        await child;
      },
    };
  }

  /** Somebody is refused, which the server logs. */
  async failedLogin(name: string): Promise<void> {
    const args = [
      "-X",
      "-w",
      "-h",
      this.address(name),
      "-p",
      `${this.port}`,
      "-U",
      "nobody",
      "-d",
      "postgres",
      "-c",
      "",
    ];
    await execa(join(programs15, "psql"), args, { reject: false });
  }

  /** What the watch of a server knows beside what the site gives. */
  declare(name: string, more: Partial<WatchFacts>): void {
    this.#facts.set(name, { ...this.#facts.get(name), ...more });
  }

  facts(name: string): WatchFacts {
    const [primary = "", ...standbys] = this.names;
    const isPrimary = name === primary;
    return {
      job: {
        site: "sispi",
        server: name,
        version: this.major,
        user: this.user,
        dataDirectory: this.data(name),
        controlDirectory: this.control(name),
        binDirectory: this.programs,
        ...(this.programs === programs15 ? {} : { clientDirectory: programs15 }),
        port: this.port,
        connection: { socketFolder: join(this.folder, name) },
        mail: { to: "postgres-status" },
      },
      role: isPrimary ? "primary" : "standby",
      hot: !this.isWarm(name),
      ...(isPrimary ? {} : { upstream: primary }),
      standbys: isPrimary ? standbys.map((standby) => ({ name: standby, address: this.address(standby) })) : [],
      peers: this.names
        .filter((peer) => peer !== name)
        .map((peer) => ({
          name: peer,
          address: this.address(peer),
          port: this.port,
          role: "postgres",
          warm: this.isWarm(peer),
        })),
      log: this.log(name),
      // The machine of a test may have little room.
      thresholds: { diskBytes: 0 },
      ...this.#facts.get(name),
    };
  }

  log(name: string): WatchLog {
    return { format: "stderr", folder: join(this.data(name), "log") };
  }

  control(name: string): string {
    return join(this.folder, name, "data.pgsite");
  }

  async install(name: string): Promise<void> {
    const host = hostOf({ name, transport: "local", address: "", user: this.user });
    await host.makeDirectory(this.control(name));
    const set = await watchFiles(this.facts(name));
    const { settings } = set.files;
    if (settings === undefined) throw new Error("no settings");
    // The machine of a test may have a sendmail of its own.
    const content = settings.content.replace("sendmail=''", `sendmail='${this.folder}/bin/sendmail'`);
    await installFiles(host, { ...set, files: { ...set.files, settings: { ...settings, content } } });
  }

  /** Runs the watch of a server as its schedule does. @param at the time that it takes for now, in seconds since 1970 */
  async watch(name: string, at?: number, args: readonly string[] = []): Promise<WatchRun> {
    const before = new Set(this.#sent());
    const { exitCode, stdout, stderr } = await execa(watchProgram(this.control(name)), args, {
      ...unprivileged(),
      reject: false,
      extendEnv: false,
      cwd: "/",
      env: {
        PATH: "/usr/bin:/bin",
        PGSITE_PATIENCE: "0",
        ...(at === undefined ? {} : { PGSITE_NOW: `${at}` }),
      },
    });
    const mails = this.#sent().filter((file) => !before.has(file));
    return { code: exitCode ?? 128, stdout, stderr, mails: mails.map((file) => this.#mail(file)) };
  }

  /** How sendmail ends from now on. */
  sendmailEnds(status: number): void {
    writeFileSync(join(this.folder, "status"), `${status}\n`);
  }

  async close(): Promise<void> {
    for (const name of this.names) {
      if (existsSync(join(this.data(name), "postmaster.pid")))
        await this.stop(name, "immediate").catch(() => undefined);
    }
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }

  #sent(): string[] {
    return readdirSync(join(this.folder, "mail")).sort();
  }

  #mail(file: string): Mail {
    const text = readFileSync(join(this.folder, "mail", file), "utf8");
    const header = (name: string) => new RegExp(`^${name}: (.*)$`, "m").exec(text)?.[1];
    const reference = header("In-Reply-To");
    return {
      subject: /^\[sispi\] (.*)$/.exec(header("Subject") ?? "")?.[1] ?? "without the name of the site",
      id: header("Message-ID") ?? "",
      ...(reference === undefined ? {} : { reference }),
      text: text.slice(text.indexOf("\n\n") + 2),
    };
  }

  /** A program that takes mails, as each that has this interface does, into a folder. */
  #writeSendmail(): void {
    const [bin, mail] = [join(this.folder, "bin"), join(this.folder, "mail")];
    for (const folder of [bin, mail]) {
      mkdirSync(folder);
      chmodSync(folder, 0o777);
    }
    const program = join(bin, "sendmail");
    writeFileSync(
      program,
      `#!/bin/sh\nread -r status <'${this.folder}/status'\n[ "$status" = 0 ] || exit "$status"\nexec cat >"$(mktemp '${mail}/'$(date +%s%N)XXXX)"\n`,
    );
    chmodSync(program, 0o755);
    this.sendmailEnds(0);
  }

  #at(name: string): readonly string[] {
    return ["-h", this.address(name), "-p", `${this.port}`, "-U", "postgres"];
  }

  async #run(program: string, args: readonly string[]): Promise<string> {
    const folder = clients.includes(program) ? programs15 : this.programs;
    const { stdout } = await execa(join(folder, program), args, {
      ...unprivileged(),
      cwd: "/",
      // What a server inherits would be waited for.
      stdio: program === "pg_ctl" ? "ignore" : ["ignore", "pipe", "pipe"],
      extendEnv: false,
      env: { PATH: "/usr/bin:/bin", LC_ALL: "C" },
    });
    return stdout ?? "";
  }
}
