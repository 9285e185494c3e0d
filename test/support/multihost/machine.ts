import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { checkout } from "../../../toolchain/paths.mjs";
import { until } from "../processes.js";
import { type CommandOptions, command, must, type Result } from "./command.js";
import { commandLinesIn, type Namespace, startNamespace } from "./namespace.js";

const here = join(checkout, "test/support/multihost");

/** A script that starts /etc/rc3.d, or the real systemd. */
export type Init = "sysv" | "systemd";

/** What all hosts of a test share. */
export interface Surroundings {
  /** Where each host's own files are, in the switch's mounts. */
  readonly folder: string;
  /** The network that they are plugged into. */
  readonly network: Namespace;
  /** Lines of /etc/hosts. */
  readonly names: string;
  readonly authorizedKey: string;
  /** Of the machine that runs Pulumi: a wall lets it in by SSH alone. */
  readonly outsiders: readonly string[];
  /** What their first process is. */
  readonly init: Init;
}

/**
 * A host of a test: a tree of its own over this machine's, its own network, processes, name and sshd. Root and the
 * users admin (may become postgres and root by sudo) and guest (may not) log in with the test's key.
 */
export class HostMachine {
  #namespace: Namespace | undefined;
  #plugs = 0;

  constructor(
    readonly name: string,
    readonly address: string,
    private readonly number: number,
    private readonly around: Surroundings,
  ) {}

