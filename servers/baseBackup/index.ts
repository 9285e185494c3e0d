import { setMaxListeners } from "node:events";
import { join } from "node:path";
import type { Endpoint, Server } from "../../config/site.js";
import type { Host } from "../../hosts/host.js";
import { atLeast, type Major } from "../../postgres/versions.js";
import { incompleteMarker, readSystemIdentifier, systemIdentifierIn } from "../dataDirectory.js";
import { waitForWriters, writing } from "../lock.js";
import { type BackupMarker, clearDirectory, readMarker, takeDirectory, writeMarker } from "../marker.js";
import { namesOf } from "../names.js";
import { writeStandbyFiles } from "../ownFiles.js";
import { refuseTooLittleSpace } from "../preflight.js";
import type { Login } from "../session.js";
import { beginBackup, type RunningBackup } from "./backupSession.js";
import { type CopyMethod, copierFor } from "./copiers.js";
import { copyTrees, type Tree, walk } from "./copyTree.js";
import { type Entry, isExcluded, isExcludedInTablespace } from "./entries.js";
import { type CopyProgress, noProgress } from "./progress.js";
import { copyWal } from "./wal.js";

export interface BaseBackupOptions {
  /** The writable server. */
  readonly source: { readonly endpoint: Endpoint; readonly host: Host };
  readonly target: { readonly server: Server; readonly host: Host };
  /** A superuser on the source. */
  readonly login: Login;
  /** @default the best that the two hosts can */
  readonly copy?: CopyMethod;
  readonly progress?: CopyProgress;
  readonly report?: (line: string) => void;
  readonly signal?: AbortSignal;
}

export interface BaseBackupResult {
  readonly systemIdentifier: string;
  readonly method: CopyMethod;
  /** Bytes copied, and bytes that an earlier attempt had copied and that are proven unchanged. */
  readonly copied: number;
  readonly kept: number;
}

/**
 * Fills the target's data directory with a base backup of the writable server, as "Making a Base Backup Using the
 * Low Level API" says. The directory must be absent, empty or our own half copy (the caller has looked, and holds
 * the server's lock); it keeps `pgsite.incomplete` when this returns.
 *
 * Order: marker; start; files; control file (into memory); stop; WAL; label, tablespace map and what makes it a
 * standby; sync; control file last. So whatever a cut-off attempt leaves either has no control file and cannot
 * start, or starts as a standby.
 */
export async function baseBackup(options: BaseBackupOptions): Promise<BaseBackupResult> {
  const { source, target, login, report = () => undefined, progress = noProgress, signal } = options;
  const { server, host } = target;
  const given = signal === undefined ? {} : { signal };
  const copier = await copierFor(source.host, host, server, options.copy);
  await waitForWriters(host, server);
  // By the source's clock, and before the backup begins: what changes from now on is copied again by a later attempt.
  const began = await clock(source.host);
  const backup = await beginBackup({ ...source, login, target: server.name, report, ...given });
  const stop = AbortSignal.any([backup.lost, ...(signal === undefined ? [] : [signal])]);
  setMaxListeners(0, stop);
  try {
    const systemIdentifier = await checkSource(source, backup, server);
    const from = source.endpoint.dataDirectory;
    const found = await walk(source.host, from, stop);
    const tablespaces = tablespacesIn(found, source.host.machine === host.machine, server);
    const origin = { name: source.endpoint.name, dataDirectory: from, systemIdentifier };
    const earlier = await prepareTarget(host, server, {
      kind: "base-backup",
      source: origin,
      began,
      boot: await bootOf(host),
      tablespaces: targets(tablespaces),
    });
    if (earlier !== undefined) report("an earlier copy was cut off here: what is proven unchanged since is kept");

    const resumes = earlier !== undefined;
    const version = backup.facts.version;
    const trees: Tree[] = [
      {
        from,
        to: server.dataDirectory,
        entries: wanted(found, (path) => isExcluded(path, version, backup.facts.logDirectory), version, report),
        present: resumes ? await walk(host, server.dataDirectory, stop) : [],
        keep: [incompleteMarker],
      },
    ];
    for (const { location, to } of tablespaces) {
      const entries = await walk(source.host, location, stop);
      trees.push({
        from: location,
        to,
        entries: wanted(entries, (path) => isExcludedInTablespace(path, version), version, report),
        present: resumes && (await host.stat(to)) !== undefined ? await walk(host, to, stop) : [],
        keep: [],
      });
    }
    const common = { target: host, directories: server, copier, progress, signal: stop };
    const bytes = trees.flatMap(({ entries }) => entries).reduce((sum, { size }) => sum + size, 0);
    const already = trees.flatMap(({ present }) => present).reduce((sum, { size }) => sum + size, 0);
    await refuseTooLittleSpace(host, server.dataDirectory, bytes - already, copier.method === "cp");
    const amounts = await copyTrees({ ...common, trees, began: earlier?.began });

    const control = await readControl(source.host, from);
    if (systemIdentifierIn(control) !== systemIdentifier)
      throw new Error(`${from} was replaced during the copy: run again`);
    const files = await backup.stop();
    await copyWal({
      source: source.host,
      from,
      target: host,
      server,
      backup,
      copier,
      first: files.firstSegment,
      last: files.lastSegment,
      signal: stop,
    });
    await installTablespaces(host, server, tablespaces);
    await host.writeFile(join(server.dataDirectory, "backup_label"), files.label);
    await writeStandbyFiles(host, server);
    const groupRead = atLeast(version, "11") && (((await source.host.stat(from))?.mode ?? 0) & 0o040) !== 0;
    await settle(host, server, [server.dataDirectory, ...tablespaces.map(({ to }) => to)], groupRead);
    await host.writeFile(join(server.dataDirectory, "global", "pg_control"), control, {
      mode: groupRead ? 0o640 : 0o600,
    });
    return { systemIdentifier, method: copier.method, ...amounts };
  } finally {
    await backup.end();
  }
}

