import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { osUser } from "../../hosts/users.js";
import { atLeast, type Major } from "../../postgres/versions.js";
import { until } from "./processes.js";
import { serverFolder, serverUser } from "./serverUser.js";

/** Debian's programs of PostgreSQL 15: the only ones with clients that a test has without more ado. */
export const debianPrograms = "/usr/lib/postgresql/15/bin";

/** What a program said, and how it ended. */
export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * One PostgreSQL server alone, as the OS user of servers, by initdb and pg_ctl: for what is done to a server through its
 * socket by client programs. Its superuser is `postgres`, by its socket without a password. `close` ends it and removes all of it.
 */
export class OwnServer {
  readonly port = 5442;
  #settings: Readonly<Record<string, string>> = {};

  private constructor(
    readonly folder: string,
    readonly user: string,
    readonly uid: number,
    readonly gid: number,
    readonly major: Major,
    readonly serverPrograms: string,
    readonly address: string | undefined,
  ) {}

  /**
   * @param address on loopback, where it also listens. @default its socket alone
   * @param programs of the server. @default Debian's
   */
  static async make({
    address,
    major = "15",
    programs = debianPrograms,
    settings = {},
    standbyOf,
  }: {
    readonly address?: string;
    readonly major?: Major;
    readonly programs?: string;
    readonly settings?: Readonly<Record<string, string>>;
    /** Its primary, by whose socket it streams. @default it is none */
    readonly standbyOf?: OwnServer;
  } = {}): Promise<OwnServer> {
    const folder = await serverFolder("/var/tmp/pgsite-own-");
    const user = await serverUser();
    const { uid, gid } = await osUser(user);
    const server = new OwnServer(folder, user, uid, gid, major, programs, address);
    try {
      await server.#init(settings, standbyOf);
    } catch (error) {
      await server.close();
      throw error;
    }
    return server;
  }

  get data(): string {
    return join(this.folder, "data");
  }

  /** Where its socket is. */
  get sockets(): string {
    return this.folder;
  }

  async start(): Promise<void> {
    // At 9.0 pg_ctl looks for the socket elsewhere, and waits in vain.
    const waits = atLeast(this.major, "9.1");
    const argv = [`${this.serverPrograms}/pg_ctl`, "-D", this.data, "-l", join(this.folder, "log")];
    await this.must([...argv, waits ? "-w" : "-W", "start"]);
    if (!waits) await until("the server to answer", () => existsSync(join(this.sockets, `.s.PGSQL.${this.port}`)));
  }

  async stop(mode: "fast" | "immediate" = "fast"): Promise<void> {
    await this.must([`${this.serverPrograms}/pg_ctl`, "-D", this.data, "-m", mode, "-w", "stop"]);
  }

  /** A program as the servers' OS user, its session directed at this server. */
  async run(
    argv: readonly string[],
    options: { readonly input?: string; readonly env?: NodeJS.ProcessEnv } = {},
  ): Promise<Ended> {
    const child = this.spawn(argv, options.env);
    const [out, err] = [collected(child.stdout), collected(child.stderr)];
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(options.input ?? "");
    const code = await new Promise<number>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (status, signal) => resolve(status ?? (signal === null ? 1 : 128)));
    });
    return { code, stdout: out(), stderr: err() };
  }

  /** @throws with what it said, where it does not end well */
  async must(
    argv: readonly string[],
    options: { readonly input?: string; readonly env?: NodeJS.ProcessEnv } = {},
  ): Promise<string> {
    const { code, stdout, stderr } = await this.run(argv, options);
    if (code !== 0) throw new Error(`${argv[0]} ended with ${code}: ${stderr.trim()}`);
    return stdout;
  }

  spawn(argv: readonly string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
    const [program, ...args] = argv;
    return spawn(program as string, args, {
      cwd: this.folder,
      env: {
        PATH: process.env.PATH,
        HOME: this.folder,
        LC_ALL: "C",
        PGHOST: this.sockets,
        PGPORT: `${this.port}`,
        PGUSER: "postgres",
        ...env,
      },
      ...(process.getuid?.() === 0 ? { uid: this.uid, gid: this.gid } : {}),
    });
  }

  /** One or several statements by psql, as superuser; rows, fields by tab. */
  async query(database: string, sql: string): Promise<string> {
    const argv = [`${debianPrograms}/psql`, "-XqAt", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-d", database, "-f", "-"];
    return (await this.must(argv, { input: sql })).trim();
  }

  async close(): Promise<void> {
    const pidFile = join(this.data, "postmaster.pid");
    if (existsSync(pidFile)) {
      const pid = Number(readFileSync(pidFile, "utf8").split("\n")[0]);
      await this.stop("immediate").catch(() => {
        if (pid > 1) process.kill(pid, "SIGKILL");
      });
    }
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }

  /** Writes its configuration anew, with these settings over the others: for its next start. */
  set(settings: Readonly<Record<string, string>>): void {
    this.#settings = { ...this.#settings, ...settings };
    const all = {
      listen_addresses: this.address ?? "",
      port: `${this.port}`,
      [atLeast(this.major, "9.3") ? "unix_socket_directories" : "unix_socket_directory"]: this.sockets,
      fsync: "off",
      shared_buffers: "64MB",
      logging_collector: "off",
      timezone: "UTC",
      ...this.#settings,
    };
    const lines = Object.entries(all).map(([name, value]) => `${name} = '${value.replaceAll("'", "''")}'\n`);
    writeFileSync(join(this.data, "postgresql.conf"), lines.join(""));
  }

  async #init(settings: Readonly<Record<string, string>>, standbyOf: OwnServer | undefined): Promise<void> {
    const { data } = this;
    const asked = [
      "-U",
      "postgres",
      "-A",
      "trust",
      "-E",
      "UTF8",
      "--locale=C",
      ...(atLeast(this.major, "9.3") ? ["-N"] : []),
    ];
    if (standbyOf === undefined) await this.must([`${this.serverPrograms}/initdb`, "-D", data, ...asked]);
    else {
      const way = ["-h", standbyOf.sockets, "-p", `${standbyOf.port}`, "-R", "-c", "fast", "-X", "stream"];
      await this.must([`${debianPrograms}/pg_basebackup`, "-D", data, ...way]);
    }
    this.set(settings);
    const passwords = "host all all 127.0.0.0/8 md5\nhost replication all 127.0.0.0/8 md5\n";
    writeFileSync(join(data, "pg_hba.conf"), `local all all trust\nlocal replication all trust\n${passwords}`);
    await this.start();
  }
}

/** Numbers of the processes that were directed at a server, other than its own. */
export function processesOf(server: OwnServer, program?: string): readonly number[] {
  const read = (path: string) => {
    try {
      return readFileSync(path, "utf8");
    } catch {
      return "";
    }
  };
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => read(`/proc/${pid}/environ`).split("\0").includes(`PGHOST=${server.sockets}`))
    .filter((pid) => {
      const name = read(`/proc/${pid}/comm`).trim();
      return name !== "postgres" && (program === undefined || name === program);
    })
    .map(Number);
}

/** Whether Debian's programs are there: tests that need clients are skipped where not. */
export function haveClients(): boolean {
  return existsSync(join(debianPrograms, "pg_dump"));
}

function collected(stream: NodeJS.ReadableStream | null): () => string {
  const pieces: Buffer[] = [];
  stream?.on("data", (piece: Buffer) => pieces.push(piece));
  return () => Buffer.concat(pieces).toString("utf8");
}
