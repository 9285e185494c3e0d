import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { chown, mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import pg from "pg";
import { osUser } from "../../hosts/users.js";
import { atLeast, type Major, majors } from "../../postgres/versions.js";
import { programsOf } from "./programs.js";

export const port = 5447;
/** Ours comes first in every file, so that a reload never locks the test out. */
const ours = "host postgres postgres 127.0.0.0/8 trust";

/** A real server for rules of access, on a loopback address of its own: 127.0.BLOCK.x. */
export class HbaServer {
  readonly directory: string;
  #process: ChildProcess | undefined;
  #client: pg.Client | undefined;

  private constructor(
    readonly major: Major,
    readonly folder: string,
    readonly address: string,
  ) {
    this.directory = join(folder, "data");
  }

  static async make(major: Major, block = 10): Promise<HbaServer> {
    const folder = await mkdtemp("/var/tmp/pgsite-hba-");
    return new HbaServer(major, folder, `127.0.${block}.${majors.indexOf(major) + 1}`);
  }

  async start(): Promise<void> {
    const programs = await programsOf(this.major);
    // The servers' programs refuse to run as root.
    const user = process.getuid?.() === 0 ? await osUser("postgres").catch(() => osUser("nobody")) : undefined;
    if (user !== undefined) await chown(this.folder, user.uid, user.gid);
    const ids = user === undefined ? {} : { uid: user.uid, gid: user.gid };
    const options = { ...ids, cwd: "/", env: { LC_ALL: "C", PATH: process.env.PATH } };
    const initdb = ["-D", this.directory, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"];
    await promisify(execFile)(join(programs, "initdb"), initdb, options);
    await writeFile(join(this.directory, "names"), "alice\n");
    const settings = [
      `listen_addresses = '${this.address}'`,
      `port = ${port}`,
      "unix_socket_directories = ''",
      "shared_buffers = '8MB'",
      "fsync = off",
      "logging_collector = off",
      ...(atLeast(this.major, "18") ? ["oauth_validator_libraries = 'validator'", "md5_password_warnings = off"] : []),
    ];
    await writeFile(join(this.directory, "postgresql.conf"), `${settings.join("\n")}\n`);
    await this.writeRules([]);
    const child = spawn(join(programs, "postgres"), ["-D", this.directory], {
      ...options,
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.#process = child;
    child.stderr?.on("data", (chunk: Buffer) => {
      this.log += chunk.toString("utf8");
    });
    const end = Date.now() + 20_000;
    for (;;) {
      const client = new pg.Client({ host: this.address, port, user: "postgres", database: "postgres" });
      client.on("error", () => undefined);
      const failure = await client.connect().catch((reason: Error) => reason);
      if (!(failure instanceof Error)) {
        this.#client = client;
        return;
      }
      if (Date.now() > end || child.exitCode !== null) throw new Error(`${failure.message}\n${this.log}`);
      await sleep(50);
    }
  }

  log = "";

  async query(text: string): Promise<Record<string, unknown>[]> {
    if (this.#client === undefined) throw new Error(`PostgreSQL ${this.major} does not run`);
    return (await this.#client.query(text)).rows;
  }

  async writeRules(lines: readonly string[]): Promise<void> {
    await writeFile(join(this.directory, "pg_hba.conf"), [ours, ...lines, ""].join("\n"));
  }

  /** What the server logs on a reload, up to its complaint of a last line that no version takes. */
  async reload(lines: readonly string[]): Promise<string> {
    const before = this.log.length;
    await this.writeRules([...lines, "nonsense"]);
    await this.query("SELECT pg_reload_conf()");
    const end = Date.now() + 10_000;
    while (!/pg_hba\.conf.*(?:not reloaded|was not loaded)/.test(this.log.slice(before))) {
      if (Date.now() > end) throw new Error(`no answer to the reload: ${this.log.slice(before)}`);
      await sleep(20);
    }
    return this.log.slice(before);
  }

  /** Rows of pg_hba_file_rules by line of the list; before 10 the complaints of the log alone. */
  async read(lines: readonly string[]): Promise<Map<number, Row>> {
    const rows = new Map<number, Row>();
    if (atLeast(this.major, "10")) {
      await this.writeRules(lines);
      const sql = "SELECT line_number, error, type, database, user_name, auth_method FROM pg_hba_file_rules";
      for (const row of (await this.query(sql)) as unknown as Row[]) rows.set(row.line_number - 2, row);
    } else {
      const log = (await this.reload(lines)).split("\n");
      for (const [index, text] of log.entries()) {
        const line = /CONTEXT: {2}line (\d+) of configuration file/.exec(text)?.[1];
        const error = log[index - 1]?.replace(/^.*(?:LOG|HINT): {2}/, "") ?? "";
        if (line !== undefined)
          rows.set(Number(line) - 2, { line_number: Number(line), error: `${log[index - 2]} ${error}` });
      }
    }
    return rows;
  }

  async close(): Promise<void> {
    await this.#client?.end().catch(() => undefined);
    const child = this.#process;
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      const ended = once(child, "exit");
      child.kill("SIGINT");
      const timer = setTimeout(() => child.kill("SIGQUIT"), 5000);
      await ended;
      clearTimeout(timer);
    }
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** Of pg_hba_file_rules, as far as it is compared. */
export interface Row {
  readonly line_number: number;
  readonly error: string | null;
  readonly type?: string | null;
  readonly database?: readonly string[] | null;
  readonly user_name?: readonly string[] | null;
  readonly auth_method?: string | null;
}
