import { constants, type Stats } from "node:fs";
import * as fs from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { defaultTimeout, HostTimeout, maximalFile, NotAFile, TooLong } from "./host.js";

const isLinux = process.platform === "linux";

/** O_PATH of Linux (open(2)): takes hold of what stands at a path, and opens nothing. A FIFO or a device does not notice. */
const onlyHold = isLinux ? 0o10000000 : constants.O_RDONLY | constants.O_NONBLOCK;

/** What stands at a path of this machine, links followed; held, so that nobody can put something else in its place. */
export interface Held {
  readonly status: Stats;
  /** Leads to what is held. */
  readonly path: string;
}

/** Holds what stands at a path as long as `act` runs. Undefined where nothing is there. */
export async function holding<T>(path: string, act: (held: Held) => Promise<T>): Promise<T | undefined> {
  const handle = await absentAsUndefined(fs.open(path, onlyHold));
  if (handle === undefined) return undefined;
  try {
    const status = await handle.stat();
    return await act({ status, path: isLinux ? `/proc/self/fd/${handle.fd}` : path });
  } finally {
    await handle.close();
  }
}

/**
 * Whether a file that is held lies itself in a folder of that user's, neither behind a link nor under a second name: so whoever
 * owns it, and not that user, has put it there.
 */
export async function laidInFolderOf(
  { uid }: { readonly uid: number },
  { status }: Held,
  path: string,
): Promise<boolean> {
  if (!status.isFile() || status.nlink !== 1) return false;
  const isThere = await holding(dirname(path), async (folder) => {
    if (folder.status.uid !== uid) return false;
    const entry = await absentAsUndefined(fs.lstat(join(folder.path, basename(path))));
    return entry?.ino === status.ino && entry.dev === status.dev;
  });
  return isThere === true;
}

/** Part of a file that is held; by default all of it. @throws NotAFile @throws TooLong */
export async function readHeld(
  { status, path: place }: Held,
  { host, path, offset = 0, length }: { host: string; path: string; offset?: number | "tail"; length?: number },
): Promise<Buffer> {
  const kind = kindOf(status);
  if (kind !== "file") throw new NotAFile(host, path, kind);
  const tooLong = new TooLong(host, `reading ${path}`, maximalFile);
  if (length === undefined && status.size > maximalFile) throw tooLong;
  const from = offset === "tail" ? Math.max(0, status.size - (length ?? 0)) : offset;
  // A lease that somebody holds on it would be waited for as well.
  const file = await fs.open(place, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    // Files of /proc have no size.
    const likely = status.size === 0 ? 4096 : status.size - from + 1;
    const most = Math.max(0, length ?? maximalFile + 1);
    const chunks: Buffer[] = [];
    for (let total = 0; total < most; ) {
      const wanted = Math.min(most - total, Math.max(total === 0 ? likely : 65_536, 1));
      const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(wanted), 0, wanted, from + total);
      if (bytesRead === 0) break;
      chunks.push(buffer.subarray(0, bytesRead));
      total += bytesRead;
      if (length === undefined && total > maximalFile) throw tooLong;
      if (status.size > 0 && bytesRead < wanted) break;
    }
    return chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks);
  } finally {
    await file.close();
  }
}

/** Names in a folder, sorted; undefined where it is none. @throws TooLong */
export async function listHeld(
  { status, path: place }: Held,
  { host, path }: { host: string; path: string },
): Promise<readonly string[] | undefined> {
  if (!status.isDirectory()) return undefined;
  const names: string[] = [];
  let size = 0;
  for await (const { name } of await fs.opendir(place, { bufferSize: 1024 })) {
    names.push(name);
    size += Buffer.byteLength(name) + 1;
    if (size > maximalFile) throw new TooLong(host, `listing ${path}`, maximalFile);
  }
  return names.sort();
}

/** What stands somewhere, as a word of a message; `file` of one that can be read. */
export function kindOf(status: Stats): string {
  if (status.isFile()) return "file";
  if (status.isDirectory()) return "directory";
  if (status.isFIFO()) return "FIFO";
  if (status.isSocket()) return "socket";
  return status.isCharacterDevice() ? "character device" : "block device";
}

/** A file system may hang (a server of NFS that is gone, a user's own by FUSE): nobody waits for it for ever. */
export async function within<T>(host: string, what: string, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new HostTimeout(host, what, defaultTimeout)), defaultTimeout);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

export async function absentAsUndefined<T>(promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw error;
  }
}
