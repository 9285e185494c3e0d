import { createHash } from "node:crypto";
import { basename, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import {
  controlPath,
  halfKeptEnding,
  isKeptDirectory,
  keptDirectory,
  keptNames,
} from "../../config/controlDirectory.js";
import type { KnownServer, Server } from "../../config/site.js";
import type { Host } from "../../hosts/host.js";
import type { Rejoin } from "../../postgres/rollout/model.js";
import type { CopyProgress } from "../baseBackup/progress.js";
import { controlFileOf } from "../data/controlFile.js";
import { writing } from "../data/lock.js";
import { bytesOfLsn } from "../sql/sql.js";
import { namesOf } from "../sql/versions.js";
import { segmentSize } from "../wal/shutdownCheckpoint.js";
import { isHistory, isSegment, startOf, timelineOf } from "../wal/walSegments.js";
import { keptInWords } from "../words/kept.js";

/** Milliseconds between two looks at a copy that does not say how far it is. */
const lookInterval = 1000;

/** A copy of what is large may take long. */
const copying = 6 * 60 * 60_000;

/** What a rejoin that was cut off had kept already, in the control directory. */
export interface Begun {
  readonly kept: string;
  /** What of it, as it was declared then. */
  readonly keep?: Rejoin["keep"];
  /** Of global/pg_control as it was then: with another one, the server has run since. */
  readonly control: string;
}

export function begunFile(server: KnownServer): string {
  return controlPath(server, "begunRejoin");
}

export async function readBegun(host: Host, server: KnownServer): Promise<Begun | undefined> {
  const content = await host.readFile(begunFile(server));
  return content === undefined ? undefined : (JSON.parse(content.toString("utf8")) as Begun);
}

export async function writeBegun(host: Host, server: KnownServer, begun: Begun): Promise<void> {
  await host.writeFile(begunFile(server), `${JSON.stringify(begun)}\n`);
}

export async function removeBegun(host: Host, server: KnownServer): Promise<void> {
  await host.remove(begunFile(server));
}

/** A digest of a server's control file, which changes whenever it runs. */
export async function controlDigest(host: Host, { dataDirectory }: KnownServer): Promise<string> {
  const content = await host.readFile(controlFileOf(dataDirectory));
  return createHash("sha256")
    .update(content ?? "")
    .digest("hex");
}

/** The folders that keep what diverged from a server's data, oldest first. */
export async function keptOf(host: Host, { dataDirectory }: Pick<Server, "dataDirectory">): Promise<readonly string[]> {
  const names = (await host.list(dirname(dataDirectory))) ?? [];
  const own = names.filter((name) => isKeptDirectory(name, basename(dataDirectory)));
  return own.map((name) => join(dirname(dataDirectory), name));
}

const renamable = `[ ! -h "$1" ] && [ "$(stat -c %m -- "$1")" != "$(realpath -- "$1")" ] && [ -z "$(ls -A -- "$1/pg_tblspc")" ]`;

/** Whether a data directory can be moved beside itself, with all that is in it: no mount point, no link, no tablespaces. */
export async function canBeRenamed(host: Host, dataDirectory: string): Promise<boolean> {
  return (await host.run(["sh", "-c", renamable, "sh", dataDirectory])).code === 0;
}

export interface Keeping {
  /** Whether its data directory itself is put aside: it is gone then. */
  readonly rename: boolean;
  readonly progress: CopyProgress;
  readonly signal: AbortSignal;
}

/** Keeps what a stopped server has, or its WAL since the fork, whole or not at all. @returns where */
export async function keepAside(host: Host, server: KnownServer, rejoin: Rejoin, keeping: Keeping): Promise<string> {
  const { dataDirectory } = server;
  const { rename } = keeping;
  const kept = keptDirectory(dataDirectory, new Date().toISOString().replace(/[-:]|\.\d+/g, ""));
  const text = keptInWords(server, rejoin, kept, { kind: "not counted" });
  if (rename) {
    await host.writeFile(join(dataDirectory, keptNames.report), text);
    await must(host, server, ["mv", "-T", "--", dataDirectory, kept]);
    return kept;
  }
  const partial = `${kept}${halfKeptEnding}`;
  for (const half of await halfKept(host, dataDirectory)) await host.remove(half);
  if (rejoin.keep === "data") await copyAll(host, server, partial, keeping);
  else await copyWal(host, server, rejoin, partial);
  await host.writeFile(join(partial, keptNames.report), text);
  // Of a few files alone: whatever else waits to be written there may take long.
  const few = ["find", partial, "-exec", "sync", "--", "{}", "+"];
  await must(host, server, rejoin.keep === "data" ? ["sync", "-f", partial] : few);
  await must(host, server, ["mv", "-T", "--", partial, kept]);
  return kept;
}

/** Copies that were cut off. */
async function halfKept(host: Host, dataDirectory: string): Promise<readonly string[]> {
  const names = (await host.list(dirname(dataDirectory))) ?? [];
  const isHalf = (name: string) =>
    name.endsWith(halfKeptEnding) && isKeptDirectory(name.slice(0, -halfKeptEnding.length), basename(dataDirectory));
  return names.filter(isHalf).map((name) => join(dirname(dataDirectory), name));
}

/** Everything, and the tablespaces in it, to which its links then lead. */
const copyingAll = `umask 077
cp -a --reflink=auto -T -- "$1" "$2" && chmod 0700 -- "$2" || exit 1
for link in "$1"/pg_tblspc/*; do
  [ -h "$link" ] || continue
  folder=${keptNames.tablespaces}/\${link##*/}
  mkdir -p -- "$2/${keptNames.tablespaces}" && cp -a --reflink=auto -T -- "$link/" "$2/$folder" &&
    ln -sfn -- "$3/$folder" "$2/pg_tblspc/\${link##*/}" || exit 1
done`;

async function copyAll(host: Host, server: KnownServer, partial: string, { progress, signal }: Keeping): Promise<void> {
  const whole = await host.realPath(server.dataDirectory);
  const kept = partial.slice(0, -halfKeptEnding.length);
  const from = whole ?? server.dataDirectory;
  const total = await bytesIn(host, from);
  progress.start(total, 0);
  const over = new AbortController();
  const watched = watchCopy(host, partial, progress, over.signal);
  try {
    await must(host, server, ["sh", "-c", copyingAll, "sh", from, partial, kept], signal);
  } finally {
    over.abort();
  }
  progress.advance(Math.max(0, total - (await watched)));
  progress.end();
}

/** cp does not say how far it is. @returns how much of it was seen when it was over */
async function watchCopy(host: Host, partial: string, progress: CopyProgress, over: AbortSignal): Promise<number> {
  let seen = 0;
  try {
    for (;;) {
      await sleep(lookInterval, undefined, { signal: over });
      const now = await bytesIn(host, partial);
      progress.advance(Math.max(0, now - seen));
      seen = Math.max(seen, now);
    }
  } catch {
    // It is over, or nobody can look: whoever copies says why.
  }
  return seen;
}

/** In it and in the tablespaces that its links lead to, where there are any. */
async function bytesIn(host: Host, folder: string): Promise<number> {
  const { stdout } = await host.run([
    "sh",
    "-c",
    'du -sbcD -- "$1" "$1"/pg_tblspc/* 2>/dev/null | tail -n 1',
    "sh",
    folder,
  ]);
  return Number.parseInt(stdout, 10) || 0;
}

/** The WAL of the server's own timeline since the fork, all history files, the control file, and its logs. */
async function copyWal(host: Host, server: KnownServer, { timeline, at }: Rejoin, partial: string): Promise<void> {
  const { dataDirectory } = server;
  const { walDirectory } = namesOf(server.version);
  const from = join(dataDirectory, walDirectory);
  const size = await segmentSize(host, from);
  const fork = bytesOfLsn(at) / BigInt(size);
  const isOwn = (name: string) =>
    isSegment(name) && timelineOf(name) === timeline && startOf(name, size) / BigInt(size) >= fork;
  const names = ((await host.list(from)) ?? []).filter((name) => isHistory(name) || isOwn(name));
  await host.makeDirectory(join(partial, walDirectory));
  await host.makeDirectory(join(partial, "global"));
  for (let index = 0; index < names.length; index += 200) {
    const paths = names.slice(index, index + 200).map((name) => join(from, name));
    await must(host, server, ["cp", "-a", "--reflink=auto", "-t", join(partial, walDirectory), "--", ...paths]);
  }
  const control = controlFileOf(dataDirectory);
  await must(host, server, ["cp", "-a", "-t", join(partial, "global"), "--", control]);
  for (const name of ["PG_VERSION", "log", "pg_log"]) {
    if ((await host.stat(join(dataDirectory, name))) === undefined) continue;
    await must(host, server, ["cp", "-a", "-t", partial, "--", join(dataDirectory, name)]);
  }
}

async function must(host: Host, server: KnownServer, argv: readonly string[], signal?: AbortSignal): Promise<void> {
  const { code, stderr } = await host.run(writing(server, argv), {
    timeout: copying,
    ...(signal === undefined ? {} : { signal }),
  });
  signal?.throwIfAborted();
  if (code === 0) return;
  const said = stderr.trim().split("\n")[0];
  throw new Error(`what ${server.name} alone has cannot be kept on ${host.name}: ${said}; its data are as they were`);
}
