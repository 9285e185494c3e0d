import { dirname, join } from "node:path";
import prettyBytes from "pretty-bytes";
import { incompleteMarker } from "../../config/controlDirectory.js";
import type { Passwords, Server, Site } from "../../config/site.js";
import type { Host, HostSpec } from "../../hosts/host.js";
import { hostOf } from "../../hosts/index.js";
import { renderPassfile } from "../../postgres/files/passfile.js";
import { explaining } from "../baseBackup/failure.js";
import { linkTablespaces, mapTablespaces } from "../baseBackup/lowLevel.js";
import { type CopyProgress, noProgress } from "../baseBackup/progress.js";
import { finish, newMarker, prepareTarget, type Tablespace } from "../baseBackup/target.js";
import { inspectDataDirectory } from "../data/dataDirectory.js";
import { freeBytes, refuseNetworkFileSystem } from "../data/freeSpace.js";
import { waitForWriters, withLock, writing } from "../data/lock.js";
import { type BackupMarker, clearDirectory, writeMarker } from "../data/marker.js";
import { writeStandbyFiles } from "../data/ownFiles.js";
import { seal } from "../data/seal.js";
import { clearData, type Standing } from "../data/standing.js";
import { processState } from "../process/process.js";
import { endpointsOf } from "../sql/login.js";
import { namesOf } from "../sql/versions.js";
import { askUpstream, type Kept } from "./kept.js";
import { ArchiveRefused, type Manifest, readManifest, type Stream } from "./manifest.js";
import { bounded } from "./pipeline.js";
import { decompressorOn } from "./programs.js";
import { refuseUnproven, type Trust, tablespacesOf } from "./trust.js";
import { readControlIn, unpackStream } from "./unpack.js";
import { ArchiveForged, checkUnpacked } from "./unpacked.js";
import { checkSizes, checkSums } from "./verify.js";

export interface RestoreOptions {
  readonly site: Site;
  /** The standby or mirror to be filled. */
  readonly server: Server;
  readonly passwords: Passwords;
  /** Absolute path of the archive. */
  readonly folder: string;
  readonly trust: Trust;
  /** Where the archive is. @default the server's own host */
  readonly on?: HostSpec;
  readonly signal?: AbortSignal;
  readonly report?: (line: string) => void;
  /** Of reading the archive, and of unpacking it. */
  readonly progress?: (verb: "read" | "unpacked") => CopyProgress;
  /** @default hosts/ */
  readonly hostOf?: (spec: HostSpec) => Host;
}

export interface Restored {
  readonly manifest: Manifest;
  readonly kept: Kept;
}

/**
 * Fills a standby's data directory from an archive, as a base backup would: what is left of it after a cut either has no
 * control file, or is a standby. Everything that can be known to be wrong is refused before anything is unpacked. Starts
 * nothing. @throws ArchiveRefused
 */
export async function restoreArchive(options: RestoreOptions): Promise<Restored> {
  const { site, server, folder, report = () => undefined, signal = new AbortController().signal } = options;
  const open = options.hostOf ?? hostOf;
  const host = open(server.host);
  const from = options.on === undefined ? host : open(options.on);
  refusePrimary(site, server);
  const where = `${folder} on ${from.name}`;
  const { manifest, sha256 } = await readManifest(from, folder);
  refuseUnproven(sha256, options.trust, where);
  refuseStranger(site, manifest, where);
  const tablespaces = tablespacesOf(manifest, host.machine, server, options.trust.tablespaces);
  await checkSizes(from, folder, manifest);
  const argv = await decompressorOn(from, manifest.compressor);
  return withLock(host, server, `restoring ${server.name} from an archive`, async () => {
    await refuseTarget(host, site, server);
    const kept = await askUpstream({ ...options, manifest, open, signal });
    report(said(server, kept));
    await refuseNetworkFileSystem(host, server.dataDirectory);
    await refuseWithoutSpace(host, server, manifest);
    report("checking the archive");
    const progress = options.progress ?? (() => noProgress);
    await checkSums(from, folder, manifest, { progress: progress("read"), signal });
    const control = await readControlIn({ host: from, folder, manifest, argv });
    report(`unpacking ${prettyBytes(manifest.unpacked)}`);
    await waitForWriters(host, server);
    await explaining(host, server, progress("unpacked"), (counted) =>
      fill({ ...options, host, from, manifest, tablespaces, where, argv, control, progress: counted, signal }),
    );
    await seal(host, site, server, manifest.systemIdentifier);
    return { manifest, kept };
  });
}

