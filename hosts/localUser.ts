import { spawn } from "node:child_process";
import { hostname } from "node:os";
import { HostUnreachable } from "./host.js";
import { ConnectionCut, type Transport } from "./shell/transport.js";
import { remoteCommand } from "./ssh/become.js";

/**
 * Another user of this machine, for root: the same shell as on a host that root logs in to, so what happens in that user's
 * folders happens as that user, whatever links and files stand there.
 */
export function localUser(name: string, user: string): Transport {
  const command = remoteCommand({ name, transport: "local", address: "", user, become: "su" });
  return {
    name,
    user,
    machine: `local:${hostname()}`,
    key: JSON.stringify(["local", name, user]),
    start: () =>
      spawn("/bin/sh", ["-c", command], {
        stdio: ["pipe", "pipe", "pipe"],
        // That user can read the environment of its processes.
        env: { PATH: process.env.PATH ?? "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C" },
      }),
    // Our shell says how every program ended; only a shell that was killed does not.
    isCut: () => true,
    unreachable: (said) =>
      new HostUnreachable(name, `root does not become ${user} (su): ${said.trim() || "no word of why"}`),
    slow: (within) => new ConnectionCut(name, `su to ${user} gave no shell within ${Math.round(within / 1000)} s`),
    becoming: `su made us somebody else: look at the password database`,
    mayBeConnected: () => false,
    disconnect: async () => undefined,
  };
}
