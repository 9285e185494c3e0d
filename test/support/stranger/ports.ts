import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/**
 * Ports of loopback on which processes that carry `marker` in their environment listen, each as soon as it is there, until
 * `isOver`. A stranger sees them all in /proc/net/tcp; told are those of one test alone, for others run beside it.
 */
export async function* portsOf(marker: string, isOver: () => boolean): AsyncGenerator<number> {
  const seen = new Set<string>();
  while (!isOver()) {
    for (const { port, inode } of listening()) {
      if (seen.has(inode)) continue;
      seen.add(inode);
      if (holderOf(inode, marker)) yield port;
    }
    await sleep(5);
  }
}

function listening(): readonly { readonly port: number; readonly inode: string }[] {
  const lines = readFileSync("/proc/net/tcp", "latin1").split("\n").slice(1);
  return lines.flatMap((line) => {
    const [, local = "", , state, , , , , , inode = ""] = line.trim().split(/\s+/);
    const [address, port = ""] = local.split(":");
    return state === "0A" && address === "0100007F" ? [{ port: Number.parseInt(port, 16), inode }] : [];
  });
}

function holderOf(inode: string, marker: string): boolean {
  return readdirSync("/proc").some((pid) => {
    try {
      const fds = () => readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
      return (
        /^\d+$/.test(pid) &&
        readFileSync(`/proc/${pid}/environ`, "latin1").includes(marker) &&
        fds().includes(`socket:[${inode}]`)
      );
    } catch {
      return false; // It ended meanwhile.
    }
  });
}