async function fill(options: {
  readonly site: Site;
  readonly server: Server;
  readonly passwords: Passwords;
  readonly folder: string;
  readonly host: Host;
  readonly from: Host;
  readonly manifest: Manifest;
  readonly tablespaces: readonly Tablespace[];
  readonly where: string;
  readonly argv: readonly string[];
  readonly control: Buffer;
  readonly progress: CopyProgress;
  readonly signal: AbortSignal;
}): Promise<void> {
  const { site, server, host, from, manifest, tablespaces, folder, argv, control, progress, signal } = options;
  const { source, systemIdentifier } = manifest;
  const origin = { name: source.server, dataDirectory: source.dataDirectory, systemIdentifier };
  const marker = await newMarker(host, { source: origin, began: 0, method: "archive", tablespaces });
  const { standing } = await prepareTarget(host, server, marker);
  await makeFolders(host, server, tablespaces);
  await linkTablespaces(host, server, tablespaces);
  const counted = bounded(manifest.unpacked, progress.advance);
  progress.start(manifest.unpacked, 0);
  const unpack = async (stream: Stream) => {
    const parts = manifest.parts[stream];
    await unpackStream({ from, folder, stream, parts, argv, host, server, advance: counted.pass, signal });
    await checkUnpacked(stream, { ...options, standing }).catch(async (error) => {
      if (error instanceof ArchiveForged) await clearAll(host, server, marker, standing);
      throw error;
    });
  };
  await unpack("base");
  // Whatever happens from here on, what comes up is a standby.
  await writeStandbyFiles(host, server);
  await unpack("wal");
  await mapTablespaces(host, server, tablespaces);
  counted.finish();
  progress.end();
  await markArchived(host, server);
  await writePassfile(host, site, server, options.passwords);
  await finish({ host, server, tablespaces, standing, control, groupRead: manifest.groupRead });
}

/** What a forged archive brought goes, and what it may have made of the marker, by which the next attempt clears folders. */
async function clearAll(
  host: Host,
  server: Server,
  marker: BackupMarker,
  standing: readonly Standing[],
): Promise<void> {
  await writeMarker(host, server.dataDirectory, marker);
  for (const folder of Object.values(marker.tablespaces)) await clearDirectory(host, folder);
  await clearData(host, server.dataDirectory, standing, [incompleteMarker]);
}

/** Folders that links and tar need before they come with the archive. */
async function makeFolders(host: Host, server: Server, tablespaces: readonly Tablespace[]): Promise<void> {
  const wal = join(server.dataDirectory, namesOf(server.version).walDirectory);
  const folders = [
    join(server.dataDirectory, "pg_tblspc"),
    join(wal, "archive_status"),
    ...tablespaces.map(({ to }) => to),
  ];
  const { code, stderr } = await host.run(writing(server, ["mkdir", "-p", "-m", "0700", "--", ...folders]));
  if (code !== 0)
    throw new Error(`folders of ${server.dataDirectory} on ${host.name} cannot be made: ${stderr.trim()}`);
}

/** What came with the archive is not archived again after a promotion (as pg_basebackup does it). */
async function markArchived(host: Host, server: Server): Promise<void> {
  const wal = join(server.dataDirectory, namesOf(server.version).walDirectory);
  const script = 'cd -- "$1" && for name in *; do [ -f "$name" ] && : >"archive_status/$name.done"; done; true';
  const { code, stderr } = await host.run(writing(server, ["sh", "-c", script, "sh", wal]), { timeout: 5 * 60_000 });
  if (code !== 0) throw new Error(`${wal} on ${host.name} cannot be marked as archived: ${stderr.trim()}`);
}

