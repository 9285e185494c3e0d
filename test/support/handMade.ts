import { execFile } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { LocalHost } from "../../hosts/local.js";
import { atLeast, type Major } from "../../postgres/versions.js";
import { processState } from "../../servers/process/process.js";
import { type Row, withSession } from "../../servers/sql/session.js";
import { programsOf } from "./programs.js";
import { proof } from "./proof.js";

const run = promisify(execFile);

/** What whoever makes a site at a version can do. */
function hasAt(major: Major) {
  return {
    replicationAttribute: atLeast(major, "9.1"),
    /** A superuser is made with that attribute. */
    superusersReplicate: major === "9.1",
    includeIfExists: atLeast(major, "9.2"),
    alterSystem: atLeast(major, "9.4"),
    slots: atLeast(major, "9.4"),
    nonExclusiveBackup: atLeast(major, "9.6"),
    /** By default. */
    replicates: atLeast(major, "10"),
    passphrase: atLeast(major, "11"),
    signals: atLeast(major, "12"),
  };
}

export interface HandMadeServer {
  readonly name: string;
  readonly address: string;
  readonly dataDirectory: string;
}

/**
 * A primary and a hot standby as people make them without pgsite: initdb, editors, ALTER SYSTEM, a base backup by the
 * low-level functions, pg_ctl. `close` ends and removes all of it.
 */
export class HandMadeSite {
  readonly port = 5493;
  readonly administratorPassword = "adm1n's";
  readonly replicationPassword = "r3pl secret";
  readonly passphrase = "zq9phrase";
  readonly radiusSecret = "zq9radius";
  readonly has: ReturnType<typeof hasAt>;

  private constructor(
    readonly major: Major,
    readonly folder: string,
    readonly user: string,
    readonly programs: string,
    readonly primary: HandMadeServer,
    readonly standby: HandMadeServer,
  ) {
    this.has = hasAt(major);
  }

  /** @param addresses of the primary and the standby */
  static async make(major: Major, addresses: readonly [string, string]): Promise<HandMadeSite> {
    const folder = mkdtempSync("/var/tmp/pgsite-hand-");
    chmodSync(folder, 0o755);
    const user = await unprivileged();
    const place = (name: string, address: string) => ({ name, address, dataDirectory: join(folder, name, "pgdata") });
    const [first, second] = [place("alpha", addresses[0]), place("beta", addresses[1])];
    const site = new HandMadeSite(major, folder, user, await programsOf(major), first, second);
    try {
      await site.#makePrimary();
      await site.#makeStandby();
    } catch (error) {
      await site.close();
      throw error;
    }
    return site;
  }

  async query(server: HandMadeServer, ...statements: readonly string[]): Promise<readonly Row[]> {
    const login = { user: "postgres", password: this.administratorPassword };
    return withSession({ ...server, port: this.port, proof: proof() }, login, {}, async (session) => {
      let rows: readonly Row[] = [];
      for (const statement of statements) rows = await session.query(statement);
      return rows;
    });
  }

  /** All that an import must not change: configuration with its times and modes, start times, roles, rows. */
  async snapshot(): Promise<Record<string, unknown>> {
    const files = [this.primary, this.standby].flatMap(({ dataDirectory }) =>
      readdirSync(dataDirectory)
        .filter((name) => /\.(conf|signal)$/.test(name))
        .map((name) => {
          const path = join(dataDirectory, name);
          const { mode, uid, mtimeMs, ino } = statSync(path);
          return [path, { text: readFileSync(path, "utf8"), mode, uid, mtimeMs, ino }];
        }),
    );
    const started = "select pg_postmaster_start_time()::text as at";
    return {
      files: Object.fromEntries(files),
      started: [await this.query(this.primary, started), await this.query(this.standby, started)],
      roles: await this.query(this.primary, "select oid, xmin::text, * from pg_authid order by 1"),
      settings: await this.query(
        this.primary,
        "select name, setting, source from pg_settings where source not in ('session', 'client') order by name",
      ),
      sessionSettings: await this.query(
        this.primary,
        "select *, setconfig::text from pg_db_role_setting order by 1, 2",
      ),
      ...(this.has.slots
        ? { slots: await this.query(this.primary, "select slot_name, slot_type from pg_replication_slots order by 1") }
        : {}),
      databases: await this.query(this.primary, "select datname, datdba, datconnlimit from pg_database order by 1"),
      rows: await this.query(this.standby, "select count(*)::text, sum(n)::text from kept"),
    };
  }

