import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Rehearsal } from "../../cli/rehearsal/rehearsal.js";
import type { KnownServer } from "../../config/site.js";
import type { Host } from "../../hosts/host.js";
import { hostOf } from "../../hosts/index.js";
import { parsePassfile } from "../../postgres/files/passfile.js";
import { atLeast, type Major } from "../../postgres/versions.js";
import { processState, reloadServer, startServer } from "../../servers/process/process.js";
import { stopServer } from "../../servers/process/stop.js";
import { until } from "../../servers/process/until.js";
import { serverOf } from "../../servers/rollout/site.js";
import type { RolloutArgs } from "../../servers/rollout/state.js";
import { type Login, type Row, withSession } from "../../servers/sql/session.js";
import type { InProcess } from "./engine.js";
import { oldServers } from "./oldServers.js";
import { programsOf } from "./programs.js";
import { proof } from "./proof.js";

/** A site with one of everything that can drift: a primary, a warm standby, a hot mirror, roles, databases, their settings. */
const plantStack = `config:
  pgsite:site: plants
  pgsite:postgresql: "15"
  pgsite:port: 5442
  pgsite:hosts: {server2: 192.0.2.2, server3: 192.0.2.3, des10: 192.0.2.10}
  pgsite:primary: server2
  pgsite:servers:
    server2: {dataDirectory: /data}
    server3: {dataDirectory: /data, settings: {hot_standby: false}}
    des10: {dataDirectory: /data, role: mirror}
  pgsite:settings:
    max_connections: 40
    shared_buffers: 8MB
    fsync: false
    work_mem: 5MB
    logging_collector: true
    log_directory: pg_log
    search_path: science,"$user",public
    wal_level: logical
    wal_retrieve_retry_interval: 200ms
    max_replication_slots: 5
  pgsite:administrator: dbadmin
  pgsite:access:
    - host all all 192.0.2.0/24 md5
    - host science reader 198.51.100.0/24 scram-sha-256
  pgsite:roles:
    observers: {login: false}
    reader:
      connectionLimit: 7
      memberOf: [observers]
      settings: {work_mem: 6MB}
      databaseSettings: {science: {search_path: 'science, public'}}
  pgsite:databases:
    science: {owner: reader, schemas: [science], settings: {statement_timeout: 5min}}
`;

/** What versions know of that stack only from one on, and what they have in its place. */
const later: readonly { readonly from: Major; readonly line: RegExp; readonly before: string }[] = [
  { from: "9.4", line: /wal_level: logical/, before: "wal_level: hot_standby" },
  { from: "9.4", line: /^ *max_replication_slots: .*\n/m, before: "" },
  { from: "9.5", line: /^ *wal_retrieve_retry_interval: .*\n/m, before: "" },
  { from: "10", line: /scram-sha-256/, before: "md5" },
  { from: "10", line: /^ *pgsite:administrator: .*$/m, before: "$&\n  pgsite:authentication: md5" },
];

function plantStackAt(major: Major): string {
  const missing = later.filter(({ from }) => !atLeast(major, from));
  return missing.reduce((text, { line, before }) => text.replace(line, before), plantStack);
}

/** The site rehearsed at a version, and brought up. */
export async function plantSite(major: Major, block: number, name = "plants"): Promise<Rehearsal> {
  const rehearsal = await Rehearsal.prepare({
    name: `test-${name}-${major}`,
    stacks: ["plants"],
    texts: { plants: plantStackAt(major) },
    ...(oldServers().some((server) => server.major === major)
      ? { binaries: await programsOf(major) }
      : { postgresql: major }),
    block,
  });
  await rehearsal.up("plants");
  return rehearsal;
}

/** The servers of a rehearsed site, for whoever wants to change something behind pgsite's back. */
export class Plot {
  readonly #servers: Readonly<Record<string, KnownServer>>;
  readonly #password: string;

  constructor(
    readonly major: Major,
    readonly engine: InProcess,
  ) {
    const rollout = engine.resources.find(({ type }) => type.token.endsWith(":Rollout"));
    if (rollout === undefined) throw new Error("the stack has no rollout");
    const { servers, administratorPassword } = rollout.declared as unknown as RolloutArgs;
    this.#password = administratorPassword;
    this.#servers = Object.fromEntries(Object.entries(servers).map(([name, server]) => [name, serverOf(server)]));
  }

  server(name: string): KnownServer {
    return this.#servers[name] as KnownServer;
  }

  path(server: string, file: string): string {
    const { dataDirectory, passfile } = this.server(server);
    return file === "passfile" ? passfile : join(dataDirectory, file);
  }

