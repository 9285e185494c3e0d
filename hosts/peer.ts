import { fstatSync } from "node:fs";
import { open } from "node:fs/promises";
import type { Socket } from "node:net";
import { endianness } from "node:os";

/** The kernel's connections, with the owner of each end; of our network alone, as loopback is. */
const table = "/proc/self/net/tcp";

/** A pass over the table may miss an entry while others come and go. */
const attempts = 3;

/** One end of a connection, as the kernel lists it. */
export interface End {
  readonly isEstablished: boolean;
  readonly uid: number;
  /** 0 where no process holds it any more. */
  readonly inode: number;
}

/**
 * The OS user who holds the other end of a connection over loopback, undefined where that is not certain. Only Linux tells.
 *
 * An end whose process has closed it is listed as root's, while what it had sent is still to be read. So it is looked at
 * twice, open both times, for what is closed stays so; and between the two our own end is still this very connection, for
 * ports are used again. All connections of a machine are behind one lookup: a few milliseconds, once a connection.
 */
export async function userBehind(socket: Socket): Promise<number | undefined> {
  const { localPort, remotePort } = socket;
  const own = inodeOf(socket);
  if (localPort === undefined || remotePort === undefined || own === undefined) return undefined;
  const theirs = pairOf(remotePort, localPort);
  const ours = pairOf(localPort, remotePort);
  for (let attempt = 0; attempt < attempts; attempt++) {
    const [before] = await listed([theirs]);
    const [after, mine] = await listed([theirs, ours]);
    if (before === undefined || after === undefined || mine === undefined) continue;
    return isCertain(before, after, mine, own) ? before.uid : undefined;
  }
  return undefined;
}

/** Whether two looks at the other end, with one at ours between or after, are of one connection that was open all the time. */
export function isCertain(before: End, after: End, mine: End, own: number): boolean {
  return (
    [before, after, mine].every(({ isEstablished }) => isEstablished) &&
    mine.inode === own &&
    before.inode !== 0 &&
    before.inode === after.inode &&
    before.uid === after.uid
  );
}

/** @throws where this machine does not tell who is behind a connection */
export async function needPeers(): Promise<void> {
  const file = await open(table, "r").catch((error: Error) => {
    throw new Error(
      `pgsite answers its own OS user alone on loopback, and cannot tell who calls: ${error.message}. Mount /proc`,
    );
  });
  await file.close();
}

function inodeOf(socket: Socket): number | undefined {
  const { _handle: handle } = socket as unknown as { readonly _handle?: { readonly fd?: number } | null };
  const fd = handle?.fd;
  return fd === undefined || fd < 0 ? undefined : fstatSync(fd).ino;
}

/** Both ends' addresses as they stand in the table; the one whose entry it is comes first. */
function pairOf(port: number, otherPort: number): string {
  const loopback = endianness() === "LE" ? "0100007F" : "7F000001";
  const word = (number: number) => `${loopback}:${number.toString(16).toUpperCase().padStart(4, "0")}`;
  return ` ${word(port)} ${word(otherPort)} `;
}

/** The entries of `pairs`, by one pass that ends once it has them all. */
async function listed(pairs: readonly string[]): Promise<readonly (End | undefined)[]> {
  const found = pairs.map((): End | undefined => undefined);
  const file = await open(table, "r");
  try {
    const buffer = Buffer.allocUnsafe(32 * 1024);
    let text = "";
    while (found.includes(undefined)) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length, null);
      if (bytesRead === 0) break;
      text += buffer.toString("latin1", 0, bytesRead);
      const whole = text.lastIndexOf("\n") + 1;
      for (const [index, pair] of pairs.entries()) {
        const at = text.lastIndexOf(pair, whole);
        if (at >= 0 && at < whole) found[index] ??= endOf(text.slice(at, text.indexOf("\n", at)));
      }
      text = text.slice(whole);
    }
    return found;
  } finally {
    await file.close();
  }
}

/** An entry from its two addresses on: proc(5), /proc/net/tcp. */
export function endOf(entry: string): End {
  const [, , state, , , , uid, , inode] = entry.trim().split(/\s+/);
  return { isEstablished: state === "01", uid: Number(uid), inode: Number(inode) };
}
