import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { until } from "../processes.js";
import { type CommandOptions, command, must, type Result } from "./command.js";
import type { HostMachine } from "./machine.js";
import { commandLinesIn, type Namespace, processesIn, startNamespace } from "./namespace.js";

export interface ControlOptions {
  readonly folder: string;
  readonly network: Namespace;
  readonly address: string;
  /** The private key that all hosts take. */
  readonly key: string;
  /** Lines of /etc/hosts. */
  readonly names: string;
}

/**
 * The machine that runs Pulumi: this machine's files and processes, but the hosts' network and no other, and a ~/.ssh
 * of the test's own.
 */
export class Control {
  private constructor(
    private readonly options: ControlOptions,
    private readonly namespace: Namespace,
  ) {}

  static async make(options: ControlOptions): Promise<Control> {
    const { folder, key, names, address, network } = options;
    const own = join(folder, "control");
    mkdirSync(join(own, "ssh"), { recursive: true, mode: 0o700 });
    mkdirSync(join(folder, "bin"));
    mkdirSync(join(folder, "r"), { mode: 0o700 });
    writeFileSync(join(own, "hosts"), `127.0.0.1 localhost\n${names}`);
    writeFileSync(join(own, "resolv.conf"), "nameserver 127.0.0.1\n");
    writeFileSync(join(own, "ssh", "config"), configuration(key));
    const namespace = await startNamespace([], script, [own, userInfo().homedir], network);
    const control = new Control(options, namespace);
    const enter = `exec nsenter --target ${namespace.pid} --mount --net -- /usr/bin/ssh "$@"`;
    writeFileSync(join(folder, "bin", "ssh"), `#!/bin/sh\n${enter}\n`);
    chmodSync(join(folder, "bin", "ssh"), 0o755);
    const peer = ["peer", "name", "eth0", "netns", `${namespace.pid}`];
    await control.#switch(["ip", "link", "add", "control", "type", "veth", ...peer]);
    await control.#switch(["ip", "link", "set", "control", "master", "bridge", "up"]);
    const up = `ip link set lo up; ip address add ${address}/24 dev eth0; ip link set eth0 up`;
    await must(["nsenter", `--target=${namespace.pid}`, "--net", "sh", "-c", up]);
    return control;
  }

  get address(): string {
    return this.options.address;
  }

  /** Its ~/.ssh: config and known_hosts are the test's to change. */
  get sshFolder(): string {
    return join(this.options.folder, "control", "ssh");
  }

  /** A folder for PATH, before all others: its ssh reaches the hosts; in tests, any other reaches nobody. */
  get bin(): string {
    return join(this.options.folder, "bin");
  }

  /**
   * With this over its environment, a process of this machine's uses ssh as if it ran there; and connections that are
   * kept for later are the test's own.
   */
  get env(): { readonly PATH: string; readonly XDG_RUNTIME_DIR: string } {
    const { folder } = this.options;
    return { PATH: `${this.bin}:${process.env.PATH}`, XDG_RUNTIME_DIR: join(folder, "r") };
  }

  /** Puts the host keys of these hosts, and of nobody else, into known_hosts. */
  know(hosts: readonly HostMachine[]): void {
    this.knowKeys(hosts.map((host) => [host, host.hostKey]));
  }

  /** The same with keys that may be wrong. */
  knowKeys(keys: readonly (readonly [HostMachine, key: string])[]): void {
    const lines = keys.map(([{ name, address }, key]) => `${address},${name} ${key}\n`);
    writeFileSync(join(this.sshFolder, "known_hosts"), lines.join(""), { mode: 0o600 });
  }

  /** Adds to ~/.ssh/config, before what stands there: the first that says something counts. */
  configure(text: string): void {
    const path = join(this.sshFolder, "config");
    writeFileSync(path, `${text}\n${readFileSync(path, "utf8")}`);
  }

  /** Argv with which any program runs there; signals reach it, since it takes nsenter's place. */
  argv(argv: readonly string[], cwd = "/"): string[] {
    const enter = ["nsenter", `--target=${this.namespace.pid}`, "--mount", "--net", "--"];
    return [...enter, "sh", "-c", 'cd "$1" && shift && exec "$@"', "sh", cwd, ...argv];
  }

  /** Runs a program there, to its end. @param options `env` is added to ours */
  async run(argv: readonly string[], options: CommandOptions & { readonly cwd?: string } = {}): Promise<Result> {
    const { env: own } = this;
    const env = { ...process.env, ...own, ...options.env, PATH: `${this.bin}:${options.env?.PATH ?? own.PATH}` };
    return command(this.argv(argv, options.cwd), { ...options, env });
  }

  /** Ends the connections that ssh keeps for later. */
  async closeConnections(): Promise<void> {
    const kept = () => [...this.processes()].filter(([, words]) => /^ssh: .*\[mux\]/.test(words)).map(([pid]) => pid);
    for (const pid of kept()) process.kill(pid, "SIGTERM");
    await until("the end of ssh's connections", () => kept().length === 0);
  }

  /** Command lines of all that runs there, by process id; words are separated by NUL. */
  processes(): ReadonlyMap<number, string> {
    return commandLinesIn(this.namespace);
  }

  /** Its cable is cut, or in again. */
  async plug(isIn: boolean): Promise<void> {
    await this.#switch(["ip", "link", "set", "control", isIn ? "up" : "down"]);
  }

  /** Ends all that runs in its network: ssh keeps connections for later. */
  async end(): Promise<void> {
    for (const pid of processesIn(this.namespace)) {
      if (pid !== this.namespace.pid) process.kill(pid, "SIGKILL");
    }
    await this.namespace.end();
  }

  #switch(argv: readonly string[]): Promise<string> {
    return must(["nsenter", `--target=${this.options.network.pid}`, "--net", "--", ...argv]);
  }
}

/** Root's home stays as it is: over it lies a layer that only this namespace sees, for the mount point of ~/.ssh. */
const script = `set -e
own=$1 home=$2
mkdir "$own/layer"
mount -t tmpfs -o mode=700 layer "$own/layer"
mkdir "$own/layer/upper" "$own/layer/work"
chmod 700 "$own/layer/upper"
mount -t overlay home -o "lowerdir=$home,upperdir=$own/layer/upper,workdir=$own/layer/work" "$home"
mkdir -p -m 700 "$home/.ssh"
mount --bind "$own/ssh" "$home/.ssh"
mount --bind "$own/hosts" /etc/hosts
mount --bind "$own/resolv.conf" "$(readlink -f /etc/resolv.conf)"
echo ready
exec sleep infinity`;

const configuration = (key: string) => `Host *
  User admin
  IdentityFile ${key}
  IdentitiesOnly yes
`;
