import prettyBytes from "pretty-bytes";
import type { Host } from "../hosts/host.js";

/** File systems whose copies by cp share blocks: a copy takes no space there. */
const sharing = new Set(["xfs", "btrfs"]);

/** @throws where a data directory would lie on NFS, whose writes PostgreSQL cannot trust to be durable */
export async function refuseNetworkFileSystem(host: Host, directory: string): Promise<void> {
  const type = await fileSystemOf(host, directory);
  if (/^nfs/.test(type)) {
    throw new Error(
      `${directory} on ${host.name} lies on NFS, where PostgreSQL's data is not safe: choose a dataDirectory on a local disk; nothing was touched`,
    );
  }
}

/**
 * @param needed bytes still to be written
 * @param shares true where files are copied within one file system that can share blocks
 * @throws where there is less
 */
export async function refuseTooLittleSpace(
  host: Host,
  directory: string,
  needed: number,
  shares: boolean,
): Promise<void> {
  if (shares && sharing.has(await fileSystemOf(host, directory))) return;
  const free = await freeBytes(host, directory);
  if (free === undefined || free >= needed) return;
  throw new Error(
    `${directory} on ${host.name} has ${prettyBytes(free)} free, and the copy needs ${prettyBytes(needed)}: make room, or move dataDirectory to a larger disk`,
  );
}

/** What can still be written into a folder, or undefined where the host does not say. */
export async function freeBytes(host: Host, directory: string): Promise<number | undefined> {
  const { code, stdout } = await host.run(["df", "-B1", "--output=avail", "--", directory]);
  const free = Number(stdout.trim().split("\n").at(-1));
  return code !== 0 || Number.isNaN(free) ? undefined : free;
}

/** As stat(1) calls it; of the nearest folder that exists. */
async function fileSystemOf(host: Host, directory: string): Promise<string> {
  const nearest =
    'folder=$1; until [ -d "$folder/" ]; do folder=$(dirname -- "$folder"); done; stat -f -c %T -- "$folder"';
  const { stdout } = await host.run(["sh", "-c", nearest, "sh", directory]);
  return stdout.trim();
}
