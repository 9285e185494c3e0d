import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { parseDocument } from "yaml";
import { checkout } from "../../toolchain/paths.mjs";
import { type HostMachine, type MultiHost, multiHost, type Result, whyNoHosts } from "./multihost.js";
import { until } from "./processes.js";
import { type PulumiResult, type PulumiRun, PulumiSandbox } from "./pulumi.js";
import { replaced, stackText } from "./stackText.js";

/** Debian's server programs, which every host of a test has. */
export const binaries = "/usr/lib/postgresql/15/bin";

/** Why a test can have no site on several hosts here; undefined where it can. */
export function whyNoSite(): string | undefined {
  return whyNoHosts(["/usr/lib/postgresql/15/bin/postgres", "/usr/lib/postgresql/15/bin/psql"]);
}

/** A key of the stack file, as a path (`["servers", "server3", "dataDirectory"]`), and its value; undefined takes it away. */
export type Change = readonly [path: readonly string[], value: unknown];

export interface RemoteSiteOptions {
  /** The stacks that it is made of. @default ctio and fnal */
  readonly stacks?: readonly string[];
  /** Stack files by stack, in place of the committed ones. */
  readonly texts?: Readonly<Record<string, string>>;
  /** Changes to every stack file, beyond what any test must replace. */
  readonly changes?: readonly Change[];
  /** Of other roles than dbadmin. @default it is the only one */
  readonly passwords?: Readonly<Record<string, string>>;
  /** Whether backups, watch and mail of the stack files stay in them, which takes what runs them on the hosts. @default false */
  readonly jobs?: boolean;
  /** Whether the stack file's web viewers stay in it, which takes Apache on system1. @default false */
  readonly viewers?: boolean;
  /** Of dbadmin. @default one that some syntax on the way could stumble over */
  readonly password?: string;
  /** Of Pulumi's secrets. @default the same in every test */
  readonly passphrase?: string;
}

/** Data directories of the committed stacks. */
export const dataDirectories: Readonly<Record<string, string>> = {
  server2: "/raid2/database/sispi_db",
  server3: "/raid3/database/sispi_db",
  des10: "/data/database/sispi_db",
};

/** An address in CTIO's network, from which the committed access rules let people in; the machine that runs Pulumi is not there. */
export const insideAddress = "139.229.14.10";
const network = "139.229.14.0/24";
const answer = ["ip", "route", "add", network, "dev", "eth0"];

/** The machine of clients that is no server, and the name of its address in the stack files. */
const client = "client";
const clientInStack = "decam-dev-client";

/**
 * The committed stacks on hosts of a test, reached over SSH from a machine of the test's that runs Pulumi with a home and a
 * back end of its own. Replaced is what must be: addresses of hosts, version, server programs, passwords.
 */
export class RemoteSite {
  /** Of dbadmin: everything that some syntax on the way could stumble over, after a word that tells it. */
  readonly secret = `zq${randomBytes(6).toString("hex")}`;
  readonly password: string;
  readonly #changes = new Map<string, readonly Change[]>();

  private constructor(
    readonly net: MultiHost,
    readonly sandbox: PulumiSandbox,
    private readonly options: RemoteSiteOptions & Required<Pick<RemoteSiteOptions, "stacks" | "texts" | "changes">>,
  ) {
    this.password = options.password ?? `${this.secret} it's "$(touch /pwned)" \`touch /pwned\` \\ %s:é`;
  }

