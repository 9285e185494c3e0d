import { execFile } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Server } from "../../config/site.js";
import { noWishes } from "../../config/upgrade.js";
import type { Host } from "../../hosts/host.js";
import { hostOf } from "../../hosts/index.js";
import { must } from "../../installed/must.js";
import type { ClusterFacts, UpgradeFacts, UpgradePlan, UpgradeWishes, Way } from "../../postgres/upgrade/model.js";
import { planUpgrade } from "../../postgres/upgrade/plan.js";
import { atLeast, type Major } from "../../postgres/versions.js";
import { tellingPrefix } from "../../postgres/voice.js";
import { readSystemIdentifier } from "../../servers/data/dataDirectory.js";
import { writeDeclaredFiles } from "../../servers/data/ownFiles.js";
import { seal } from "../../servers/data/seal.js";
import { processState, startServer } from "../../servers/process/process.js";
import { stopServer } from "../../servers/process/stop.js";
import type { Context } from "../../servers/rollout/reporter.js";
import { seed } from "../../servers/seed/seed.js";
import { withSession } from "../../servers/sql/session.js";
import { lookForUpgrade } from "../../servers/upgrade/look.js";
import type { UpgradeArgs } from "../../servers/upgrade/state.js";
import { Cluster } from "./cluster.js";
import { reportBy } from "./reportBy.js";
import { serverFolder } from "./serverUser.js";

/** How the old cluster is made. */
export interface Shape {
  readonly from: Major;
  readonly to: Major;
  /** Folders of programs: those of the old version, those of the new one, and (where these have none) clients of it. */
  readonly programs: { readonly old: string; readonly new: string; readonly clients?: string };
  /** Arguments of initdb. @default a C locale, UTF-8, checksums */
  readonly initdb?: readonly string[];
  /** Of the new cluster, as its old one is. */
  readonly cluster?: Partial<ClusterFacts>;
  readonly settings?: Readonly<Record<string, string>>;
  /** Settings that the new version has no more: they are not declared for it. */
  readonly gone?: readonly string[];
  readonly standby?: boolean;
  readonly walSegmentSize?: number;
  /** @default 236: servers listen on 127.0.BLOCK.x */
  readonly block?: number;
  /** Where it all is, of whoever runs the servers. @default a new folder */
  readonly folder?: string;
  /** Whether the install user is let in by a socket, so that `pg_upgrade --check` can be run beforehand. @default false */
  readonly sockets?: boolean;
}

const password = "secret";

/** A server of an old version, maybe with a standby, and what an upgrade of it is given. `close` ends and removes all of it. */
export class UpgradeSite {
  readonly #controller = new AbortController();
  /** What was said; warnings are marked as such. */
  readonly said: string[] = [];
  /** Called with each word of how far it is. */
  onProgress: (line: string) => Promise<void> | void = () => undefined;
  /** What the declared configuration says beside what it said before. */
  newSettings: Readonly<Record<string, string>> = {};

  private constructor(
    readonly cluster: Cluster,
    readonly shape: Shape,
  ) {}

  /** The server runs. @param first its address is 127.0.BLOCK.FIRST, its standby's the next */
  static async make(first: number, shape: Shape): Promise<UpgradeSite> {
    const { from, programs, standby = false, block = 236, sockets = false } = shape;
    const folder = shape.folder ?? (await serverFolder("/var/tmp/pgsite-test-"));
    const own = sockets ? { unix_socket_directories: folder } : {};
    const settings = { ...own, ...shape.settings };
    const cluster = await Cluster.describe({
      major: from,
      first,
      block,
      programs: programs.old,
      folder,
      ...(sockets ? { rules: "local all owner trust\n" } : {}),
      servers: [
        { name: "primary", role: "primary", settings },
        ...(standby ? [{ name: "standby", role: "standby", hotStandby: true, settings } as const] : []),
      ],
    });
    const site = new UpgradeSite(cluster, shape);
    try {
      await site.#begin();
    } catch (error) {
      await site.close();
      throw error;
    }
    return site;
  }

