import { hostname } from "node:os";
import { controlPath, type Directories } from "../../config/controlDirectory.js";
import type { Host } from "../../hosts/host.js";

/** Somebody else acts on this server now. */
export class Locked extends Error {
  constructor(path: string, host: string, holder: string) {
    super(`${holder}; wait until it has ended, or end it (the lock is ${path} on ${host} and goes with its process)`);
    this.name = "Locked";
  }
}

const taken = 75;

/**
 * Runs `body` while nobody else acts on the same server. The lock is flock(1)'s, held by a program on the host whose
 * standard input is ours: when we die, however, it ends, and the lock with it.
 * @throws Locked naming the holder
 */
export async function withLock<T>(
  host: Host,
  directories: Directories,
  act: string,
  body: () => Promise<T>,
): Promise<T> {
  await host.makeDirectory(directories.controlDirectory);
  const path = controlPath(directories, "lock");
  const holderPath = controlPath(directories, "lockHolder");
  const holder = await host.spawn([
    "flock",
    "-n",
    "-E",
    `${taken}`,
    path,
    "sh",
    "-c",
    "echo held; exec cat >/dev/null",
  ]);
  holder.stdin.on("error", () => undefined);
  const held = await Promise.race([
    new Promise<boolean>((resolve) => holder.stdout.once("data", () => resolve(true))),
    holder.ended.then(() => false),
  ]);
  if (!held) {
    const { code, stderr } = await holder.ended;
    if (code !== taken) throw new Error(`the lock ${path} on ${host.name} cannot be taken: ${stderr.trim()}`);
    const said = (await host.readFile(holderPath))?.toString("utf8").trim();
    throw new Locked(path, host.name, said ?? "another pgsite acts on this server");
  }
  try {
    const since = new Date().toISOString().slice(0, 19).replace("T", " ");
    await host.writeFile(
      holderPath,
      `pgsite (process ${process.pid} on ${hostname()}) has been at it since ${since} UTC: ${act}\n`,
    );
    return await body();
  } finally {
    await host.remove(holderPath).catch(() => undefined);
    holder.stdin.end();
    await holder.ended;
  }
}

/**
 * A program that writes into a data directory, as an argv that holds the directory's copy lock while it runs. It can
 * outlive us by a batch (kill -9); `waitForWriters` lets the next attempt wait for it, so that an old copy never
 * overwrites a newer one.
 */
export function writing(
  directories: Pick<Directories, "controlDirectory">,
  argv: readonly string[],
): readonly string[] {
  const script = 'exec 9>>"$0" && flock -s 9 && exec "$@"';
  return ["sh", "-c", script, copyLock(directories), ...argv];
}

/** The file whose lock says that somebody writes. */
export function copyLock(directories: Pick<Directories, "controlDirectory">): string {
  return controlPath(directories, "copyLock");
}

/** Waits for what an earlier, killed attempt still has under way. @throws where it goes on for over a minute */
export async function waitForWriters(host: Host, directories: Directories): Promise<void> {
  const path = copyLock(directories);
  const { code } = await host.run(["flock", "-x", "-w", "60", path, "true"], { timeout: 70_000 });
  if (code !== 0) {
    throw new Error(
      `programs that an earlier, killed pgsite started on ${host.name} still write there after a minute (fuser ${path} names them); end them and run again`,
    );
  }
}
