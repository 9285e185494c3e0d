import type { Host } from "../../hosts/host.js";

/** The machine, by its boot, and the folder in it. */
const asking = 'cat /proc/sys/kernel/random/boot_id && stat -L -c %d:%i -- "$1"';

/**
 * Whether two ways lead to one and the same folder: a machine that was given another address, say. False where one of them does
 * not tell. @throws HostUnreachable
 */
export async function isSameFolder(one: Host, other: Host, path: string): Promise<boolean> {
  const [first, second] = await Promise.all([one, other].map((host) => host.run(["sh", "-c", asking, "sh", path])));
  return first?.code === 0 && second?.code === 0 && first.stdout === second.stdout;
}
