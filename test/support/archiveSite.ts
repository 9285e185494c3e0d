import { createHash } from "node:crypto";
import { chmodSync, existsSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { type ExecaError, execa, type Result } from "execa";
import { parse, stringify } from "yaml";
import { atLeast, type Major } from "../../postgres/versions.js";
import type { Manifest } from "../../servers/archive/manifest.js";
import { checkout } from "../../toolchain/paths.mjs";
import { LocalSite } from "./localSite.js";
import { proof } from "./proof.js";

type Settings = Readonly<Record<string, unknown>>;

/** What a command came to: everything that it printed. */
export interface Said {
  readonly code: number;
  readonly text: string;
}

const mirror = "des10";

/**
 * A primary, `server2`, in one stack (`site`) and its mirror, `des10`, in another (`fnal`), as CTIO and Fermilab are; both
 * on this machine. The mirror's data come by archive.
 */
export class ArchiveSite {
  private constructor(
    readonly site: LocalSite,
    private readonly options: { readonly major: Major; readonly block: number },
  ) {}

  static async make(options: { readonly major: Major; readonly block: number }): Promise<ArchiveSite> {
    const { major, block } = options;
    const hosts = hostsOf(block);
    const slots = hasSlots(major);
    const site = await LocalSite.make({
      major,
      block,
      servers: ["server2"],
      description: {
        hosts,
        mirrors: [mirror],
        ...(slots ? { slots: [mirror] } : {}),
        settings: {
          ...(slots ? { max_replication_slots: 5 } : { wal_keep_segments: 64 }),
          ...(atLeast(major, "9.5") ? { max_wal_size: "64MB", min_wal_size: "32MB" } : { checkpoint_segments: 4 }),
          logging_collector: true,
        },
      },
    });
    const made = new ArchiveSite(site, options);
    try {
      if (site.sockets(mirror) !== "") await site.host().makeDirectory(site.sockets(mirror));
      await site.sandbox.must(["stack", "init", "fnal"]);
      for (const [role, password] of Object.entries(site.passwords)) {
        const args = ["config", "set", "--secret", `pgsite:password-${role}`, "--stack", "fnal"];
        await site.sandbox.must(args, { input: password });
      }
      made.declareMirror();
    } catch (error) {
      await site.remove();
      throw error;
    }
    return made;
  }

  /** Writes the mirror's stack file, with these keys over its own, and these settings of its server. */
  declareMirror(more: Settings = {}, mirrorSettings: Settings = {}): void {
    const { site, options } = this;
    const file = join(site.sandbox.program, "Pulumi.fnal.yaml");
    const { config, ...salt } = parse(readFileSync(file, "utf8")) as { config?: Record<string, unknown> };
    const secrets = Object.entries(config ?? {}).filter(([key]) => key.startsWith("pgsite:password-"));
    const keys = {
      site: "orders",
      postgresql: options.major,
      ...(atLeast(options.major, "10") ? {} : { authentication: "md5" }),
      binaries: dirname(site.program("postgres")),
      osUser: site.host().user,
      port: 5442,
      service: { manager: "none" },
      hosts: hostsOf(options.block),
      upstream: { server: "server2", dataDirectory: site.dataDirectory("server2"), settings: { max_connections: 30 } },
      servers: {
        [mirror]: {
          role: "mirror",
          dataDirectory: this.dataDirectory,
          settings: {
            listen_addresses: this.address,
            unix_socket_directories: site.sockets(mirror),
            ...(hasSlots(options.major) ? { primary_slot_name: mirror } : {}),
            ...mirrorSettings,
          },
        },
      },
      settings: {
        shared_buffers: "8MB",
        fsync: false,
        max_connections: 30,
        logging_collector: true,
        ...(atLeast(options.major, "9.5") ? { wal_retrieve_retry_interval: "200ms" } : {}),
      },
      baseBackup: { method: "archive" },
      ...more,
    };
    const plain = Object.entries(keys).map(([key, value]) => [`pgsite:${key}`, value]);
    site.sandbox.write({
      "Pulumi.fnal.yaml": stringify({ ...salt, config: Object.fromEntries([...plain, ...secrets]) }),
    });
  }

  get address(): string {
    return `127.0.${this.options.block}.3`;
  }

  get dataDirectory(): string {
    return join(this.site.folder, mirror, "data");
  }

  /** A folder that the servers' OS user can reach. */
  folder(name: string): string {
    return join(this.site.folder, name);
  }

  /** Copies an archive, as a courier does. */
  async carry(from: string, to: string): Promise<string> {
    await execa("cp", ["-a", this.folder(from), this.folder(to)]);
    return this.folder(to);
  }

  manifest(name: string): Manifest {
    return JSON.parse(readFileSync(join(this.folder(name), "manifest.json"), "utf8")) as Manifest;
  }

  /** `pgsite ARGUMENTS`, as a user runs it. @param end what `signal` ends it by */
  async pgsite(
    args: readonly string[],
    { signal, end = "SIGKILL" }: { readonly signal?: AbortSignal; readonly end?: "SIGKILL" | "SIGTERM" } = {},
  ): Promise<Said> {
    const { program, env } = this.site.sandbox;
    const result: Result | ExecaError = await execa(process.execPath, [join(checkout, "dist/pgsite.js"), ...args], {
      cwd: program,
      env,
      extendEnv: false,
      reject: false,
      all: true,
      timeout: 120_000,
      killSignal: end,
      ...(signal === undefined ? {} : { cancelSignal: signal }),
    });
    return { code: result.exitCode ?? 128, text: `${result.all ?? ""}` };
  }

  /** What a command says that must succeed. @throws otherwise */
  async must(args: readonly string[]): Promise<string> {
    const { code, text } = await this.pgsite(args);
    if (code !== 0) throw new Error(`pgsite ${args.join(" ")} ended with status ${code}:\n${text}`);
    return text;
  }

  create(name: string, ...more: readonly string[]): Promise<string> {
    return this.must(["archive", "create", "--stack", "site", "--output", this.folder(name), ...more]);
  }

  /** Vouched for by its digest, as it lies there, unless something else is said. */
  restore(name: string, ...more: readonly string[]): Promise<Said> {
    const trust = more.some((word) => /^--(sha256|trust-carrier)/.test(word)) ? [] : this.#digest(name);
    const given = ["--from", this.folder(name), ...trust, ...more];
    return this.pgsite(["archive", "restore", "--stack", "fnal", mirror, ...given]);
  }

  #digest(name: string): readonly string[] {
    const manifest = join(this.folder(name), "manifest.json");
    if (!existsSync(manifest)) return ["--trust-carrier"];
    return ["--sha256", createHash("sha256").update(readFileSync(manifest)).digest("hex")];
  }

  /** Pulumi with the mirror's stack: all that it prints, and whether it succeeded. */
  async pulumi(args: readonly string[]): Promise<Said> {
    const { code, stdout, stderr } = await this.site.sandbox.run([...args, "--stack", "fnal"], { seconds: 120 });
    return { code, text: `${stdout}${stderr}` };
  }

  /** Asks the mirror. */
  async query(sql: string): Promise<readonly Readonly<Record<string, string | null>>[]> {
    const { withSession } = await import("../../servers/sql/session.js");
    const login = { user: "postgres", password: this.site.passwords.postgres ?? "" };
    const at = { name: mirror, address: this.address, port: 5442, proof: proof() };
    return withSession(at, login, {}, (session) => session.query(sql));
  }

  /** Writes so many MB on the primary, and has it forget what WAL it need not keep. */
  async write(megabytes: number): Promise<void> {
    const rows = megabytes * 1024;
    await this.site.query("server2", [
      `insert into day select n, repeat(md5(n::text), 31) from generate_series(1, ${rows}) n`,
      "checkpoint",
      `select ${atLeast(this.options.major, "10") ? "pg_switch_wal" : "pg_switch_xlog"}()`,
      "checkpoint",
    ]);
  }

  /** The mirror is stopped, and gone with all that pgsite keeps of it. */
  async loseMirror(): Promise<void> {
    await this.pgsite(["stop", mirror, "--stack", "fnal", "--mode", "immediate"]);
    rmSync(this.dataDirectory, { recursive: true, force: true });
    rmSync(`${this.dataDirectory}.pgsite`, { recursive: true, force: true });
  }

  async remove(): Promise<void> {
    chmodSync(this.site.folder, 0o755);
    await this.site.remove();
  }
}

/** Whether a slot keeps the mirror's WAL on its way: before 9.6 none does until somebody streams by it. */
export function hasSlots(major: Major): boolean {
  return atLeast(major, "9.6");
}

function hostsOf(block: number): Settings {
  return {
    server2: { address: `127.0.${block}.2`, transport: "local" },
    des10: { address: `127.0.${block}.3`, transport: "local" },
  };
}
