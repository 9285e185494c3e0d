import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { alive, startOf } from "../../toolchain/steps.mjs";
import { must } from "./multihost/command.js";
import { Control } from "./multihost/control.js";
import { HostMachine, type Init } from "./multihost/machine.js";
import { type Namespace, startNamespace } from "./multihost/namespace.js";

export type { Result } from "./multihost/command.js";
export type { Control } from "./multihost/control.js";
export type { HostMachine } from "./multihost/machine.js";

/** Why a test can have no hosts here; undefined where it can. @param more programs that it needs on them */
export function whyNoHosts(more: readonly string[] = []): string | undefined {
  if (process.platform !== "linux" || userInfo().uid !== 0) return "several hosts on one machine take root on Linux";
  const programs = ["/usr/sbin/sshd", "/usr/bin/ssh", "/usr/bin/sudo", "/usr/bin/rsync", "/bin/ip", ...more];
  const missing = programs.filter((path) => !existsSync(path));
  return missing.length === 0 ? undefined : `not installed: ${missing.join(", ")}`;
}

/** Several hosts, and the machine that runs Pulumi. `await net.close()` in the end, also after a failure. */
export interface MultiHost {
  readonly hosts: readonly HostMachine[];
  readonly control: Control;
  /** @throws where the test has no such host */
  host(name: string): HostMachine;
  /** Ends every process and takes all of it away. What a killed test leaves ends with it; its folder goes with the next test. */
  close(): Promise<void>;
}

/**
 * Makes hosts as one machine has never seen them: each with a network namespace and an address of a range for tests
 * (198.18.0.0/15), with processes, a name and a tree of its own over this machine's, so that everything that is
 * installed here is there. The machine that runs Pulumi gets to them by SSH alone: what else comes from it is dropped, as by
 * a firewall. All of it lives in namespaces: nothing is seen, mounted or routed outside.
 */
export async function multiHost(
  names: readonly string[],
  { init = "sysv" }: { readonly init?: Init } = {},
): Promise<MultiHost> {
  sweep();
  const folder = makeFolder();
  const ended: (() => Promise<void>)[] = [];
  const close = async () => {
    for (const end of ended.splice(0).reverse()) await end().catch((error: unknown) => console.error(error));
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const network = await makeNetwork(folder);
    ended.push(() => network.end());
    const block = randomBytes(2);
    const subnet = `198.${18 + ((block[0] ?? 0) % 2)}.${block[1]}`;
    const addressOf = (index: number) => `${subnet}.${index + 2}`;
    const key = join(folder, "key");
    await must(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "a test", "-f", key]);
    const around = {
      folder,
      network,
      init,
      names: names.map((name, index) => `${addressOf(index)} ${name}\n`).join(""),
      authorizedKey: readFileSync(`${key}.pub`, "utf8"),
      outsiders: [`${subnet}.1`],
    };
    const hosts = names.map((name, index) => new HostMachine(name, addressOf(index), index + 2, around));
    await Promise.all(
      hosts.map(async (host) => {
        await host.install();
        ended.push(async () => {
          if (host.isOn) await host.powerCut();
        });
        await host.boot();
      }),
    );
    const control = await Control.make({ folder, network, address: `${subnet}.1`, key, names: around.names });
    ended.push(() => control.end());
    control.know(hosts);
    return {
      hosts,
      control,
      host(name) {
        const found = hosts.find((host) => host.name === name);
        if (found === undefined) throw new Error(`the test has no host ${name}; it has ${names.join(", ")}`);
        return found;
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The hosts' disks, in memory, and the bridge that they are plugged into: both go with their namespaces. */
function makeNetwork(folder: string): Promise<Namespace> {
  const script = `set -e
mkdir -p "$1/disks"
mount -t tmpfs -o mode=755 disks "$1/disks"
ip link add bridge type bridge forward_delay 0
ip link set bridge up
ip link set lo up
echo ready
exec sleep infinity`;
  return startNamespace([], script, [folder]);
}

const parent = "/tmp";
const prefix = "pgsh-";

/** Short: sockets are in it. */
function makeFolder(): string {
  const folder = join(parent, `${prefix}${randomBytes(3).toString("hex")}`);
  mkdirSync(folder, { mode: 0o755 });
  writeFileSync(join(folder, "owner"), JSON.stringify({ pid: process.pid, start: startOf(process.pid) }));
  return folder;
}

/** Folders of tests that were killed. Their processes and mounts ended with them. */
function sweep(): void {
  for (const name of readdirSync(parent).filter((name) => name.startsWith(prefix))) {
    const folder = join(parent, name);
    const owner = join(folder, "owner");
    if (existsSync(owner) && !alive(readFileSync(owner, "utf8"))) rmSync(folder, { recursive: true, force: true });
  }
}