  static async make(options: RemoteSiteOptions = {}): Promise<RemoteSite> {
    const { texts = {}, changes = [] } = options;
    const { stacks = texts === options.texts ? Object.keys(texts) : ["ctio", "fnal"] } = options;
    const servers = stacks.join() === "ctio" ? ["server2", "server3"] : ["server2", "server3", "des10"];
    if (options.viewers === true) servers.push("system1");
    await promisify(execFile)(process.execPath, [join(checkout, "toolchain", "build.mjs")]);
    const [net, sandbox] = await Promise.all([
      multiHost([...servers, client]),
      PulumiSandbox.make(undefined, options.passphrase),
    ]);
    const site = new RemoteSite(net, sandbox, { ...options, stacks, texts, changes });
    try {
      await Promise.all([site.#makeNetwork(), site.#makeDisks(), site.#makeProject()]);
      return site;
    } catch (error) {
      await site.remove();
      throw error;
    }
  }

  /** Hosts of servers, by name. */
  host(name: string): HostMachine {
    return this.net.host(name);
  }

  /** Writes a stack's file: the committed one with what must be replaced, and these changes; passwords stay. */
  declare(stack: string, ...changes: readonly Change[]): void {
    this.#changes.set(stack, changes);
    const path = join(this.sandbox.program, `Pulumi.${stack}.yaml`);
    const before = parseDocument(readFileSync(path, "utf8"));
    const document = parseDocument(this.#stackText(stack));
    for (const [keys, value] of [...this.options.changes, ...changes]) {
      const [first = "", ...rest] = keys;
      const key = ["config", `pgsite:${first}`, ...rest];
      if (value === undefined) document.deleteIn(key);
      else document.setIn(key, value);
    }
    document.set("encryptionsalt", before.get("encryptionsalt"));
    const { config = {} } = before.toJS() as { config?: Readonly<Record<string, unknown>> };
    for (const [key, value] of Object.entries(config)) {
      if (/^pgsite:(password|key)-/.test(key)) document.setIn(["config", key], value);
    }
    this.sandbox.write({ [`Pulumi.${stack}.yaml`]: document.toString() });
  }

  /** Starts `pulumi ARGUMENTS` on the machine that runs Pulumi, without waiting for its end. */
  start(stack: string, args: readonly string[]): PulumiRun {
    const { control } = this.net;
    return this.sandbox.start([...args, "--stack", stack], {
      control,
      seconds: 240,
      env: { PULUMI_DEBUG_COMMANDS: "true" },
    });
  }

  /** All that a run prints that must succeed. @throws where it fails */
  async must(stack: string, args: readonly string[]): Promise<string> {
    const result = await this.start(stack, args).finished;
    if (result.code === 0) return said(result);
    throw new Error(`pulumi ${args.join(" ")} of ${stack} ended with status ${result.code}:\n${said(result)}`);
  }

  /** Brings a stack up. */
  up(stack: string): Promise<string> {
    return this.must(stack, up);
  }

  /** All that a preview of a stack prints, difference by difference. */
  preview(stack: string, ...more: readonly string[]): Promise<string> {
    return this.must(stack, ["preview", "--diff", ...more]);
  }

  /** Starts to bring a stack up. */
  startUp(stack: string): PulumiRun {
    return this.start(stack, up);
  }

  /** What an `up` prints that must fail, its errors as lines, and the seconds it took. @throws where it succeeds */
  async failingUp(stack: string): Promise<{ all: string; errors: readonly string[]; seconds: number }> {
    const began = Date.now();
    const result = await this.startUp(stack).finished;
    const all = said(result);
    if (result.code === 0) throw new Error(`pulumi up of ${stack} was to fail, and did not:\n${all}`);
    return { all, errors: errorsIn(all), seconds: (Date.now() - began) / 1000 };
  }

  /** `pgsite ARGUMENTS`, as a user runs it on the machine that runs Pulumi. */
  async pgsite(args: readonly string[]): Promise<Result> {
    const { program, env } = this.sandbox;
    const argv = [process.execPath, join(checkout, "dist", "pgsite.js"), ...args];
    return this.net.control.run(argv, { cwd: program, env: { ...env }, seconds: 60 });
  }

  /**
   * What psql prints on a machine; unaligned, without headings. @param from a host, or the machine of clients with that address
   * as its own: `inside` is one of CTIO's @param to a server
   */
  async psql(
    from: "inside" | string,
    to: string,
    sql: string,
    { user = "dbadmin", database = "postgres", address = this.host(to).address } = {},
  ): Promise<Result> {
    const options = ["-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", address, "-p", "5442"];
    const psql = [join(binaries, "psql"), ...options, "-U", user, "-d", database, "-c", sql];
    const argv = ["sh", "-c", 'IFS= read -r PGPASSWORD; export PGPASSWORD; exec "$@"', "sh", ...psql];
    const input = { input: `${this.password}\n`, env: { ...process.env, PGCONNECT_TIMEOUT: "5" } };
    const host = this.net.hosts.find(({ name }) => name === from);
    if (host !== undefined) return host.run(argv, input);
    await this.#callFrom(from === "inside" ? insideAddress : from);
    return this.host(client).run(argv, input);
  }

  /** What a query gives on a server, asked on its host. @throws where it gives nothing */
  async query(server: string, sql: string): Promise<string> {
    const { code, stdout, stderr } = await this.psql(server, server, sql, { address: "127.0.0.1" });
    if (code !== 0) throw new Error(`psql on ${server}: ${stderr}`);
    return stdout.trim();
  }

  /** Who streams from a server, and from where: `NAME ADDRESS STATE`, sorted. */
  async streaming(server: string): Promise<readonly string[]> {
    const sql =
      "select application_name || ' ' || host(client_addr) || ' ' || state from pg_stat_replication order by 1";
    return (await this.query(server, sql)).split("\n").filter((line) => line !== "");
  }

  /** What runs on hosts, and where Pulumi runs, on our behalf: neither servers nor what a host has by itself. */
  leftOver(): readonly string[] {
    const lines = [...this.net.hosts, this.net.control].flatMap((machine) => [...machine.processes().values()]);
    return lines.map((words) => words.replaceAll("\0", " ").trim()).filter((line) => ours.test(line));
  }

  /** Programs that copy data, on any host. */
  copying(): readonly string[] {
    return this.leftOver().filter((line) => /^(\S*\/)?(tar|rsync|cp|pg_basebackup) /.test(line));
  }

  /** Waits until nothing copies any more, and all that ran for us has ended. @throws with what has not */
  async untilNothingIsLeft(): Promise<void> {
    await until("the end of all that copies", () => this.copying().length === 0);
    // A host that heard nothing of the end notices within a minute that nobody is there.
    await until("the end of all that ran for us", () => this.leftOver().length === 0, 75).catch((error: Error) => {
      throw new Error(`${error.message}: ${this.leftOver().join("\n")}`);
    });
  }

  /** Files on hosts that a text which was executed would have made. */
  async executed(): Promise<string> {
    const places = "/raid2 /raid3 /data /opt /etc /home /root /tmp /run /var/lib/postgresql";
    const find = `find / -maxdepth 1 -name pwned; find ${places} -xdev -name pwned 2>/dev/null || true`;
    const found = await Promise.all(this.net.hosts.map((host) => host.must(["sh", "-c", find])));
    return found.join("");
  }

  /** Backups, slots and sessions of ours that a server still has. */
  heldOn(server: string): Promise<string> {
    const of = (from: string) => `(select count(*) from ${from})`;
    return this.query(
      server,
      `select ${of("pg_replication_slots")} + ${of("pg_stat_activity where application_name = 'pgsite'")}`,
    );
  }

  /** Runs `act` while a host sends at most so many megabits a second. */
  async slowly<T>(host: string, megabits: number, act: () => Promise<T>): Promise<T> {
    const limit = `rate ${megabits}mbit burst 64k latency 100ms`;
    await this.host(host).must(["sh", "-c", `tc qdisc add dev eth0 root tbf ${limit}`]);
    try {
      return await act();
    } finally {
      await this.host(host).must(["tc", "qdisc", "del", "dev", "eth0", "root"]);
    }
  }

  /** Waits until a base backup is being copied to a server. */
  async untilCopying(server: string): Promise<void> {
    const data = `/proc/${this.host(server).pid}/root${dataDirectories[server]}`;
    // What pg_basebackup brings lies in a folder of its own until it is whole.
    const begun = () => [`${data}/base/1`, `${data}/pgsite.incoming/base/1`].some((folder) => existsSync(folder));
    await until(`a copy to ${server}`, () => begun() && this.copying().length > 0, 90);
  }

  /** Stops a server by force and takes its data away, and what pgsite keeps beside them where `all`. */
  async lose(server: string, { all = false } = {}): Promise<void> {
    const data = dataDirectories[server] as string;
    const stop = `pid=$(head -n 1 "$1/postmaster.pid" 2>/dev/null) && kill -QUIT "$pid" && while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done; rm -rf "$1"`;
    await this.host(server).must(["sh", "-c", all ? `${stop} "$1.pgsite"` : stop, "sh", data]);
  }

  /** Cuts a host's power, and boots it: what runs then, its services have started. */
  async reboot(server: string): Promise<void> {
    await this.host(server).powerCut();
    await this.powerOn(server);
  }

  /** Boots a host that has no power; what runs then, its services have started. */
  async powerOn(server: string): Promise<void> {
    const host = this.host(server);
    await host.boot();
    await host.must(answer);
    this.net.control.know(this.net.hosts);
    await this.net.control.closeConnections();
  }

  async remove(): Promise<void> {
    await this.sandbox.remove();
    await this.net.close();
  }

  /** Hosts answer to CTIO's network. */
  async #makeNetwork(): Promise<void> {
    await Promise.all(this.net.hosts.map((host) => host.must(answer)));
  }

  /** The parents of the data directories: what an administrator mounts there. */
  async #makeDisks(): Promise<void> {
    const servers = this.net.hosts.filter(({ name }) => name in dataDirectories);
    await Promise.all(
      servers.map((host) => {
        const parent = join(dataDirectories[host.name] as string, "..");
        // Debian's own script for all clusters of a machine has the name that the stacks give theirs.
        const script = 'install -d -o postgres -m 755 "$1" && rm -f /etc/init.d/postgresql';
        return host.must(["sh", "-c", script, "sh", parent]);
      }),
    );
  }

  async #makeProject(): Promise<void> {
    const { sandbox } = this;
    sandbox.write({ "Pulumi.yaml": readFileSync(join(checkout, "Pulumi.yaml"), "utf8") });
    symlinkSync(join(checkout, "dist"), join(sandbox.program, "dist"));
    for (const stack of this.options.stacks) {
      await sandbox.must(["stack", "init", stack]);
      for (const [role, input] of Object.entries({ dbadmin: this.password, ...this.options.passwords })) {
        await sandbox.must(["config", "set", "--secret", `pgsite:password-${role}`, "--stack", stack], { input });
      }
      this.declare(stack);
    }
  }

