import { spawn } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Host } from "../../hosts/host.js";
import { hostOf } from "../../hosts/index.js";
import { atLeast } from "../../postgres/versions.js";
import { readControlFile } from "../../servers/data/controlFile.js";
import type { OldServer } from "./oldServers.js";
import { serverFolder, serverUser } from "./serverUser.js";

/** Servers of an old version, by nothing but its own programs: made by hand, so that what pgsite reads of them is tested alone. */
export class OldCluster {
  private readonly made: RawServer[] = [];

  private constructor(
    readonly programs: OldServer,
    readonly host: Host,
    readonly folder: string,
    readonly block: number,
  ) {}

  static async make(programs: OldServer, block: number): Promise<OldCluster> {
    const user = await serverUser();
    const host = hostOf({ name: "old", transport: "local", address: "", user });
    return new OldCluster(programs, host, await serverFolder("/var/tmp/pgsite-test-"), block);
  }

  /** By initdb. @param segment where its WAL begins: of a log and of it */
  async initialize(name: string, segment?: readonly [log: number, number: number]): Promise<RawServer> {
    const server = this.place(name);
    await server.program("initdb", ["-D", server.data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C"]);
    if (segment !== undefined) await server.program("pg_resetxlog", ["-f", "-l", this.resetTo(segment), server.data]);
    await server.configure();
    return server;
  }

  place(name: string): RawServer {
    const server = new RawServer(this, name, `127.0.${this.block}.1`, 5446 + this.made.length);
    this.made.push(server);
    return server;
  }

  /** A standby of a running server, by a copy of its files. */
  async standbyOf(primary: RawServer, name: string, recovery = ""): Promise<RawServer> {
    const standby = this.place(name);
    await primary.query("select pg_start_backup('copy', true)");
    const script = `mkdir -m 700 "$2" && cd "$1" && tar cf - --exclude=./postmaster.pid --exclude='./pg_xlog/[0-9]*' --warning=no-file-changed . | tar xf - -C "$2"; cp pg_xlog/*.history "$2/pg_xlog/" 2>/dev/null; :`;
    await this.must(["sh", "-c", script, "sh", primary.data, standby.data]);
    await primary.query("select pg_stop_backup()");
    await standby.configure();
    await this.host.writeFile(
      join(standby.data, "recovery.conf"),
      `standby_mode = 'on'\nprimary_conninfo = 'host=${primary.address} port=${primary.port} user=postgres'\ntrigger_file = '${standby.trigger}'\n${recovery}`,
    );
    return standby;
  }

  async must(argv: readonly string[], input?: string): Promise<string> {
    const { code, stdout, stderr } = await this.host.run(argv, {
      ...(input === undefined ? {} : { input }),
      timeout: 120_000,
    });
    if (code !== 0) throw new Error(`${argv.slice(0, 3).join(" ")}: ${code}: ${stderr}${stdout}`);
    return stdout;
  }

  async close(): Promise<void> {
    for (const server of this.made) await server.kill().catch(() => undefined);
    rmSync(this.folder, { recursive: true, force: true });
  }

  private resetTo([log, number]: readonly [number, number]): string {
    const digits = (value: number) => value.toString(16).toUpperCase().padStart(8, "0");
    return atLeast(this.programs.major, "9.3") ? `00000001${digits(log)}${digits(number)}` : `1,${log},${number}`;
  }
}

export class RawServer {
  readonly data: string;
  readonly trigger: string;

  constructor(
    readonly cluster: OldCluster,
    readonly name: string,
    readonly address: string,
    /** Of its own: it names the socket too. */
    readonly port: number,
  ) {
    this.data = join(cluster.folder, name);
    this.trigger = join(cluster.folder, `${name}.trigger`);
  }

  program(name: string, args: readonly string[], input?: string): Promise<string> {
    return this.cluster.must([join(this.cluster.programs.bin, name), ...args], input);
  }

  async configure(): Promise<void> {
    const { host, programs } = this.cluster;
    const settings = {
      listen_addresses: `'${this.address}'`,
      port: this.port,
      wal_level: "hot_standby",
      hot_standby: "on",
      max_wal_senders: 5,
      wal_keep_segments: 8,
      checkpoint_timeout: "1h",
      ...(atLeast(programs.major, "9.5") ? { max_wal_size: "2GB" } : { checkpoint_segments: 60 }),
      autovacuum: "off",
      fsync: "off",
      synchronous_commit: "off",
      shared_buffers: "16MB",
      [atLeast(programs.major, "9.3") ? "unix_socket_directories" : "unix_socket_directory"]:
        `'${this.cluster.folder}'`,
    };
    const text = Object.entries(settings).map(([name, value]) => `${name} = ${value}\n`);
    await host.writeFile(join(this.data, "postgresql.conf"), text.join(""));
    await host.writeFile(
      join(this.data, "pg_hba.conf"),
      "local all all trust\nhost all all 127.0.0.0/8 trust\nhost replication all 127.0.0.0/8 trust\n",
    );
  }

  /** Lines for its configuration, which count for more than what is there. */
  async set(lines: string): Promise<void> {
    await this.cluster.must([
      "sh",
      "-c",
      'printf "%s\\n" "$1" >>"$2"',
      "sh",
      lines,
      join(this.data, "postgresql.conf"),
    ]);
  }

  async start(): Promise<void> {
    const log = join(this.cluster.folder, `${this.name}.log`);
    const script = `nohup "$1" -D "$2" </dev/null >>"$3" 2>&1 9>&- &`;
    await this.cluster.must(["sh", "-c", script, "sh", join(this.cluster.programs.bin, "postgres"), this.data, log]);
    await this.until(async () => (await this.query("select 1").catch(() => "")) === "1");
  }

  /** All its processes at once, as when the power goes. */
  async kill(): Promise<void> {
    const script = `p=$(head -n 1 "$1/postmaster.pid" 2>/dev/null) || exit 0
[ -d "/proc/$p" ] || exit 0
all="$p $(ps -o pid= --ppid "$p")"
kill -KILL $all 2>/dev/null
while ps -o pid= -p "$(echo $all | tr ' ' ,)" >/dev/null; do sleep 0.05; done
rm -f "$1/postmaster.pid"`;
    await this.cluster.must(["sh", "-c", script, "sh", this.data]);
  }

  async stop(): Promise<void> {
    await this.program("pg_ctl", ["-D", this.data, "-w", "-m", "fast", "stop"]);
  }

  async query(sql: string): Promise<string> {
    const args = [
      "-h",
      this.address,
      "-p",
      `${this.port}`,
      "-U",
      "postgres",
      "-AtqX",
      "-v",
      "ON_ERROR_STOP=1",
      "postgres",
    ];
    return (await this.program("psql", args, `${sql};\n`)).trim();
  }

  /** SQL without an end; ends when it is told to, or its server dies. */
  writes(sql: () => string): { readonly end: () => Promise<void> } {
    const args = ["-h", this.address, "-p", `${this.port}`, "-U", "postgres", "-AtqX", "postgres"];
    const child = spawn(join(this.cluster.programs.bin, "psql"), args, { stdio: ["pipe", "ignore", "ignore"] });
    let goes = true;
    child.stdin.on("error", () => undefined);
    const gone = new Promise<void>((done) => child.on("exit", () => done()));
    const more = () => {
      while (goes && child.stdin.write(`${sql()};\n`)) {}
      if (goes) child.stdin.once("drain", more);
    };
    more();
    const end = async () => {
      goes = false;
      child.kill("SIGKILL");
      await gone;
    };
    return { end };
  }

  async until(holds: () => Promise<boolean>): Promise<void> {
    for (const deadline = Date.now() + 60_000; Date.now() < deadline; await sleep(50)) if (await holds()) return;
    throw new Error(`${this.name} did not get there: ${this.log().slice(-2000)}`);
  }

  log(): string {
    return readFileSync(join(this.cluster.folder, `${this.name}.log`), "utf8");
  }

  async control(): Promise<Buffer> {
    const control = await readControlFile(this.cluster.host, this.data);
    if (control === undefined) throw new Error("no control file");
    return control;
  }

  /** What pg_controldata says, by its words. */
  async controlData(): Promise<ReadonlyMap<string, string>> {
    const text = await this.program("pg_controldata", [this.data]);
    return new Map(text.split("\n").map((line) => [line.replace(/:.*/, ""), line.replace(/^[^:]*: */, "").trim()]));
  }

  async promote(): Promise<void> {
    await this.cluster.host.writeFile(this.trigger, "");
    await this.until(async () => (await this.query("select pg_is_in_recovery()").catch(() => "t")) === "f");
  }
}