  /** The host's first process, as seen from this machine. */
  get pid(): number {
    if (this.#namespace === undefined) throw new Error(`${this.name} is switched off`);
    return this.#namespace.pid;
  }

  get isOn(): boolean {
    return this.#namespace !== undefined;
  }

  /** Its SSH host key, as known_hosts has it. */
  get hostKey(): string {
    return readFileSync(`${this.#own("host_key")}.pub`, "utf8")
      .split(" ")
      .slice(0, 2)
      .join(" ");
  }

  /** Puts what makes it this host on its disk. Once, before the first boot. */
  async install(): Promise<void> {
    mkdirSync(this.#folder, { recursive: true });
    await this.newHostKey();
  }

  /** As after an installation anew: another host key, in force from the next boot on. */
  async newHostKey(): Promise<void> {
    const path = this.#own("host_key");
    await must(["rm", "-f", path, `${path}.pub`]);
    await must(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", this.name, "-f", path]);
  }

  /** Power on; what run level 3 starts has been started when it returns (/etc/rc3.d/S*). */
  async boot(): Promise<void> {
    if (this.#namespace !== undefined) throw new Error(`${this.name} is on already`);
    await this.#place();
    const script = readFileSync(join(here, "boot.sh"), "utf8");
    const kinds = ["--pid", "--fork", "--kill-child", "--uts", "--ipc", "--cgroup"];
    const args = [this.name, this.#disk, this.around.init];
    this.#namespace = await startNamespace(kinds, script, args, this.around.network);
    await this.plug();
    if (this.around.init === "systemd") {
      await this.run(["systemctl", "is-system-running", "--wait"], { seconds: 90 });
      return;
    }
    // Its services start once there is a network ($network of the Linux Standard Base).
    await until(`the services of ${this.name}`, () => existsSync(`/proc/${this.pid}/root/run/booted`), 90);
  }

  /** All its processes are gone at once, and nobody is told: no connection is closed. Its disk stays. */
  async powerCut(): Promise<void> {
    await this.unplug();
    await this.#namespace?.end();
    this.#namespace = undefined;
  }

  /** Its cable is cut: nothing comes through in either direction, and nobody is told. */
  async unplug(): Promise<void> {
    await this.#switch(["ip", "link", "set", this.#plug, "down"]);
  }

  /** The cable is in again; the first time, and after a boot, it is a new one. */
  async plug(): Promise<void> {
    const known = await this.#inside(["ip", "link", "show", "eth0"]);
    if (known.code === 0) {
      await this.#switch(["ip", "link", "set", this.#plug, "up"]);
      return;
    }
    this.#plugs++;
    const mac = `02:00:00:00:00:${this.number.toString(16).padStart(2, "0")}`;
    const peer = ["peer", "name", "eth0", "address", mac, "netns", `${this.pid}`];
    await this.#switch(["ip", "link", "add", this.#plug, "type", "veth", ...peer]);
    await this.#switch(["ip", "link", "set", this.#plug, "master", "bridge", "up"]);
    const up = `ip link set lo up; ip address add ${this.address}/24 dev eth0; ${wall(this.around.outsiders)}; ip link set eth0 up`;
    await must(["nsenter", `--target=${this.pid}`, "--net", "sh", "-c", up]);
  }

  /** Has its firewall drop what comes from elsewhere, except for SSH. Until it is switched off. */
  async closeTo({ allBut }: { readonly allBut: readonly string[] }): Promise<void> {
    const rules = [
      ["-i", "lo", "-j", "ACCEPT"],
      ["-m", "state", "--state", "ESTABLISHED,RELATED", "-j", "ACCEPT"],
      ["-p", "tcp", "--dport", "22", "-j", "ACCEPT"],
      ...allBut.map((address) => ["-s", address, "-j", "ACCEPT"]),
      ["-j", "DROP"],
    ];
    for (const rule of rules) await this.must(["iptables", "-A", "INPUT", ...rule]);
  }

  /** Has its sshd obey these lines too, in place of those of the last time; connections that stand go on. */
  async sshd(...lines: readonly string[]): Promise<void> {
    const script = `set -e
base=/etc/pgsite-test/sshd_config
printf '%s\\n' "$@" | cat "$base" - >"$base.now"
# Its listener; the brackets keep this very script out.
pid=$(pgrep -f '[s]shd: /usr/sbin/sshd') && kill "$pid"
while [ -e "/proc/$pid" ]; do sleep 0.05; done
/usr/sbin/sshd -f "$base.now" -E /var/log/sshd.log`;
    await this.must(["sh", "-c", script, "sh", ...lines]);
  }

  /** Runs a program on it as root, not over the network: what a test wants to know or to break. */
  async run(argv: readonly string[], options?: CommandOptions): Promise<Result> {
    return command(this.argv(argv), options);
  }

  /** The same, where anything but success is an error. Returns standard output. */
  async must(argv: readonly string[], options?: CommandOptions): Promise<string> {
    return must(this.argv(argv), options);
  }

  /** Command lines of all its processes, by their id on this machine; words are separated by NUL. */
  processes(): ReadonlyMap<number, string> {
    return this.#namespace === undefined ? new Map() : commandLinesIn(this.#namespace);
  }

  /** Argv with which any program runs on it. */
  argv(argv: readonly string[]): string[] {
    const target = `--target=${this.pid}`;
    const environment = [
      "env",
      "-i",
      "HOME=/root",
      "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    ];
    return [
      "nsenter",
      target,
      "--mount",
      "--net",
      "--pid",
      "--uts",
      "--ipc",
      "--root",
      "--wd",
      "--",
      ...environment,
      ...argv,
    ];
  }

  get #folder(): string {
    return join(this.around.folder, "hosts", this.name);
  }

  get #disk(): string {
    return join(this.around.folder, "disks", this.name);
  }

  /** A file of the host's that the test keeps on this machine. */
  #own(file: string): string {
    return join(this.#folder, file);
  }

  get #plug(): string {
    return `${this.name.slice(0, 8)}-${this.number}-${this.#plugs}`;
  }

  /** Writes what the test decides into /etc of its disk; it is off, so nothing is mounted there. */
  async #place(): Promise<void> {
    const staged = this.#own("etc");
    mkdirSync(join(staged, "pgsite-test"), { recursive: true });
    const write = (path: string, content: string) => writeFileSync(join(staged, path), content);
    write("hostname", `${this.name}\n`);
    write("hosts", `127.0.0.1 localhost\n::1 localhost\n${this.around.names}`);
    // Nobody answers there, at once.
    write("resolv.conf", "nameserver 127.0.0.1\n");
    write("pgsite-test/authorized_keys", this.around.authorizedKey);
    write("pgsite-test/sshd_config", sshdConfiguration);
    copyFileSync(join(here, "install.sh"), join(staged, "pgsite-test", "install"));
    copyFileSync(join(here, "beforeSystemd.sh"), join(staged, "pgsite-test", "before-systemd"));
    copyFileSync(this.#own("host_key"), join(staged, "pgsite-test", "host_key"));
    chmodSync(join(staged, "pgsite-test", "host_key"), 0o600);
    await this.#switch(["mkdir", "-p", join(this.#disk, "upper", "etc")]);
    await this.#switch(["cp", "-a", "-T", staged, join(this.#disk, "upper", "etc")]);
  }

  #switch(argv: readonly string[]): Promise<string> {
    return must(["nsenter", `--target=${this.around.network.pid}`, "--mount", "--net", "--", ...argv]);
  }

  #inside(argv: readonly string[]): Promise<Result> {
    return command(["nsenter", `--target=${this.pid}`, "--net", "--", ...argv]);
  }
}

const sshdConfiguration = `HostKey /etc/pgsite-test/host_key
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
UseDNS no
PidFile none
Subsystem sftp internal-sftp
`;

/**
 * What comes from these addresses to other ports than SSH's is dropped, as by a firewall. By rules of routing: they take nothing
 * that is not installed.
 */
function wall(addresses: readonly string[]): string {
  const drop = (address: string) => `ip rule add pref 1 from ${address} ipproto tcp dport 23-65534 blackhole`;
  return ["ip rule add pref 10 lookup local", "ip rule del pref 0", ...addresses.map(drop)].join("; ");
}