/** As the stack's `NAME-passfile` writes it later: the server is to stream at once. */
async function writePassfile(host: Host, site: Site, server: Server, passwords: Passwords): Promise<void> {
  const password = passwords[site.replicationRole];
  if (password === undefined) return;
  const peers = endpointsOf(site).filter(({ name }) => name !== server.name);
  const lines = peers.map(({ address, port }) => ({
    host: address,
    port,
    database: "*",
    user: site.replicationRole,
    password,
  }));
  await host.writeFile(server.passfile, renderPassfile(lines));
}

function refusePrimary(site: Site, server: Server): void {
  if (server.upstream !== undefined) return;
  throw new ArchiveRefused(
    `${server.name} is the primary of the site ${site.name}: an archive makes a standby or a mirror. Name one of those`,
  );
}

/** @throws where the archive is of another site or version */
function refuseStranger(site: Site, manifest: Manifest, where: string): void {
  if (manifest.site !== site.name) {
    throw new ArchiveRefused(
      `the archive ${where} is of the site ${manifest.site}, and the stack ${site.stack} is part of ${site.name}: take the right archive, or name the right stack (--stack)`,
    );
  }
  if (manifest.postgresql !== site.version) {
    throw new ArchiveRefused(
      `the archive ${where} is of PostgreSQL ${manifest.postgresql}, and the stack ${site.stack} declares ${site.version}: files of one major version cannot be read by another. Declare ${manifest.postgresql}, or make a new archive`,
    );
  }
}

async function refuseTarget(host: Host, site: Site, server: Server): Promise<void> {
  const where = `${server.dataDirectory} on ${server.host.name}`;
  const { kind, identity } = await inspectDataDirectory(host, server);
  if (identity !== undefined && (identity.site !== site.name || identity.server !== server.name)) {
    throw new ArchiveRefused(
      `${server.controlDirectory} on ${server.host.name} belongs to ${identity.server} of the site ${identity.site}, not to ${server.name} of ${site.name}: correct dataDirectory`,
    );
  }
  if ((await processState(host, server.dataDirectory)).kind === "running") {
    throw new ArchiveRefused(`${server.name} runs in ${where}: an archive is for a server that has no data`);
  }
  if (kind === "absent" || kind === "empty" || kind === "incomplete") return;
  const holds = kind === "ours" ? "holds its data already" : "holds files that this archive would overwrite";
  throw new ArchiveRefused(
    `${where} ${holds}: move them away (mv ${server.dataDirectory} ${server.dataDirectory}.old) and run again`,
  );
}

/** An earlier, cut-off attempt makes room again: what lies there goes first. */
async function refuseWithoutSpace(host: Host, server: Server, manifest: Manifest): Promise<void> {
  let folder = server.dataDirectory;
  while (folder !== "/" && (await host.stat(folder)) === undefined) folder = dirname(folder);
  const free = await freeBytes(host, folder);
  if (free === undefined) return;
  const there = folder === server.dataDirectory ? await usedBytes(host, folder) : 0;
  if (free + there >= manifest.unpacked) return;
  throw new ArchiveRefused(
    `${server.dataDirectory} on ${host.name} has ${prettyBytes(free + there)} free, and the archive takes ${prettyBytes(manifest.unpacked)} unpacked: make room, or move dataDirectory to a larger disk`,
  );
}

async function usedBytes(host: Host, folder: string): Promise<number> {
  const { stdout } = await host.run(["du", "-s", "-B1", "--", folder], { timeout: 5 * 60_000 });
  return Number(stdout.split("\t")[0]) || 0;
}

function said(server: Server, kept: Kept): string {
  switch (kept.kind) {
    case "kept":
      return `${kept.upstream} still has ${kept.segment}, the WAL that ${server.name} needs first after the archive`;
    case "archived":
      return `${kept.upstream} no longer has ${kept.segment}: ${server.name} gets it by its restore_command`;
    case "unknown":
      return `nobody says whether ${kept.segment}, the WAL that ${server.name} needs first after the archive, is still there (${kept.reason})`;
  }
}
