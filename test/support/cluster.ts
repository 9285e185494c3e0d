import { createHash } from "node:crypto";
import { readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { lstat } from "node:fs/promises";
import { join } from "node:path";
import type { Passwords, Server, ServerRole, Site } from "../../config/site.js";
import type { Host } from "../../hosts/host.js";
import { hostOf } from "../../hosts/index.js";
import { renderPassfile } from "../../postgres/files/passfile.js";
import { atLeast, type Major } from "../../postgres/versions.js";
import { tellingPrefix } from "../../postgres/voice.js";
import { processState, startServer } from "../../servers/process/process.js";
import { stopServer } from "../../servers/process/stop.js";
import { type SeedOptions, type SeedOutcome, seed } from "../../servers/seed/seed.js";
import { openSession, type Row } from "../../servers/sql/session.js";
import { programsOf } from "./programs.js";
import { proof } from "./proof.js";
import { serverFolder, serverUser } from "./serverUser.js";

export interface ClusterServer {
  readonly name: string;
  readonly role: ServerRole;
  /** @default true for a mirror */
  readonly hotStandby?: boolean;
  readonly settings?: Readonly<Record<string, string>>;
}

/** Real servers of one site on this machine, in a folder of their own; `close` ends and removes all of it. */
export class Cluster {
  private constructor(
    readonly folder: string,
    readonly site: Site,
    readonly passwords: Passwords,
  ) {}

  /** @param first the first server listens on 127.0.BLOCK.FIRST: test files run at the same time */
  static async describe(options: {
    readonly major: Major;
    readonly first: number;
    readonly servers: readonly ClusterServer[];
    readonly password?: string;
    readonly administrator?: string;
    /** Folder of programs. @default npm's, which has no clients */
    readonly programs?: string;
    /** @default 20: servers listen on 127.0.BLOCK.x */
    readonly block?: number;
    /** Where it all is: absent or empty, of whoever runs the servers. @default a new folder */
    readonly folder?: string;
    /** Rules before those of the addresses. @default none */
    readonly rules?: string;
  }): Promise<Cluster> {
    const { major, first, password = "secret", administrator = "dbadmin", block = 20 } = options;
    const binDirectory = options.programs ?? (await programsOf(major));
    const user = await serverUser();
    const folder = options.folder ?? (await serverFolder("/var/tmp/pgsite-test-"));
    const primary = options.servers.find(({ role }) => role === "primary")?.name ?? "";
    const port = 5442;
    const addressOf = (name: string) =>
      `127.0.${block}.${first + options.servers.findIndex((server) => server.name === name)}`;
    const servers = options.servers.map((server): Server => {
      const { name, role, hotStandby = role === "mirror" } = server;
      const controlDirectory = join(folder, name, "data.pgsite");
      const conninfo = `host=${addressOf(primary)} port=${port} user=${administrator} application_name=${name}`;
      const recovery = { primary_conninfo: conninfo };
      const settings: Record<string, string> = {
        listen_addresses: addressOf(name),
        port: `${port}`,
        [atLeast(options.major, "9.3") ? "unix_socket_directories" : "unix_socket_directory"]: "",
        wal_level: atLeast(major, "9.6") ? "replica" : "hot_standby",
        max_wal_senders: "5",
        ...(atLeast(major, "9.4") ? { max_replication_slots: "5" } : {}),
        ...(atLeast(major, "13") ? { wal_keep_size: "64MB" } : { wal_keep_segments: "4" }),
        hot_standby: hotStandby ? "on" : "off",
        shared_buffers: "8MB",
        fsync: "off",
        logging_collector: "on",
        log_directory: "pg_log",
        // As a stack's servers have it: only so is a line of the log known as the server's own.
        log_line_prefix: tellingPrefix(major),
        ...server.settings,
        ...(role !== "primary" && atLeast(major, "12") ? recovery : {}),
      };
      const render = (values: Readonly<Record<string, string>>) =>
        Object.entries(values)
          .map(([key, value]) => `${key} = '${value.replaceAll("'", "''")}'\n`)
          .join("");
      const standby = role !== "primary";
      return {
        name,
        role,
        host: { name, transport: "local", address: "", user },
        address: addressOf(name),
        port,
        dataDirectory: join(folder, name, "data"),
        version: major,
        binDirectory,
        controlDirectory,
        ...(standby ? { upstream: primary } : {}),
        hotStandby,
        settings,
        files: {
          "postgresql.conf": render(settings),
          "pg_hba.conf": `${options.rules ?? ""}host all all 127.0.0.0/8 md5\nhost replication all 127.0.0.0/8 md5\n`,
          ...(atLeast(major, "12")
            ? { "standby.signal": standby ? "" : null }
            : { "recovery.conf": standby ? render({ standby_mode: "on", ...recovery }) : null }),
        },
        passfile: join(controlDirectory, "passfile"),
        proof: proof(),
        disposable: true,
      };
    });
    const site: Site = {
      name: "test",
      stack: "test",
      version: major,
      administrator,
      replicationRole: administrator,
      primary,
      servers,
      initdb: { locale: "C", encoding: "UTF8", dataChecksums: true },
    };
    const cluster = new Cluster(folder, site, { [administrator]: password });
    for (const server of servers) {
      const entry = { host: addressOf(primary), port, database: "*", user: administrator, password };
      const host = cluster.host(server.name);
      await host.makeDirectory(controlDirectoryOf(server));
      await host.writeFile(server.passfile, renderPassfile([entry]));
    }
    return cluster;
  }

  /** server2 runs as the primary; a warm server3 and the mirror des10 are described, and have no data yet. */
  static async withPrimary(major: Major, first: number): Promise<Cluster> {
    const servers = [
      { name: "server2", role: "primary" },
      { name: "server3", role: "standby" },
      { name: "des10", role: "mirror" },
    ] as const;
    const cluster = await Cluster.describe({ major, first, servers });
    try {
      await cluster.seed("server2");
      await cluster.start("server2");
    } catch (error) {
      await cluster.close();
      throw error;
    }
    return cluster;
  }

  server(name: string): Server {
    const server = this.site.servers.find((candidate) => candidate.name === name);
    if (server === undefined) throw new Error(`no server ${name}`);
    return server;
  }

  host(name: string): Host {
    return hostOf(this.server(name).host);
  }

  seed(name: string, more: Partial<SeedOptions> = {}): Promise<SeedOutcome> {
    return seed({ site: this.site, passwords: this.passwords, server: name, ...more });
  }

  async start(name: string): Promise<void> {
    await startServer(this.host(name), this.server(name));
  }

  async stop(name: string): Promise<void> {
    await stopServer(this.host(name), this.server(name), { mode: "fast" });
  }

  async query(name: string, ...statements: readonly string[]): Promise<readonly Row[]> {
    const { administrator } = this.site;
    const login = { user: administrator, password: this.passwords[administrator] ?? "" };
    const session = await openSession(this.server(name), login);
    try {
      let rows: readonly Row[] = [];
      for (const statement of statements) rows = await session.query(statement);
      return rows;
    } finally {
      await session.end();
    }
  }

  /** Ends every server, whatever state it is in, and removes the folder. */
  async close(): Promise<void> {
    for (const server of this.site.servers) {
      const host = this.host(server.name);
      await stopServer(host, server, { mode: "immediate", deadline: 10_000 }).catch(() => undefined);
      const state = await processState(host, server.dataDirectory).catch(() => undefined);
      if (state?.kind === "running") process.kill(state.pid, "SIGKILL");
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function controlDirectoryOf(server: Server): string {
  return server.controlDirectory;
}

/** One hash of names, kinds, modes and content of a whole tree. */
export async function hashOfTree(folder: string): Promise<string> {
  const hash = createHash("sha256");
  for (const name of (readdirSync(folder, { recursive: true }) as string[]).sort()) {
    const path = join(folder, name);
    const status = await lstat(path);
    hash.update(`${name} ${status.mode} ${status.uid}\n`);
    if (status.isFile()) hash.update(readFileSync(path));
    if (status.isSymbolicLink()) hash.update(readlinkSync(path));
  }
  return hash.digest("hex");
}
