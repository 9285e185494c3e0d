import { createHash } from "node:crypto";
import { setMaxListeners } from "node:events";
import { join } from "node:path";
import prettyBytes from "pretty-bytes";
import { archiveNames, controlDirectoryOf, controlPath } from "../../config/controlDirectory.js";
import type { Endpoint, Passwords, Site } from "../../config/site.js";
import type { Host, HostSpec } from "../../hosts/host.js";
import { hostOf } from "../../hosts/index.js";
import { beginBackup, type RunningBackup } from "../baseBackup/backupSession.js";
import { walk } from "../baseBackup/copyTree.js";
import type { Entry } from "../baseBackup/entries.js";
import { checkSource, readControl, wanted, wantedInTablespace } from "../baseBackup/lowLevel.js";
import { type CopyProgress, noProgress } from "../baseBackup/progress.js";
import { refuseRecycled } from "../baseBackup/wal.js";
import { controlFileOf } from "../data/controlFile.js";
import { systemIdentifierIn } from "../data/dataDirectory.js";
import { freeBytes } from "../data/freeSpace.js";
import { waitForWriters, withLock } from "../data/lock.js";
import { administratorOf, endpointsOf } from "../sql/login.js";
import type { Login } from "../sql/session.js";
import { namesOf } from "../sql/versions.js";
import { findWritable } from "../sql/writable.js";
import { isHistory, segmentsBetween, timelineOf } from "../wal/walSegments.js";
import { clearFolder, type Folder, finishFolder, takeFolder } from "./folder.js";
import { type Compressor, isOwn, type Manifest, renderManifest } from "./manifest.js";
import { areOne, bounded } from "./pipeline.js";
import { compressorOn } from "./programs.js";
import { reserveWal, slotKeeps } from "./reserve.js";
import { writeStream } from "./write.js";

export interface CreateOptions {
  readonly site: Site;
  readonly passwords: Passwords;
  /** The server to be archived. @default the one that takes writes; no other can be */
  readonly server?: string;
  /** Absolute path of the folder; absent, empty, or what a cut-off creation left. */
  readonly folder: string;
  /** Where the folder is. @default the server's own host */
  readonly on?: HostSpec;
  /** Bytes of a part, a multiple of 1 MiB. */
  readonly split: number;
  /** @default the best that the host has */
  readonly compress?: Compressor;
  /** A slot that keeps the WAL from here on. @default nothing but wal_keep_segments does */
  readonly slot?: string;
  /** Bytes a second that are read. */
  readonly rateLimit?: number;
  readonly signal?: AbortSignal;
  readonly report?: (line: string) => void;
  readonly progress?: CopyProgress;
  /** @default hosts/ */
  readonly hostOf?: (spec: HostSpec) => Host;
}

export interface Created {
  readonly manifest: Manifest;
  /** SHA-256 of the manifest. */
  readonly sha256: string;
  readonly host: string;
  /** What keeps the WAL that the mirror will ask for, in words. */
  readonly kept: string;
}

/** What is left out beside what no base backup has, as the manifest says it. */
const leftOut = [
  "postgresql.conf",
  "postgresql.auto.conf",
  "pg_hba.conf",
  "the log directory",
  "private keys",
  "recovery and signal files",
];

/**
 * Makes an archive of the writable server: a base backup ("Making a Base Backup Using the Low Level API") in parts of two
 * tar files with their checksums, and the manifest, last. It holds the WAL that makes it consistent. What is cut off
 * anywhere is no archive, and is cleared by the next attempt. @throws with nothing left of it
 */
export async function createArchive(options: CreateOptions): Promise<Created> {
  const { site, signal = new AbortController().signal } = options;
  const open = options.hostOf ?? hostOf;
  const login = administratorOf(site, options.passwords);
  const source = await sourceOf(options, login, signal);
  const from = open(source.host);
  const target = options.on === undefined ? from : open(options.on);
  if (inside(options.folder, source.dataDirectory)) {
    throw new Error(`${options.folder} lies in the data directory of ${source.name}: choose a folder outside`);
  }
  const { compressor, argv } = await compressorOn(from, options.compress);
  const folder: Folder = { host: target, path: options.folder };
  await takeFolder(folder);
  return withLock(target, folderDirectories(folder), `making an archive of ${source.name}`, async () => {
    await waitForWriters(target, folderDirectories(folder));
    await clearFolder(folder);
    try {
      const made = await archive({ ...options, signal }, { source, from, folder, login, compressor, argv });
      return { ...made, host: target.name };
    } catch (error) {
      await waitForWriters(target, folderDirectories(folder)).catch(() => undefined);
      await clearFolder(folder).catch(() => undefined);
      throw error;
    } finally {
      await finishFolder(folder);
    }
  });
}

interface Place {
  readonly source: Endpoint;
  readonly from: Host;
  readonly folder: Folder;
  readonly login: Login;
  readonly compressor: Compressor;
  readonly argv: readonly string[];
}

