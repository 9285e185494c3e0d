import { execFile, spawn } from "node:child_process";
import { readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { parse, stringify } from "yaml";
import { checkout } from "../../toolchain/paths.mjs";
import type { Init } from "./multihost/machine.js";
import { type HostMachine, type MultiHost, multiHost, type Result } from "./multihost.js";
import { PulumiSandbox } from "./pulumi.js";

const stack = "site";
const up = ["up", "--yes", "--skip-preview"];
export const passwords = { postgres: "of postgres", replicator: "of replicator" };

interface Hosts {
  readonly init: Init;
  readonly servers?: readonly [string, ...string[]];
  /** By role. */
  readonly passwords?: Readonly<Record<string, string>>;
}

export interface DistributionOptions extends Hosts {
  /** Keys of the stack file beside what any test of it has. */
  readonly stackFile: Readonly<Record<string, unknown>>;
  /** What an administrator did on each host before, as root. */
  readonly prepare: string;
}

export interface HandMadeOptions extends Hosts {
  /** What an administrator did on the host of a server before, as root, one after the other. @param addresses of all hosts */
  readonly prepare: (server: string, addresses: Readonly<Record<string, string>>) => string;
  readonly dataDirectory: string;
}

/** A site of servers that stand as a distribution puts them, each on a host of its own, reached over SSH. */
export class DistributionSite {
  /** The stack file's configuration as it is without a change of the test's. */
  #base: Readonly<Record<string, unknown>> = {};

  private constructor(
    readonly net: MultiHost,
    readonly sandbox: PulumiSandbox,
    readonly servers: readonly [string, ...string[]],
  ) {}

  /** A site that pgsite shall make. */
  static async make({ prepare, stackFile, ...hosts }: DistributionOptions): Promise<DistributionSite> {
    return DistributionSite.#begin(hosts, async (site) => {
      await Promise.all(site.net.hosts.map((host) => host.must(["sh", "-ec", prepare], { seconds: 60 })));
      await site.#makeStack(hosts.passwords);
      const described = {
        site: "orders",
        postgresql: "15",
        hosts: Object.fromEntries(
          site.servers.map((name) => [name, { address: site.host(name).address, login: "root" }]),
        ),
        primary: site.servers[0],
        servers: Object.fromEntries(site.servers.map((name) => [name, {}])),
        access: site.net.hosts.map(({ address }) => `host all postgres ${address}/32 scram-sha-256`),
        ...stackFile,
      };
      site.#base = { ...site.#configuration(), ...prefixed(described) };
      site.declare({});
    });
  }

  /** A site that was made by hand and is taken over by `pgsite import`: its stack file is what that wrote. */
  static async imported(options: HandMadeOptions): Promise<{ readonly site: DistributionSite; readonly said: string }> {
    const { prepare, dataDirectory, ...hosts } = options;
    let said = "";
    const site = await DistributionSite.#begin(hosts, async (site) => {
      const addresses = Object.fromEntries(site.servers.map((name) => [name, site.host(name).address]));
      for (const name of site.servers) {
        await site.host(name).must(["sh", "-ec", prepare(name, addresses)], { seconds: 120 });
      }
      const places = site.servers.flatMap((name) => [
        "--host",
        `${name}=${addresses[name]}`,
        "--data-directory",
        dataDirectory,
      ]);
      const run = await site.pgsite(["import", ...places, "--stack", stack, "--site", "orders", "--adopt"]);
      said = run.stdout + run.stderr;
      if (run.code !== 0) throw new Error(`pgsite import ended with status ${run.code}:\n${said}`);
      await site.#makeStack();
      site.#base = site.#configuration();
    });
    return { site, said };
  }

  static async #begin(
    { servers = ["one", "two"], init }: Hosts,
    begin: (site: DistributionSite) => Promise<void>,
  ): Promise<DistributionSite> {
    await promisify(execFile)(process.execPath, [join(checkout, "toolchain", "build.mjs")]);
    const [net, sandbox] = await Promise.all([multiHost(servers, { init }), PulumiSandbox.make()]);
    const site = new DistributionSite(net, sandbox, servers);
    try {
      sandbox.write({ "Pulumi.yaml": readFileSync(join(checkout, "Pulumi.yaml"), "utf8") });
      symlinkSync(join(checkout, "dist"), join(sandbox.program, "dist"));
      await begin(site);
      return site;
    } catch (error) {
      await site.remove();
      throw error;
    }
  }

  async #makeStack(more: Hosts["passwords"] = {}): Promise<void> {
    await this.sandbox.must(["stack", "init", stack]);
    for (const [role, input] of Object.entries({ ...passwords, ...more })) {
      await this.sandbox.must(["config", "set", "--secret", `pgsite:password-${role}`, "--stack", stack], { input });
    }
  }

  get stackFile(): string {
    return readFileSync(join(this.sandbox.program, `Pulumi.${stack}.yaml`), "utf8");
  }

  #configuration(): Readonly<Record<string, unknown>> {
    return (parse(this.stackFile) as { config: Record<string, unknown> }).config;
  }

  /** What the stack file says by a key, without a change of the test's. */
  declared(key: string): unknown {
    return this.#base[`pgsite:${key}`];
  }

  /** Writes the stack file, with these keys over the others. */
  declare(keys: Readonly<Record<string, unknown>>): void {
    const { config: _, ...kept } = parse(this.stackFile) as Record<string, unknown>;
    const text = stringify({ ...kept, config: { ...this.#base, ...prefixed(keys) } });
    this.sandbox.write({ [`Pulumi.${stack}.yaml`]: text });
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
    const env = { ...this.sandbox.env, PGPASSWORD: passwords.postgres };
    return this.net.control.run(argv, { cwd: this.sandbox.program, env, seconds: 60 });
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

function prefixed(keys: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(keys).map(([key, value]) => [`pgsite:${key}`, value]));
}

/** A client on the last server's host. It goes on through switchovers until it is stopped. */
export class RowWriter {
  readonly acknowledged: number[] = [];
  readonly #ended: Promise<unknown>;
  readonly #stop: () => void;

  constructor(net: MultiHost, servers: readonly string[]) {
    const hosts = servers.map((name) => net.host(name).address).join(",");
    const to = `host=${hosts} port=5432 user=postgres dbname=postgres target_session_attrs=read-write connect_timeout=2`;
    const client = net.host(servers.at(-1) as string);
    const words = ["env", `PGPASSWORD=${passwords.postgres}`, "sh", "-c", writing, "sh", to];
    const [program, ...args] = client.argv(words) as [string, ...string[]];
    const child = spawn(program, args, { stdio: ["pipe", "pipe", "ignore"] });
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
