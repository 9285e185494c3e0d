import { execFile } from "node:child_process";
import { chownSync, existsSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

const version = "15";
const programs = `/usr/lib/postgresql/${version}/bin`;

/** Why no clusters of Debian's can be made here; undefined where they can. */
export function noDebian(): string | undefined {
  if (userInfo().uid !== 0) return "needs root";
  return existsSync("/usr/bin/pg_createcluster") && existsSync(`${programs}/postgres`)
    ? undefined
    : `needs Debian's postgresql-${version}`;
}

export interface DebianCluster {
  readonly cluster: string;
  readonly address: string;
  readonly port: number;
  readonly dataDirectory: string;
  readonly configuration: string;
}

/**
 * A primary and a standby as Debian's tools make them (pg_createcluster, pg_basebackup -R), two clusters of this machine: with
 * conf.d, rules by peer, and cluster_name as the name under which the standby streams. `close` ends and removes both.
 */
export class DebianPair {
  readonly password = "adm1n's";
  readonly replicationPassword = "r3pl secret";

  private constructor(
    readonly primary: DebianCluster,
    readonly standby: DebianCluster,
  ) {}

  static async make(block: number): Promise<DebianPair> {
    const cluster = (name: string, last: number): DebianCluster => ({
      cluster: name,
      address: `127.0.${block}.${last}`,
      port: 5440 + last,
      dataDirectory: `/var/lib/postgresql/${version}/${name}`,
      configuration: `/etc/postgresql/${version}/${name}`,
    });
    const pair = new DebianPair(cluster(`pgsite${block}a`, 2), cluster(`pgsite${block}b`, 3));
    await pair.close();
    try {
      await pair.#makePrimary();
      await pair.#makeStandby();
    } catch (error) {
      await pair.close();
      throw error;
    }
    return pair;
  }

  /** One statement, as the OS user by peer. */
  async query({ port }: DebianCluster, statement: string): Promise<string> {
    const words = [`${programs}/psql`, "-XAtq", "-h", "/var/run/postgresql", "-p", `${port}`, "-c", statement];
    return (await asPostgres([...words, "postgres"])).trim();
  }

  async close(): Promise<void> {
    for (const { cluster, dataDirectory, configuration } of [this.standby, this.primary]) {
      await run("pg_dropcluster", ["--stop", version, cluster]).catch(() => undefined);
      rmSync(`${dataDirectory}.pgsite`, { recursive: true, force: true });
      // pg_dropcluster leaves a folder in which somebody put a file.
      rmSync(configuration, { recursive: true, force: true });
    }
  }

  async #create({ cluster, port, address, configuration }: DebianCluster): Promise<void> {
    await run("pg_createcluster", ["-p", `${port}`, "--locale=C", "-e", "UTF8", version, cluster]);
    const memory = "# of this machine\nwork_mem = 8MB\nshared_buffers = 16MB   # small\nmax_connections = 30\n";
    writeFileSync(join(configuration, "conf.d/10-memory.conf"), memory);
    const log = `log_min_duration_statement = 250ms\nlisten_addresses = '${address}'\nfsync = off\n`;
    writeFileSync(join(configuration, "conf.d/20-other.conf"), log);
    writeFileSync(join(configuration, "conf.d/ignored.off"), "work_mem = 1GB\n");
  }

  async #makePrimary(): Promise<void> {
    await this.#create(this.primary);
    await run("pg_ctlcluster", [version, this.primary.cluster, "start"]);
    await this.query(this.primary, `alter role postgres password '${this.password.replaceAll("'", "''")}'`);
    await this.query(this.primary, `create role repl login replication password '${this.replicationPassword}'`);
    await this.query(this.primary, "create table kept as select generate_series(1, 500) as n");
  }

  async #makeStandby(): Promise<void> {
    const { primary, standby } = this;
    await this.#create(standby);
    rmSync(standby.dataDirectory, { recursive: true });
    const passfile = `/etc/postgresql/${version}/${standby.cluster}/pgpass`;
    writeFileSync(passfile, `*:*:*:repl:${this.replicationPassword}\n`, { mode: 0o600 });
    const { uid, gid } = statSync(standby.configuration);
    chownSync(passfile, uid, gid);
    const from = `host=${primary.address} port=${primary.port} user=repl passfile=${passfile}`;
    await asPostgres([`${programs}/pg_basebackup`, "-R", "-c", "fast", "-D", standby.dataDirectory, "-d", from]);
    // What -R wrote has every default of libpq in it; a hand writes less.
    const auto = join(standby.dataDirectory, "postgresql.auto.conf");
    const kept = readFileSync(auto, "utf8").replace(/primary_conninfo = .*/, `primary_conninfo = '${from}'`);
    writeFileSync(auto, kept);
    await run("pg_ctlcluster", [version, standby.cluster, "start"]);
  }
}

async function asPostgres(words: readonly string[]): Promise<string> {
  const { stdout } = await run("runuser", ["-u", "postgres", "--", ...words], { cwd: "/" });
  return stdout;
}