/** The files on disk must be those of the server that answers, of our version. Returns its system identifier. */
async function checkSource(
  { endpoint, host }: BaseBackupOptions["source"],
  { facts }: RunningBackup,
  server: Server,
): Promise<string> {
  if (facts.version !== server.version) {
    throw new Error(
      `${endpoint.name} runs PostgreSQL ${facts.version} and ${server.name} is declared as ${server.version}: a base backup needs the same major version`,
    );
  }
  const { stdout } = await host.run(["readlink", "-f", endpoint.dataDirectory, facts.dataDirectory]);
  const [declared, actual] = stdout.split("\n");
  if (declared !== actual) {
    throw new Error(
      `${endpoint.name} at ${endpoint.address}:${endpoint.port} runs in ${facts.dataDirectory}, and the stack says ${endpoint.dataDirectory}: correct dataDirectory, or address and port`,
    );
  }
  const systemIdentifier = await readSystemIdentifier(host, endpoint.dataDirectory);
  if (systemIdentifier === undefined) throw new Error(`${endpoint.dataDirectory} on ${host.name} has no control file`);
  return systemIdentifier;
}

interface Tablespace {
  readonly oid: string;
  readonly location: string;
  readonly to: string;
}

/** Tablespaces keep their paths on another machine; on the same one they go into the control directory. */
function tablespacesIn(entries: readonly Entry[], sameMachine: boolean, server: Server): readonly Tablespace[] {
  return entries.flatMap(({ type, path, link }) => {
    const oid = /^pg_tblspc\/(\d+)$/.exec(path)?.[1];
    if (type !== "link" || oid === undefined) return [];
    return [{ oid, location: link, to: sameMachine ? join(server.controlDirectory, "tablespaces", oid) : link }];
  });
}

function targets(tablespaces: readonly Tablespace[]): Readonly<Record<string, string>> {
  return Object.fromEntries(tablespaces.map(({ oid, to }) => [oid, to]));
}

/** What of a walk is to be copied. A WAL folder that is a link becomes a plain folder; other links are not followed. */
function wanted(
  entries: readonly Entry[],
  excluded: (path: string) => boolean,
  version: Major,
  report: (line: string) => void,
): readonly Entry[] {
  return entries.flatMap((entry): Entry[] => {
    if (excluded(entry.path)) return [];
    if (entry.type === "file" || entry.type === "directory") return [entry];
    if (entry.path === namesOf(version).walDirectory) return [{ ...entry, type: "directory" }];
    if (!entry.path.startsWith("pg_tblspc/"))
      report(`${entry.path} is a link or special file and is left out of the copy`);
    return [];
  });
}

/**
 * Makes the target ready and marks it. Returns the marker of an earlier attempt where its files may be kept: the same
 * source, and no crash of the target since (what it wrote may not have reached the disk).
 */
