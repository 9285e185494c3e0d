import { createHash } from "node:crypto";
import { basename, dirname, join } from "node:path";
import {
  controlPath,
  halfKeptEnding,
  isKeptDirectory,
  keptDirectory,
  keptNames,
} from "../../config/controlDirectory.js";
import type { KnownServer, Server } from "../../config/site.js";
import { type Host, isOfHost } from "../../hosts/host.js";
import type { Rejoin } from "../../postgres/rollout/diverged.js";
import type { CopyProgress } from "../baseBackup/progress.js";
import { controlFileOf } from "../data/controlFile.js";
import { writing } from "../data/lock.js";
import { makeInPlace, rename as moveAside, removeFolder } from "../data/places.js";
import { bytesOfLsn } from "../sql/sql.js";
import { namesOf } from "../sql/versions.js";
import { segmentSize } from "../wal/shutdownCheckpoint.js";
import { isHistory, isSegment, startOf, timelineOf } from "../wal/walSegments.js";
import { keptInWords } from "../words/kept.js";
import { copyWhole, type Whole } from "./whole.js";

/** To bring what is large onto the disk may take long. */
const ending = 60 * 60_000;

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

export interface Keeping {
  /** What there is of it, where all is kept. */
  readonly whole: Whole;
  /** Whether its data directory itself is put aside: it is gone then. */
  readonly rename: boolean;
  /** A superuser in its data, for whoever looks into what is kept. */
  readonly user: string;
  readonly progress: CopyProgress;
  readonly signal: AbortSignal;
}

/** Keeps what a stopped server has, or its WAL since the fork, whole or not at all. @returns where */
export async function keepAside(host: Host, server: KnownServer, rejoin: Rejoin, keeping: Keeping): Promise<string> {
  const { dataDirectory } = server;
  const { whole, rename, user } = keeping;
  const kept = keptDirectory(dataDirectory, new Date().toISOString().replace(/[-:]|\.\d+/g, ""));
  const text = keptInWords(server, rejoin, { folder: kept, osUser: host.user, user }, { kind: "not counted" });
  if (rename) {
    // Its configuration, if that is elsewhere, is all that is not there yet.
    const configuration = whole.folders.filter(({ to }) => to !== "");
    await copying(server, host, () =>
      copyWhole(host, server, { ...nothing, folders: configuration }, dataDirectory, keeping),
    );
    await host.writeFile(join(dataDirectory, keptNames.report), text);
    await moveAside(host, server, dataDirectory, kept);
    return kept;
  }
  const partial = `${kept}${halfKeptEnding}`;
  for (const half of await halfKept(host, dataDirectory)) await removeFolder(host, server, half);
  await makeInPlace(host, server, partial);
  if (rejoin.keep === "data") await copying(server, host, () => copyWhole(host, server, whole, partial, keeping));
  else await copyWal(host, server, rejoin, partial);
  await host.writeFile(join(partial, keptNames.report), text);
  // Of a few files alone: whatever else waits to be written there may take long.
  const few = ["find", partial, "-exec", "sync", "--", "{}", "+"];
  await must(host, server, rejoin.keep === "data" ? ["sync", "-f", partial] : few);
  await moveAside(host, server, partial, kept);
  return kept;
}

const nothing = { files: [], links: {} };

/** Copies that were cut off. */
async function halfKept(host: Host, dataDirectory: string): Promise<readonly string[]> {
  const names = (await host.list(dirname(dataDirectory))) ?? [];
  const isHalf = (name: string) =>
    name.endsWith(halfKeptEnding) && isKeptDirectory(name.slice(0, -halfKeptEnding.length), basename(dataDirectory));
  return names.filter(isHalf).map((name) => join(dirname(dataDirectory), name));
}

/** The WAL of the server's own timeline since the fork, all history files, the control file, and its logs. */
async function copyWal(host: Host, server: KnownServer, { timeline, at }: Rejoin, partial: string): Promise<void> {
  const { dataDirectory } = server;
  const { walDirectory } = namesOf(server.version);
  const from = join(dataDirectory, walDirectory);
  const size = await segmentSize(host, from);
  const fork = at === undefined ? 0n : bytesOfLsn(at) / BigInt(size);
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
    // What a link leads to, which the server goes on writing to.
    await must(host, server, ["cp", "-a", "-H", "-T", "--", join(dataDirectory, name), join(partial, name)]);
  }
}

async function must(host: Host, server: KnownServer, argv: readonly string[]): Promise<void> {
  const { code, stderr } = await host.run(writing(server, argv), { timeout: ending });
  if (code !== 0) throw notKept(server, host, stderr.trim().split("\n")[0]);
}

async function copying(server: KnownServer, host: Host, act: () => Promise<void>): Promise<void> {
  await act().catch((error: unknown) => {
    throw isOfHost(error) ? error : notKept(server, host, (error as Error).message);
  });
}

function notKept({ name }: KnownServer, host: Host, said = "it says nothing"): Error {
  return new Error(`what ${name} alone has cannot be kept on ${host.name}: ${said}; its data are as they were`);
}