async function archive(
  options: CreateOptions & { readonly signal: AbortSignal },
  { source, from, folder, login, compressor, argv }: Place,
): Promise<Omit<Created, "host">> {
  const { site, split, rateLimit, report = () => undefined, progress = noProgress } = options;
  const reserve = await reserveWal({ source, host: from, login, site, slot: options.slot, signal: options.signal });
  const asked = { endpoint: source, host: from, login, target: "an archive", report, signal: options.signal };
  const backup = await beginBackup(asked).catch(async (error) => {
    await reserve.release();
    throw error;
  });
  const signal = AbortSignal.any([backup.lost, options.signal]);
  setMaxListeners(0, signal);
  const stage = join(folder.path, archiveNames.stage);
  let begun = false;
  try {
    const { facts } = backup;
    const asDeclared = { name: `the stack ${site.stack}`, version: site.version };
    const systemIdentifier = await checkSource({ endpoint: source, host: from }, backup, asDeclared);
    const data = await contentsOf(from, source, backup, reserve.keys, report, signal);
    await refuseToFillItsDisk(folder, from, source, data.bytes);
    const written = { source: from, target: folder.host, folder: folder.path, compressor, argv, split, signal };
    const limited = rateLimit === undefined ? {} : { rateLimit };
    const counted = bounded(data.bytes, progress.advance);
    progress.start(data.bytes, 0);
    begun = true;
    const base = await explained(folder, () =>
      writeStream({
        ...written,
        ...limited,
        stream: "base",
        from: source.dataDirectory,
        paths: data.paths,
        advance: counted.pass,
      }),
    );
    counted.finish();
    const control = await readControl(from, source.dataDirectory);
    if (systemIdentifierIn(control) !== systemIdentifier) {
      throw new Error(`${source.dataDirectory} was replaced meanwhile: run again`);
    }
    const files = await backup.stop();
    const wal = await stageWal({ from, source, backup, stage: stageOn(from, source, folder, stage), files, control });
    const last = await explained(folder, () =>
      writeStream({ ...written, stream: "wal", from: wal.stage, paths: wal.paths, advance: () => undefined }),
    );
    const walFolder = join(source.dataDirectory, namesOf(facts.version).walDirectory);
    const orSlot = slotKeeps(facts.version) ? ", or name a slot (--slot)" : "";
    await refuseRecycled(from, walFolder, wal.segments, `on ${source.name}${orSlot}`);
    const manifest: Manifest = {
      format: 1,
      site: site.name,
      source: { server: source.name, machine: from.machine, dataDirectory: source.dataDirectory },
      created: new Date().toISOString(),
      systemIdentifier,
      postgresql: facts.version,
      timeline: timelineOf(files.firstSegment),
      start: { lsn: startLsnIn(files.label), segment: files.firstSegment },
      stop: { lsn: files.stopLsn, segment: files.lastSegment },
      segmentSize: facts.segmentSize,
      tablespaces: [...data.tablespaces],
      ...(options.slot === undefined ? {} : { slot: options.slot }),
      groupRead: (((await from.stat(source.dataDirectory))?.mode ?? 0) & 0o040) !== 0,
      excluded: leftOut,
      unpacked: data.bytes + wal.bytes,
      compressor,
      parts: { base: [...base], wal: [...last] },
    };
    const kept = await reserve.describe();
    const sha256 = await publish(folder, manifest);
    return { manifest, sha256, kept };
  } catch (error) {
    await reserve.release();
    throw error;
  } finally {
    if (begun) progress.end();
    await backup.end();
    await from.remove(stageOn(from, source, folder, stage)).catch(() => undefined);
  }
}

/** The lock, and who writes: the folder is its own control directory while an archive is made. */
function folderDirectories({ path }: Folder) {
  return { dataDirectory: path, controlDirectory: path };
}

async function sourceOf(options: CreateOptions, login: Login, signal: AbortSignal): Promise<Endpoint> {
  const { site, server } = options;
  const endpoints = endpointsOf(site);
  if (server !== undefined && !endpoints.some(({ name }) => name === server)) {
    throw new Error(
      `there is no server "${server}" in the stack ${site.stack}; there are ${endpoints.map(({ name }) => name).join(", ")}`,
    );
  }
  const { writable, states } = await findWritable(endpoints, login, { signal });
  if (writable === undefined) {
    const asked = states.map(({ endpoint, unreachable }) => unreachable?.message ?? `${endpoint.name} is in recovery`);
    throw new Error(
      `no server of the site ${site.name} takes writes now (${asked.join("; ")}): an archive is made of the one that does. Start it and run again`,
    );
  }
  if (server !== undefined && writable.name !== server) {
    throw new Error(
      `${server} does not take writes, ${writable.name} does: an archive is made of that (--server ${writable.name})`,
    );
  }
  return writable;
}

/** What a file takes on a disk is a multiple of this. */
const diskBlock = 4096;

interface Contents {
  readonly paths: readonly string[];
  /** On a disk. */
  readonly bytes: number;
  readonly tablespaces: Manifest["tablespaces"];
}