  get old(): Server {
    return this.cluster.server("primary");
  }

  get host(): Host {
    return hostOf(this.old.host);
  }

  /** A server as it is declared at the new version. */
  declared(name = "primary"): Server {
    const { to, programs, gone = [] } = this.shape;
    const server = this.cluster.server(name);
    const without = new Set(["wal_keep_segments", ...gone]);
    const kept = Object.fromEntries(Object.entries(server.settings).filter(([key]) => !without.has(key)));
    const settings = { ...kept, log_line_prefix: tellingPrefix(to), ...this.newSettings };
    const text = Object.entries(settings)
      .map(([key, value]) => `${key} = '${value.replaceAll("'", "''")}'\n`)
      .join("");
    return {
      ...server,
      version: to,
      binDirectory: programs.new,
      settings,
      files: { ...server.files, "postgresql.conf": text },
    };
  }

  args(more: Partial<UpgradeArgs> = {}): UpgradeArgs {
    const { clients } = this.shape.programs;
    const names = this.cluster.site.servers.map(({ name }) => name);
    return {
      site: "test",
      stack: "test",
      version: this.shape.to,
      administrator: "dbadmin",
      administratorPassword: password,
      primary: "primary",
      servers: Object.fromEntries(names.map((name) => [name, this.declared(name)])),
      ...(clients === undefined ? {} : { clientDirectory: clients }),
      wishes: { method: "auto", jobs: 2, acceptNoRollback: true, defer: {}, after: [] },
      backups: false,
      ...more,
    };
  }

  plan(way: Way, more: Partial<UpgradePlan> = {}): UpgradePlan {
    const { from, to } = this.shape;
    return {
      server: "primary",
      ...{ from, to, way },
      because: "asked",
      keepsRollback: way !== "link",
      space: { needed: 0, free: 0 },
      downtime: 0,
      settings: [],
      extensions: [],
      statistics: way !== "dump" && to === "18" ? "kept but extended" : "made again",
      collations: [],
      check: { code: "clean" },
      standbys: [],
      after: [],
      deferred: {},
      slotsLost: [],
      backup: "none",
      refusals: [],
      ...more,
    };
  }

  async facts(): Promise<UpgradeFacts> {
    const { from, to, programs, cluster = {} } = this.shape;
    const databases = await this.query("select datname as name from pg_database where datname <> 'template0'");
    const location = atLeast(from, "9.2") ? "pg_tablespace_location(oid)" : "spclocation";
    const tablespaces = await this.query(
      `select spcname as name, ${location} as location from pg_tablespace where spcname !~ '^pg_'`,
    );
    const settings = await this.query(
      "select name, current_setting(name) as setting from pg_settings where source not in ('default', 'override', 'client', 'session')",
    );
    const none = { pg_upgrade: [], dump: [] };
    return {
      server: "primary",
      cluster: {
        version: from,
        systemIdentifier: (await readSystemIdentifier(this.host, this.old.dataDirectory)) ?? "",
        installUser: "owner",
        checksums: true,
        walSegmentSize: 16 * 1024 * 1024,
        encoding: "UTF8",
        locale: { provider: "libc", collate: "C", ctype: "C" },
        dataSize: 50_000_000,
        databases: databases.map(({ name }) => ({
          name: `${name}`,
          size: 8_000_000,
          extensions: [],
          unsupported: {},
          collations: [],
        })),
        tablespaces: tablespaces.map(({ name, location: folder }) => ({ name: `${name}`, location: `${folder}` })),
        settings: Object.fromEntries(settings.map(({ name, setting }) => [`${name}`, `${setting}`])),
        preparedTransactions: 0,
        logicalSlots: [],
        ...cluster,
      },
      host: {
        free: 1e12,
        reflink: false,
        oldPrograms: { folder: programs.old, version: from, missing: none },
        newPrograms: {
          folder: programs.new,
          version: to,
          missing: programs.clients === undefined ? none : { pg_upgrade: ["pg_upgrade", "pg_dump", "psql"], dump: [] },
        },
      },
      check: { code: "clean" },
      standbys: [],
      copyRate: 1e8,
      backups: "none",
    };
  }