  #stackText(stack: string): string {
    const text = this.options.texts[stack] ?? stackText(stack);
    const document = parseDocument(replaced(text, { '"9.0.3"': '"15"', "/usr/pgsql-9.0/bin": binaries }));
    // The way to the mirror is short here: its data come by archive where a test says so again.
    document.deleteIn(["config", "pgsite:baseBackup"]);
    if (this.options.jobs !== true)
      for (const key of ["backups", "watch", "mail"]) document.deleteIn(["config", `pgsite:${key}`]);
    if (this.options.viewers !== true) document.deleteIn(["config", "pgsite:viewers"]);
    const names = Object.keys((document.toJS() as { config: Record<string, object> }).config["pgsite:hosts"] ?? {});
    for (const name of names) {
      const host = this.net.hosts.find((host) => host.name === (name === clientInStack ? client : name));
      // A host that the test does not have: an address of the test's network at which nobody is.
      document.setIn(["config", "pgsite:hosts", name], host?.address ?? this.addressAt(250));
    }
    return document.toString();
  }

  /** An address of the hosts' network. */
  addressAt(number: number): string {
    return this.net.control.address.replace(/\d+$/, `${number}`);
  }

  get #subnet(): string {
    return `${this.addressAt(0)}/24`;
  }

  /** From here on the machine that runs Pulumi calls from CTIO's network, and no firewall stands before it. */
  async letControlIn(): Promise<void> {
    const { code, stderr } = await this.net.control.run(this.#callingFrom(insideAddress));
    if (code !== 0) throw new Error(stderr);
  }

  /** From here on the machine of clients calls from that address. */
  async #callFrom(address: string): Promise<void> {
    await this.host(client).must(this.#callingFrom(address));
  }

  #callingFrom(address: string): readonly string[] {
    const script = `ip address replace ${address}/32 dev eth0 && ip route replace ${this.#subnet} dev eth0 src ${address}`;
    return ["sh", "-c", script];
  }
}

