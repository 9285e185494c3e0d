import prettyBytes from "pretty-bytes";
import type { Host } from "../../hosts/host.js";
import { sharesBlocks, unfitFor } from "../../preflight/fileSystems.js";

/*
 * The last line of defence, right before bytes are written: the preflight (preflight/) has said the same before anything was
 * changed, but a disk fills up and a mount goes away in between.
 */

/** @throws where a data directory would lie on a file system whose writes PostgreSQL cannot trust to be durable */
export async function refuseNetworkFileSystem(host: Host, directory: string): Promise<void> {
  const unfit = unfitFor(await fileSystemOf(host, directory));
  if (unfit?.refused === true) {
    throw new Error(
      `${directory} on ${host.name} lies on ${unfit.why}: choose a dataDirectory on a local disk; nothing was touched`,
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
  const free = await tooLittleSpace(host, directory, needed, shares);
  if (free === undefined) return;
  throw new Error(
    `${directory} on ${host.name} has ${prettyBytes(free)} free, and the copy needs ${prettyBytes(needed)}: make room, or move dataDirectory to a larger disk`,
  );
}

/** The bytes that are free where that is less than needed; else, and where the host does not say, undefined. */
export async function tooLittleSpace(
  host: Host,
  directory: string,
  needed: number,
  shares: boolean,
): Promise<number | undefined> {
  if (shares && sharesBlocks(await fileSystemOf(host, directory))) return undefined;
  const free = await freeBytes(host, directory);
  return free === undefined || free >= needed ? undefined : free;
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