async function prepareTarget(host: Host, server: Server, marker: BackupMarker): Promise<BackupMarker | undefined> {
  const { dataDirectory } = server;
  const found = await readMarker(host, dataDirectory);
  const previous = found?.kind === "base-backup" ? found : undefined;
  const resumes =
    previous !== undefined &&
    previous.boot === marker.boot &&
    (["name", "dataDirectory", "systemIdentifier"] as const).every(
      (key) => previous.source[key] === marker.source[key],
    );
  for (const [oid, folder] of Object.entries(marker.tablespaces)) {
    const ours = folder.startsWith(`${server.controlDirectory}/`) || previous?.tablespaces[oid] === folder;
    const names = ours ? [] : ((await host.list(folder)) ?? []).filter((name) => name !== "lost+found");
    if (names.length > 0) {
      throw new Error(
        `${folder} on ${host.name}, where tablespace ${oid} goes, is not empty and pgsite did not make what is in it: move it away`,
      );
    }
  }
  await takeDirectory(host, dataDirectory);
  if (resumes) {
    // The first attempt's beginning counts for as long as anything of it may be there.
    await writeMarker(host, dataDirectory, {
      ...previous,
      tablespaces: { ...previous.tablespaces, ...marker.tablespaces },
    });
    return previous;
  }
  for (const folder of Object.values(previous?.tablespaces ?? {})) await clearDirectory(host, folder);
  // Marked before it is cleared, and marked anew before it is filled.
  await writeMarker(host, dataDirectory, previous ?? marker);
  await clearDirectory(host, dataDirectory, [incompleteMarker]);
  await writeMarker(host, dataDirectory, marker);
  return undefined;
}

/** The content of the control file, read until it reads the same twice: the server may be writing it. */
async function readControl(host: Host, dataDirectory: string): Promise<Buffer> {
  const path = join(dataDirectory, "global", "pg_control");
  let before = await host.readFile(path);
  for (let tries = 0; tries < 20 && before !== undefined; tries += 1) {
    const now = await host.readFile(path);
    if (now?.equals(before) === true) return now;
    before = now;
  }
  throw new Error(`${path} on ${host.name} cannot be read`);
}

async function installTablespaces(host: Host, server: Server, tablespaces: readonly Tablespace[]): Promise<void> {
  for (const { oid, to } of tablespaces) {
    const link = join(server.dataDirectory, "pg_tblspc", oid);
    const { code, stderr } = await host.run(["ln", "-sfn", "--", to, link]);
    if (code !== 0) throw new Error(`the link of tablespace ${oid} cannot be made on ${host.name}: ${stderr.trim()}`);
  }
  // Recovery makes the links again from the map, which knows the source's folders: so the map says ours.
  if (tablespaces.length === 0 || !atLeast(server.version, "9.5")) return;
  const escaped = (path: string) => path.replace(/[\\\n\r]/g, (character) => `\\${character}`);
  const map = tablespaces.map(({ oid, to }) => `${oid} ${escaped(to)}\n`).join("");
  await host.writeFile(join(server.dataDirectory, "tablespace_map"), map);
}

/** Modes as PostgreSQL wants them, and everything on disk. */
async function settle(host: Host, server: Server, folders: readonly string[], groupRead: boolean): Promise<void> {
  const mode = groupRead ? "u=rwX,g=rX,o=" : "u=rwX,go=";
  for (const argv of [
    [
      "find",
      ...folders,
      "-name",
      "lost+found",
      "-prune",
      "-o",
      "!",
      "-type",
      "l",
      "-exec",
      "chmod",
      mode,
      "--",
      "{}",
      "+",
    ],
    ["sync", "-f", ...folders],
  ]) {
    const { code, stderr } = await host.run(writing(server, argv), { timeout: 30 * 60_000 });
    if (code !== 0) throw new Error(`${argv[0]} on ${host.name} failed: ${stderr.trim()}`);
  }
}

async function clock(host: Host): Promise<number> {
  const { stdout } = await host.run(["date", "+%s"]);
  return Number(stdout.trim());
}

/** Tells one boot of a machine from the next. Where it cannot be known, no two are the same. */
async function bootOf(host: Host): Promise<string> {
  const id = await host.readFile("/proc/sys/kernel/random/boot_id").catch(() => undefined);
  return id?.toString("utf8").trim() ?? `unknown ${process.pid} ${Date.now()}`;
}