/** What of a data directory goes in. Files of tablespaces are named by way of their links in pg_tblspc. */
async function contentsOf(
  host: Host,
  { dataDirectory }: Endpoint,
  { facts }: RunningBackup,
  keys: readonly string[],
  report: (line: string) => void,
  signal: AbortSignal,
): Promise<Contents> {
  const { version, logDirectory } = facts;
  const found = await walk(host, dataDirectory, signal);
  const isLeftOut = ({ path }: Entry) =>
    path === logDirectory ||
    path === namesOf(version).walDirectory ||
    // The one that the server says it uses.
    keys.includes(path) ||
    isOwn(path);
  const entries: Entry[] = [
    ...wanted(
      found.filter((entry) => !isLeftOut(entry)),
      facts,
      report,
    ),
  ];
  const tablespaces = found.flatMap(({ type, path, link }) => {
    const oid = /^pg_tblspc\/(\d+)$/.exec(path)?.[1];
    return type !== "link" || oid === undefined ? [] : [{ oid, location: link }];
  });
  for (const { oid, location } of tablespaces) {
    const inIt = await walk(host, location, signal);
    const chosen = wantedInTablespace(inIt, version, report);
    entries.push(...chosen.map((entry) => ({ ...entry, path: `pg_tblspc/${oid}/${entry.path}` })));
  }
  return {
    paths: entries.map(({ path }) => path),
    bytes: entries.reduce(
      (sum, { type, size }) => sum + (type === "file" ? Math.ceil(size / diskBlock) * diskBlock : 0),
      0,
    ),
    tablespaces,
  };
}

/** Where WAL, label and control file are gathered: in the archive's folder, or on another host beside the server's data. */
function stageOn(from: Host, source: Endpoint, folder: Folder, stage: string): string {
  return areOne(folder.host, from)
    ? stage
    : controlPath({ controlDirectory: controlDirectoryOf(source.dataDirectory) }, "archiveStage");
}

interface StagedWal {
  readonly stage: string;
  readonly paths: readonly string[];
  readonly segments: readonly string[];
  readonly bytes: number;
}

/** The control file comes first: whoever unpacks wants it in his hands before all else. */
async function stageWal(options: {
  readonly from: Host;
  readonly source: Endpoint;
  readonly backup: RunningBackup;
  readonly stage: string;
  readonly files: Awaited<ReturnType<RunningBackup["stop"]>>;
  readonly control: Buffer;
}): Promise<StagedWal> {
  const { from, source, backup, stage, files, control } = options;
  const { version, segmentSize } = backup.facts;
  const folder = namesOf(version).walDirectory;
  const there = join(source.dataDirectory, folder);
  await from.remove(stage);
  await from.makeDirectory(join(stage, "global"));
  await from.writeFile(controlFileOf(stage), control);
  await from.writeFile(join(stage, "backup_label"), files.label);
  const { code, stderr } = await from.run(["ln", "-s", "--", there, join(stage, folder)]);
  if (code !== 0) throw new Error(`${stage} on ${from.name} cannot be filled: ${stderr.trim()}`);
  const segments = segmentsBetween(files.firstSegment, files.lastSegment, segmentSize, version);
  const histories = ((await from.list(there)) ?? []).filter(isHistory);
  const wal = [...histories, ...segments].map((name) => `${folder}/${name}`);
  return {
    stage,
    paths: ["global/pg_control", "backup_label", ...wal],
    segments,
    bytes: segments.length * segmentSize + control.length + files.label.length,
  };
}

/** An archive on the disk of the server itself must not be what stops the server. */
async function refuseToFillItsDisk({ host, path }: Folder, from: Host, source: Endpoint, bytes: number): Promise<void> {
  if (!areOne(host, from)) return;
  const { stdout } = await host.run(["stat", "-c", "%d", "--", source.dataDirectory, path]);
  const [data, archive] = stdout.trim().split("\n");
  const free = await freeBytes(host, path);
  if (data !== archive || free === undefined || free > bytes) return;
  throw new Error(
    `${path} lies on the file system of ${source.name}'s data, which has ${prettyBytes(free)} free, and the data has ${prettyBytes(bytes)}: an archive could fill it and stop the server. Choose a folder on another disk (--output), or another host (--on)`,
  );
}

/** What a full disk says, in one line. */
async function explained<T>({ host, path }: Folder, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (!(error instanceof Error) || !/No space left on device|Disk quota exceeded/.test(error.message)) throw error;
    throw new Error(
      `${path} on ${host.name}: its disk became full; make room, or choose another folder, and run again`,
      {
        cause: error,
      },
    );
  }
}

function startLsnIn(label: Buffer): string {
  return /^START WAL LOCATION: ([0-9A-F]+\/[0-9A-F]+)/m.exec(label.toString("latin1"))?.[1] ?? "0/0";
}

/** All parts are on the disk before the manifest is there. @returns its SHA-256 */
async function publish({ host, path }: Folder, manifest: Manifest): Promise<string> {
  const text = renderManifest(manifest);
  await host.run(["sync", "-f", path], { timeout: 30 * 60_000 });
  await host.writeFile(join(path, archiveNames.manifest), text);
  return createHash("sha256").update(text).digest("hex");
}

function inside(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}
