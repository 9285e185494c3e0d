import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { chmod, open, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { temporaryEnding } from "../../config/controlDirectory.js";
import type { Host } from "../../hosts/host.js";
import { headerLength } from "../../postgres/dumps/header.js";
import { DumpRefused } from "./refused.js";

/** Where a dump lies: on the machine that runs pgsite, or on the server's own host. */
export interface DumpPlace {
  /** Absent: on the machine that runs pgsite, as its user. */
  readonly host?: Host;
  /** A file; of several jobs a folder. */
  readonly path: string;
}

export const here = "this machine";

export function partialOf(path: string): string {
  return `${path}${temporaryEnding}`;
}

export function sumFileOf(path: string): string {
  return `${path}.sha256`;
}

export function nameOf({ host }: DumpPlace): string {
  return host?.name ?? here;
}

/** @throws DumpRefused where it is there already, or its folder is not */
export async function refuseTaken(place: DumpPlace): Promise<void> {
  const { host, path } = place;
  const status = async (one: string) => (host === undefined ? stat(one).catch(() => undefined) : host.stat(one));
  if ((await status(path)) !== undefined) throw new DumpRefused({ code: "is there", path, host: nameOf(place) });
  if ((await status(dirname(path))) === undefined) {
    const because = `there is no folder ${dirname(path)}`;
    throw new DumpRefused({ code: "no folder", path, host: nameOf(place), because });
  }
}

/** Its first bytes, of a folder those of its table of contents; undefined where there is nothing. */
export async function readHead({
  host,
  path,
}: DumpPlace): Promise<{ readonly bytes: Buffer; readonly isFolder: boolean } | undefined> {
  if (host !== undefined) {
    const isFolder = (await host.stat(path))?.type === "directory";
    const bytes = await host.readBytes(isFolder ? join(path, "toc.dat") : path, 0, headerLength);
    return bytes && { bytes, isFolder };
  }
  const status = await stat(path).catch(() => undefined);
  if (status === undefined) return undefined;
  const file = await open(status.isDirectory() ? join(path, "toc.dat") : path, "r").catch(() => undefined);
  if (file === undefined) return undefined;
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(headerLength), 0, headerLength, 0);
    return { bytes: buffer.subarray(0, bytesRead), isFolder: status.isDirectory() };
  } finally {
    await file.close();
  }
}

export async function sizeOf({ host, path }: DumpPlace): Promise<number> {
  const status = host === undefined ? await stat(path).catch(() => undefined) : await host.stat(path);
  return status?.size ?? 0;
}

/** What is noted of it beside it, as sha256sum writes it; undefined where nothing is. */
export async function notedSum({ host, path }: DumpPlace): Promise<string | undefined> {
  const file = sumFileOf(path);
  const content = host === undefined ? await readFile(file).catch(() => undefined) : await host.readFile(file);
  return /^([0-9a-f]{64}) [ *]/.exec(content?.toString("latin1") ?? "")?.[1];
}

export async function noteSum({ host, path }: DumpPlace, text: string): Promise<void> {
  const file = sumFileOf(path);
  if (host === undefined) {
    await writeFile(file, text, { mode: 0o600 });
    await chmod(file, 0o600);
  } else await host.writeFile(file, text);
}

/** The line that `sha256sum -c` reads, in the folder of the file. */
export function sumLine(path: string, sum: string): string {
  return `${sum}  ${basename(path)}\n`;
}

/** Gives the whole dump its name. */
export async function publish({ host, path }: DumpPlace): Promise<void> {
  if (host === undefined) {
    await rename(partialOf(path), path);
    const folder = await open(dirname(path), "r");
    await folder.sync().finally(() => folder.close());
    return;
  }
  const script = 'sync -- "$1" 2>/dev/null || sync; mv -T -- "$1" "$2" && { sync -f -- "$3" 2>/dev/null || sync; }';
  const { code, stderr } = await host.run(["sh", "-c", script, "sh", partialOf(path), path, dirname(path)], {
    timeout: 600_000,
  });
  if (code !== 0) throw new DumpRefused({ code: "write failed", path, host: host.name, said: stderr.trim() });
}

export async function discard({ host, path }: DumpPlace): Promise<void> {
  if (host === undefined) await rm(partialOf(path), { force: true, recursive: true });
  else await host.remove(partialOf(path));
}

/** Counts and sums up what passes. */
export function summing(advance: (bytes: number) => void): { readonly stream: Transform; sum(): string } {
  const hash = createHash("sha256");
  const stream = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      advance(chunk.length);
      done(undefined, chunk);
    },
  });
  return { stream, sum: () => hash.digest("hex") };
}

/** Has a file of this machine flow into a program on a host. @returns how that ended, and the file's SHA-256 */
export async function feed(
  path: string,
  {
    host,
    argv,
    env,
    signal,
  }: {
    readonly host: Host;
    readonly argv: readonly string[];
    readonly env: Readonly<Record<string, string>>;
    readonly signal: AbortSignal;
  },
  advance: (bytes: number) => void,
): Promise<{ readonly code: number; readonly stderr: string; readonly stdout: string; readonly sum: string }> {
  const program = await host.spawn(argv, { env, signal });
  program.stdin.on("error", () => undefined);
  const said: Buffer[] = [];
  program.stdout.on("data", (chunk: Buffer) => said.push(chunk));
  const { stream, sum } = summing(advance);
  // One that ended early reads no more: how it ended says why.
  const fed = pipeline(createReadStream(path, { highWaterMark: 1024 * 1024 }), stream, program.stdin).catch(
    () => undefined,
  );
  const ended = await program.ended;
  await Promise.race([fed, new Promise((done) => setTimeout(done, 1000).unref())]);
  signal.throwIfAborted();
  return { ...ended, stdout: Buffer.concat(said).toString("utf8"), sum: ended.code === 0 ? sum() : "" };
}