const up = ["up", "--yes", "--skip-preview"];

/** Programs that copy, lock or look, the shells of sessions, and what Pulumi starts. */
const ours =
  /^(?!\S*pulumi-language-nodejs)(\S*\/)?(tar|rsync|cp|flock|find|pg_basebackup|sudo|su|pulumi\S*) |pgsite\.js|IFS= read -r request|@pulumi\/pulumi/;

export function said({ stdout, stderr }: Pick<PulumiResult, "stdout" | "stderr">): string {
  return `${stdout}${stderr}`;
}

/** What a run ends with, its causes alone: neither Pulumi's summing up nor that a command of ours ended; each once. */
function errorsIn(text: string): readonly string[] {
  const summedUp = /^error: (update failed|preview failed|exit status \d+: running "exec node pgsite\.js)/;
  // A preflight's are the lines of one list, which is indented below what introduces it.
  let listed = false;
  const lines = text
    .slice(text.indexOf("Diagnostics:"))
    .split("\n")
    .map((line) => {
      const inList = listed && /^ {6}(?=\S)/.test(line);
      listed = inList || line.trim().startsWith("error: the preflight found");
      return inList ? line.replace(/^ {6}/, "error: ") : line.trim();
    });
  return [...new Set(lines.filter((line) => /^(error|pgsite): /.test(line) && !summedUp.test(line)))];
}