  /** What an `up` goes by: found on the real server, as its preview says it. */
  async look(
    wishes: Partial<UpgradeWishes> = {},
  ): Promise<{ readonly facts: UpgradeFacts; readonly plan: UpgradePlan }> {
    const server = this.declared();
    const wanted = { to: this.shape.to, wishes: { ...noWishes, ...wishes }, declared: server.settings };
    const args = this.args({ wishes: wanted.wishes });
    const { signal } = this.#controller;
    const facts = await lookForUpgrade({ args, server, wanted, signal });
    return { facts, plan: planUpgrade(facts, wanted, new Date()) };
  }

  context(signal: AbortSignal = this.#controller.signal): Context {
    const log: Context["log"] = async (severity, message) => {
      this.said.push(severity === "warning" ? `warning: ${message}` : message);
    };
    const progress = async (line: string) => {
      this.said.push(line);
      await this.onProgress(line);
    };
    return { name: "test", signal, isSecret: () => false, log, report: reportBy(log), progress };
  }

  async query(sql: string, database = "postgres", name = "primary") {
    const login = { user: "dbadmin", password };
    const options = { database, queryTimeout: 0 };
    return withSession(this.cluster.server(name), login, options, (session) => session.query(sql));
  }

  /** Several statements at once. */
  async run(sql: string, database = "postgres"): Promise<void> {
    await this.query(sql, database);
  }

  async version(name = "primary"): Promise<string | undefined> {
    const [row] = await this.query("select current_setting('server_version_num')::int / 10000 as v", "postgres", name);
    return row?.v ?? undefined;
  }

  /**
   * All of it as SQL by the new version's own programs, so that both sides are written in the same words, and one checksum a table.
   */
  async contents(): Promise<readonly string[]> {
    const folder = this.shape.programs.clients ?? this.shape.programs.new;
    const { address, port } = this.old;
    const env = { ...process.env, PGPASSWORD: password, PGHOST: address, PGPORT: `${port}`, PGUSER: "dbadmin" };
    const dump = [join(folder, "pg_dumpall"), "-l", "postgres", "--quote-all-identifiers"];
    const { stdout } = await promisify(execFile)(dump[0] as string, dump.slice(1), { env, maxBuffer: 1e9 });
    return stdout
      .split("\n")
      .filter((line) => !/^(--|\\(un)?restrict|$)/.test(line))
      .filter((line) => !/^SET (transaction_timeout|default_table_access_method)/.test(line));
  }

  async state(name = "primary") {
    const server = this.cluster.server(name);
    return (await processState(hostOf(server.host), server.dataDirectory)).kind;
  }

  abort(): void {
    this.#controller.abort(new Error("stopped"));
  }

  async close(): Promise<void> {
    await this.cluster.close();
    rmSync(this.cluster.folder, { recursive: true, force: true });
  }

  async #begin(): Promise<void> {
    const { old, host, shape } = this;
    const { initdb = ["--no-locale", "--encoding=UTF8", "--data-checksums"] } = shape;
    await host.makeDirectory(old.dataDirectory);
    const make = [join(old.binDirectory, "initdb"), "-D", old.dataDirectory, "-U", "owner", "-A", "trust", "-N"];
    await must(host, [...make, ...initdb], { timeout: 120_000 });
    const sql = `create role dbadmin superuser login replication password '${password}';\n`;
    const single = [join(old.binDirectory, "postgres"), "--single", "-D", old.dataDirectory, "postgres"];
    await must(host, single, { input: sql });
    await writeDeclaredFiles(host, old);
    await seal(host, { name: "test" }, old, (await readSystemIdentifier(host, old.dataDirectory)) ?? "");
    await startServer(host, old);
    if (shape.standby !== true) return;
    await seed({ site: this.cluster.site, passwords: this.cluster.passwords, server: "standby" });
    await startServer(host, this.cluster.server("standby"));
  }
}

export { stopServer };
