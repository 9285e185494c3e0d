import { execFile, spawn } from "node:child_process";
import { readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { stringify } from "yaml";
import { checkout } from "../../toolchain/paths.mjs";
import type { Init } from "./multihost/machine.js";
import { type HostMachine, type MultiHost, multiHost, type Result } from "./multihost.js";
import { PulumiSandbox } from "./pulumi.js";

const stack = "site";
const up = ["up", "--yes", "--skip-preview"];
const passwords = { postgres: "of postgres", replicator: "of replicator" };

export interface DistributionOptions {
  /** Keys of the stack file beside what any test of it has. */
  readonly stackFile: Readonly<Record<string, unknown>>;
  readonly init: Init;
  /** What an administrator did on each host before, as root. */
  readonly prepare: string;
  readonly servers?: readonly [string, ...string[]];
  /** By role. */
  readonly passwords?: Readonly<Record<string, string>>;
}

/** A site of servers that stand as a distribution puts them, each on a host of its own, reached over SSH as root. */
export class DistributionSite {
  private constructor(
    readonly net: MultiHost,
    readonly sandbox: PulumiSandbox,
    readonly servers: readonly [string, ...string[]],
    private readonly stackFile: Readonly<Record<string, unknown>>,
  ) {}

  static async make(options: DistributionOptions): Promise<DistributionSite> {
    const { servers = ["one", "two"], init, prepare, stackFile } = options;
    await promisify(execFile)(process.execPath, [join(checkout, "toolchain", "build.mjs")]);
    const [net, sandbox] = await Promise.all([multiHost(servers, { init }), PulumiSandbox.make()]);
    const site = new DistributionSite(net, sandbox, servers, stackFile);
    try {
      await Promise.all(net.hosts.map((host) => host.must(["sh", "-ec", prepare], { seconds: 60 })));
      sandbox.write({ "Pulumi.yaml": readFileSync(join(checkout, "Pulumi.yaml"), "utf8") });
      symlinkSync(join(checkout, "dist"), join(sandbox.program, "dist"));
      await sandbox.must(["stack", "init", stack]);
      for (const [role, input] of Object.entries({ ...passwords, ...options.passwords })) {
        await sandbox.must(["config", "set", "--secret", `pgsite:password-${role}`, "--stack", stack], { input });
      }
      site.#kept = readFileSync(join(sandbox.program, `Pulumi.${stack}.yaml`), "utf8");
      site.declare({});
      return site;
    } catch (error) {
      await site.remove();
      throw error;
    }
  }

  /** The stack file with what Pulumi wrote into it: its salt, and the passwords. */
  #kept = "";

  /** Writes the stack file, with these keys over the others. */
  declare(keys: Readonly<Record<string, unknown>>): void {
    const hosts = Object.fromEntries(
      this.servers.map((name) => [name, { address: this.host(name).address, login: "root" }]),
    );
    const everyone = `host all postgres ${this.net.control.address}/32 scram-sha-256`;
    const described: Readonly<Record<string, unknown>> = {
      site: "orders",
      postgresql: "15",
      hosts,
      primary: this.servers[0],
      servers: Object.fromEntries(this.servers.map((name) => [name, {}])),
      access: [everyone],
      ...this.stackFile,
      ...keys,
    };
    const config = Object.fromEntries(Object.entries(described).map(([key, value]) => [`pgsite:${key}`, value]));
    const text = stringify(config).replaceAll(/^(?=.)/gm, "  ");
    this.sandbox.write({ [`Pulumi.${stack}.yaml`]: `${this.#kept.trimEnd()}\n${text}` });
  }

  host(name: string): HostMachine {
    return this.net.host(name);
  }

  /** All that `pulumi ARGUMENTS` prints. @throws where it fails */
  async must(args: readonly string[]): Promise<string> {
    const { code, printed } = await this.#run(args);
    if (code !== 0) throw new Error(`pulumi ${args.join(" ")} ended with status ${code}:\n${printed}`);
    return printed;
  }

  /** All that an `up` prints that must fail. @throws where it succeeds */
  async failingUp(): Promise<string> {
    const { code, printed } = await this.#run(up);
    if (code === 0) throw new Error(`pulumi up was to fail, and did not:\n${printed}`);
    return printed;
  }

  async #run(args: readonly string[]): Promise<{ readonly code: number | null; readonly printed: string }> {
    const { control } = this.net;
    const run = this.sandbox.start([...args, "--stack", stack], { control, seconds: 240 });
    const { code, stdout, stderr } = await run.finished;
    return { code, printed: stdout + stderr };
  }

  up(): Promise<string> {
    return this.must(up);
  }

  preview(): Promise<string> {
    return this.must(["preview", "--diff"]);
  }

  /** `pgsite ARGUMENTS` on the machine that runs Pulumi. */
  async pgsite(args: readonly string[]): Promise<Result> {
    const argv = [process.execPath, join(checkout, "dist", "pgsite.js"), ...args];
    return this.net.control.run(argv, { cwd: this.sandbox.program, env: { ...this.sandbox.env }, seconds: 60 });
  }

  /** What a query gives, as the OS user on a server's own host. @throws where it gives nothing */
  async query(server: string, sql: string): Promise<string> {
    const psql = "exec psql -X -q -A -t -v ON_ERROR_STOP=1 -h /var/run/postgresql postgres";
    return (await this.host(server).must(["su", "-s", "/bin/sh", "-c", psql, "postgres"], { input: sql })).trim();
  }

  /** Begins to write row after row to whichever server takes them. */
  startWriter(): RowWriter {
    return new RowWriter(this.net, this.servers);
  }

  async remove(): Promise<void> {
    await this.sandbox.remove();
    await this.net.close();
  }
}

/** A client on the machine that runs Pulumi. It goes on through switchovers until it is stopped. */
export class RowWriter {
  readonly acknowledged: number[] = [];
  readonly #ended: Promise<unknown>;
  readonly #stop: () => void;

  constructor(net: MultiHost, servers: readonly string[]) {
    const hosts = servers.map((name) => net.host(name).address).join(",");
    const to = `host=${hosts} port=5432 user=postgres dbname=postgres target_session_attrs=read-write connect_timeout=2`;
    const [program, ...args] = net.control.argv(["sh", "-c", writing, "sh", to]) as [string, ...string[]];
    const env = { ...process.env, ...net.control.env, PGPASSWORD: passwords.postgres };
    const child = spawn(program, args, { env, stdio: ["pipe", "pipe", "ignore"] });
    createInterface({ input: child.stdout }).on("line", (line) => this.acknowledged.push(Number(line)));
    this.#ended = new Promise((resolve) => child.once("close", resolve));
    this.#stop = () => child.stdin.end();
  }

  /** Its last row is acknowledged, or given up. */
  async stop(): Promise<void> {
    this.#stop();
    await this.#ended;
  }
}

/** Writes until its standard input ends; a number is printed once its commit was acknowledged. */
const writing = `exec 3<&0
sh -c 'cat <&3 >/dev/null; kill "$1"' sh $$ &
n=0
psql -X -q -d "$1" -c 'create table if not exists written (number int)' || exit
while :; do
  n=$((n + 1))
  psql -X -q -d "$1" -c "insert into written values ($n)" && echo "$n"
done`;