  async close(): Promise<void> {
    for (const { name, dataDirectory } of [this.standby, this.primary]) {
      const host = new LocalHost(name, this.user);
      const state = await processState(host, dataDirectory).catch(() => undefined);
      if (state?.kind !== "running") continue;
      await this.#as("pg_ctl", ["stop", "-m", "immediate", "-D", dataDirectory]).catch(() => undefined);
    }
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #makePrimary(): Promise<void> {
    const { dataDirectory, address } = this.primary;
    const at = await this.#folder("alpha");
    const passwordFile = join(at, "password");
    this.#write(passwordFile, `${this.administratorPassword}\n`);
    const options = ["-A", "md5", "-U", "postgres", "-E", "UTF8", "--locale=C", `--pwfile=${passwordFile}`];
    await this.#as("initdb", ["-D", dataDirectory, ...options]);
    appendFileSync(
      join(dataDirectory, "postgresql.conf"),
      `
# --- ours, since 2016 ---
listen_addresses = '${address}'   # the inner network
port = ${this.port}
${this.#sockets(at)}
shared_buffers = 16MB
fsync = off
max_connections = 30
Work_Mem 8MB            # no equals sign
log_line_prefix = '%m [%p] %q%u@%d '
${this.has.includeIfExists ? "include_if_exists =" : "include"} 'site.conf'
${this.has.passphrase ? `ssl_passphrase_command = 'echo ${this.passphrase}'\n` : ""}${this.has.replicates ? "" : replicating}${this.has.slots && !this.has.replicates ? "max_replication_slots = 4\n" : ""}${this.has.alterSystem ? "" : "log_autovacuum_min_duration = 2s\n"}`,
    );
    this.#write(join(dataDirectory, "site.conf"), "log_min_duration_statement = 250ms\nmaintenance_work_mem = 32MB\n");
    this.#write(
      join(dataDirectory, "pg_hba.conf"),
      `# TYPE  DATABASE  USER  ADDRESS  METHOD
local   all   all   md5
host    all   all   127.0.0.0/8   md5   # everybody on the inner network
# replication, see ticket 4711
host    replication   repl   127.0.0.0    255.0.0.0   md5
hostnossl all "odd name" 10.1.2.0/24 reject
host all "odd name" 10.1.2.0/24 radius ${atLeast(this.major, "10") ? "radiusservers=192.0.2.9 radiussecrets" : "radiusserver=192.0.2.9 radiussecret"}=${this.radiusSecret}
`,
      0o640,
    );
    await this.#start(this.primary);
    await this.query(
      this.primary,
      `create role repl login ${this.has.replicationAttribute ? "replication" : "superuser"} password '${this.replicationPassword}'`,
      "create role app login password 'app' connection limit 12",
      "create role second_dba superuser login password 'dba'",
      "create role readers",
      "grant readers to app",
      "create database science owner app",
      "alter role app set search_path to science, public",
      "alter database science set timezone to 'UTC'",
      "alter role app in database science set work_mem to '20MB'",
      ...(this.has.slots ? ["select pg_create_physical_replication_slot('backup_tool')"] : []),
      "create table kept as select generate_series(1, 5000) as n",
      ...(this.has.alterSystem
        ? ["alter system set log_autovacuum_min_duration = '2s'", "alter system set work_mem = '12MB'"]
        : []),
      "select pg_reload_conf()",
    );
    const login = { user: "postgres", password: this.administratorPassword };
    const there = { ...this.primary, port: this.port, proof: proof() };
    await withSession(there, login, { database: "science" }, async (session) => {
      await session.query("create schema archive authorization second_dba");
      await session.query("create schema science authorization app");
    });
  }

  async #makeStandby(): Promise<void> {
    const { dataDirectory, address } = this.standby;
    const at = await this.#folder("beta");
    const login = { user: "postgres", password: this.administratorPassword };
    const after15 = atLeast(this.major, "15");
    await withSession({ ...this.primary, port: this.port, proof: proof() }, login, {}, async (session) => {
      const [start, stop] = after15
        ? ["pg_backup_start('hand', true)", "pg_backup_stop(false)"]
        : ["pg_start_backup('hand', true, false)", "pg_stop_backup(false, false)"];
      await session.query(this.has.nonExclusiveBackup ? `select ${start}` : "select pg_start_backup('hand', true)");
      await run("cp", ["-a", this.primary.dataDirectory, dataDirectory]);
      if (!this.has.nonExclusiveBackup) return void (await session.query("select pg_stop_backup()"));
      const [row] = await session.query(`select labelfile from ${stop}`);
      this.#write(join(dataDirectory, "backup_label"), row?.labelfile ?? "");
    });
    for (const name of ["postmaster.pid", "postmaster.opts"]) rmSync(join(dataDirectory, name), { force: true });
    appendFileSync(
      join(dataDirectory, "postgresql.conf"),
      `listen_addresses = '${address}'\nhot_standby = on\n${this.#sockets(at)}\n`,
    );
    const passfile = join(at, "pgpass");
    this.#write(passfile, `*:*:*:repl:${this.replicationPassword}\n`);
    const passfileWord = atLeast(this.major, "10") ? `passfile=${passfile} ` : "";
    const conninfo = `host=${this.primary.address} port=${this.port} user=repl ${passfileWord}application_name=beta`;
    if (this.has.signals) {
      appendFileSync(join(dataDirectory, "postgresql.auto.conf"), `primary_conninfo = '${conninfo}'\n`);
      this.#write(join(dataDirectory, "standby.signal"), "", 0o644);
    } else {
      this.#write(
        join(dataDirectory, "recovery.conf"),
        `# made by hand\nstandby_mode = 'on'\nprimary_conninfo = '${conninfo} password=''${this.replicationPassword}'''\ntrigger_file = '${at}/promote'\n`,
        0o644,
      );
    }
    await this.#start(this.standby);
  }

  async #start({ dataDirectory, address }: HandMadeServer): Promise<void> {
    const args = ["start", "-w", "-t", "30", "-D", dataDirectory, "-l", `${dataDirectory}.log`];
    // Before 9.1 pg_ctl asks where libpq does by default.
    await this.#as("pg_ctl", args, { PGHOST: address }).catch((error: Error) => {
      throw new Error(`${error.message}\n${readFileSync(`${dataDirectory}.log`, "utf8")}`);
    });
  }

  /** None; before 9.3 a server has one always. */
  #sockets(folder: string): string {
    return atLeast(this.major, "9.3") ? "unix_socket_directories = ''" : `unix_socket_directory = '${folder}'`;
  }

  async #folder(name: string): Promise<string> {
    const path = join(this.folder, name);
    mkdirSync(path, { mode: 0o755 });
    chownSync(path, ...(await this.#ids()));
    return path;
  }

  #write(path: string, text: string, mode = 0o600): void {
    writeFileSync(path, text, { mode });
    chmodSync(path, mode);
    const parent = statSync(join(path, ".."));
    chownSync(path, parent.uid, parent.gid);
  }

  async #ids(): Promise<[number, number]> {
    const { stdout } = await run("getent", ["passwd", this.user]);
    const [, , uid, gid] = stdout.split(":");
    return [Number(uid), Number(gid)];
  }

  async #as(program: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<void> {
    const argv = [join(this.programs, program), ...args];
    const result = await new LocalHost("here", this.user).run(argv, { timeout: 60_000, env });
    if (result.code !== 0) throw new Error(`${program} ${args.join(" ")}: ${result.stderr}${result.stdout}`);
  }
}

/** What replication takes before 10, where nothing of it is the default. */
const replicating = "wal_level = hot_standby\nmax_wal_senders = 5\nwal_keep_segments = 16\nhot_standby = on\n";

async function unprivileged(): Promise<string> {
  if (userInfo().uid !== 0) return userInfo().username;
  const { stdout } = await run("getent", ["passwd", "postgres", "nobody"]).catch(() => ({ stdout: "" }));
  return stdout.startsWith("postgres:") ? "postgres" : "nobody";
}