  read(server: string, file: string): string {
    return readFileSync(this.path(server, file), "utf8");
  }

  /** Writes a file anew, with owner and mode as they were. */
  async edit(server: string, file: string, change: (text: string) => string): Promise<void> {
    writeFileSync(this.path(server, file), change(this.read(server, file)));
  }

  async append(server: string, file: string, line: string): Promise<void> {
    await this.edit(server, file, (text) => `${text}${line}\n`);
  }

  /** Where the settings of recovery are at this version. */
  get recoveryFile(): string {
    return atLeast(this.major, "12") ? "postgresql.conf" : "recovery.conf";
  }

  host(server: string): Host {
    return hostOf(this.server(server).host);
  }

  async reload(server: string): Promise<void> {
    await reloadServer(this.host(server), this.server(server));
    await new Promise((resolve) => setTimeout(resolve, 150));
  }

  async stop(server: string): Promise<void> {
    await stopServer(this.host(server), this.server(server));
  }

  async restart(server: string): Promise<void> {
    await this.stop(server);
    await this.start(server);
  }

  /** Started by hand, with settings on the command line, by the programs of a folder. */
  async startWith(server: string, options: string, binDirectory = this.server(server).binDirectory): Promise<void> {
    const { dataDirectory } = this.server(server);
    const log = join(this.server(server).controlDirectory, "start.log");
    const argv = [join(binDirectory, "pg_ctl"), "start", "-W", "-D", dataDirectory, "-l", log, "-o", options];
    const { code, stdout, stderr } = await this.host(server).run(argv);
    if (code !== 0) throw new Error(`${stdout}${stderr}`);
    // Until 9.6 its own waiting does not find every server.
    await until(
      () =>
        this.ask(server, "select 1 as there").then(
          () => true,
          () => false,
        ),
      { deadline: 30_000, interval: 50 },
    );
  }

  async signal(server: string, signal: NodeJS.Signals): Promise<void> {
    const state = await processState(this.host(server), this.server(server).dataDirectory);
    if (state.kind === "running") process.kill(state.pid, signal);
  }

  async sql(server: string, ...statements: readonly string[]): Promise<void> {
    await withSession(this.server(server), this.login, {}, async (session) => {
      for (const statement of statements) await session.query(statement);
    });
  }

  /** In another database than postgres. */
  async sqlIn(server: string, database: string, ...statements: readonly string[]): Promise<void> {
    await withSession(this.server(server), this.login, { database }, async (session) => {
      for (const statement of statements) await session.query(statement);
    });
  }

  async start(server: string): Promise<void> {
    await startServer(this.host(server), this.server(server));
  }

  /** By hand, and waits until it takes writes. */
  async promote(server: string): Promise<void> {
    const { binDirectory, dataDirectory } = this.server(server);
    await this.host(server).run([join(binDirectory, "pg_ctl"), "promote", "-w", "-D", dataDirectory]);
  }

  /** A standby whose upstream sees it. */
  async untilStreaming(server: string): Promise<void> {
    const { upstream = "" } = this.server(server);
    const sql = `select state from pg_stat_replication where application_name = '${server}' and state = 'streaming'`;
    const streams = () => this.ask(upstream, sql).then((row) => row !== undefined);
    if (!(await until(streams, { deadline: 20_000, interval: 200 }))) throw new Error(`${server} does not stream`);
  }

  /** The administrator's. */
  get login(): Login {
    return { user: "dbadmin", password: this.#password };
  }

  /** That of the standbys, as their passfiles have it. */
  get replicationLogin(): Login {
    const entry = parsePassfile(this.read("des10", "passfile")).at(-1);
    return { user: entry?.user ?? "", password: entry?.password ?? "" };
  }

  /** Whether the administrator gets in with this password. */
  async letsIn(server: string, password: string): Promise<boolean> {
    const believing = { ...this.server(server), proof: proof("none", "none") };
    const answer = withSession(believing, { user: "dbadmin", password }, {}, async () => true);
    return answer.catch(() => false);
  }

  /** The first row of an answer. */
  async ask(server: string, statement: string): Promise<Row | undefined> {
    return (await withSession(this.server(server), this.login, {}, (session) => session.query(statement)))[0];
  }

  /** When each server that answers was started. */
  async started(): Promise<Readonly<Record<string, string>>> {
    const rows = await Promise.all(
      ["server2", "des10"].map(async (name) => {
        const sql = "select pg_postmaster_start_time()::text as at";
        return [
          name,
          (await withSession(this.server(name), this.login, {}, (session) => session.query(sql)))[0]?.at ?? "",
        ];
      }),
    );
    return Object.fromEntries(rows);
  }
}
