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

/** What is still to be written into a folder. */
export interface Need {
  /** It may be missing still, and those above it. */
  readonly directory: string;
  readonly bytes: number;
  /** Copied by cp from there: within one file system that can share blocks that takes nothing. */
  readonly from?: string;
}

/** A file system that has less than it needs, by one of the folders on it. */
export interface Lack {
  readonly directory: string;
  readonly free: number;
  readonly needed: number;
}

/** The first file system that has not the room for what goes there; where a host does not say, there is. */
export async function lackOfSpace(host: Host, needs: readonly Need[]): Promise<Lack | undefined> {
  const paths = needs.flatMap(({ directory, from }) => [directory, from ?? directory]);
  const places = await fileSystemsOf(host, paths);
  const lacks = new Map<string, Lack>();
  needs.forEach(({ directory, bytes }, index) => {
    const [to, from] = [places[2 * index], places[2 * index + 1]];
    const shares = needs[index]?.from !== undefined && to?.device === from?.device && sharesBlocks(to?.type ?? "");
    if (to === undefined || shares || bytes <= 0) return;
    const before = lacks.get(to.device);
    lacks.set(to.device, { directory, free: to.free, ...before, needed: (before?.needed ?? 0) + bytes });
  });
  return [...lacks.values()].find(({ free, needed }) => free < needed);
}

/** @throws where a file system has not the room for what is still to be copied there */
export async function refuseTooLittleSpace(host: Host, needs: readonly Need[]): Promise<void> {
  const lack = await lackOfSpace(host, needs);
  if (lack === undefined) return;
  const { directory, free, needed } = lack;
  throw new Error(
    `${directory} on ${host.name} has ${prettyBytes(free)} free, and the copy needs ${prettyBytes(needed)}: make room, or move dataDirectory to a larger disk`,
  );
}

interface FileSystem {
  readonly device: string;
  readonly free: number;
  /** As stat(1) calls it. */
  readonly type: string;
}

/** Of the nearest folders that exist. */
const measuring = `for folder; do
  until [ -d "$folder/" ]; do folder=$(dirname -- "$folder"); done
  echo "$(stat -c %d -- "$folder/.")" "$(df -B1 --output=avail -- "$folder/." | tail -n 1)" "$(stat -f -c %T -- "$folder/.")"
done`;

async function fileSystemsOf(host: Host, paths: readonly string[]): Promise<readonly (FileSystem | undefined)[]> {
  if (paths.length === 0) return [];
  const { stdout } = await host.run(["sh", "-c", measuring, "sh", ...paths]);
  return stdout.split("\n").map((line) => {
    const [device = "", free = "", type = ""] = line.trim().split(/ +/);
    return free === "" || Number.isNaN(Number(free)) ? undefined : { device, free: Number(free), type };
  });
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
