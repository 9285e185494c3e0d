import { join } from "node:path";
import { controlPath, incompleteMarker } from "../../config/controlDirectory.js";
import type { KnownServer } from "../../config/site.js";
import type { Host } from "../../hosts/host.js";
import { controlFileOf } from "../data/controlFile.js";
import { writing } from "../data/lock.js";
import { type BackupMarker, clearDirectory, readMarker, takeDirectory, writeMarker } from "../data/marker.js";
import { type Filled, writeStandbyFiles } from "../data/ownFiles.js";
import { clearData, type Standing, standingIn } from "../data/standing.js";
import { namesOf } from "../sql/versions.js";

/** A tablespace, and where it goes: it keeps its path on another machine; on the same one it is in the control directory. */
export interface Tablespace {
  readonly oid: string;
  readonly location: string;
  readonly to: string;
}

/** @param known where the server had its tablespaces before its data were given up, by OID */
export function tablespaceOf(
  oid: string,
  location: string,
  sameMachine: boolean,
  server: KnownServer,
  known: Readonly<Record<string, string>> = {},
): Tablespace {
  return { oid, location, to: known[oid] ?? (sameMachine ? join(controlPath(server, "tablespaces"), oid) : location) };
}

/** The folders of tablespaces of the copy that was cut off there, or of the data that were given up for one. */
export async function knownTablespaces(
  host: Host,
  { dataDirectory }: KnownServer,
): Promise<Readonly<Record<string, string>>> {
  const found = await readMarker(host, dataDirectory);
  return found?.kind === "base-backup" ? found.tablespaces : {};
}

/** The marker of an attempt that begins now. */
export async function newMarker(
  host: Host,
  about: Pick<BackupMarker, "source" | "began" | "method"> & { readonly tablespaces: readonly Tablespace[] },
): Promise<BackupMarker> {
  const tablespaces = Object.fromEntries(about.tablespaces.map(({ oid, to }) => [oid, to]));
  return { kind: "base-backup", ...about, boot: await bootOf(host), tablespaces };
}

/** Whether a half copy made by this method is one that can be gone on with. */
export function canGoOn(method: string | undefined): boolean {
  return method !== "pg_basebackup" && method !== "archive";
}

export interface Prepared {
  /**
   * The marker of an earlier attempt whose files may be kept: by a way that can go on, of the same source, and no crash of the
   * target since (what it wrote may not have reached the disk).
   */
  readonly earlier?: BackupMarker;
  /** What of the data directory stays where it is. */
  readonly standing: readonly Standing[];
}

/** Makes the target ready and marks it. */
export async function prepareTarget(host: Host, server: KnownServer, marker: BackupMarker): Promise<Prepared> {
  const { dataDirectory } = server;
  const found = await readMarker(host, dataDirectory);
  const previous = found?.kind === "base-backup" ? found : undefined;
  const resumes =
    previous !== undefined &&
    canGoOn(previous.method) &&
    canGoOn(marker.method) &&
    previous.boot === marker.boot &&
    (["name", "dataDirectory", "systemIdentifier"] as const).every(
      (key) => previous.source[key] === marker.source[key],
    );
  const isOurs = ([oid, folder]: [string, string]) =>
    folder.startsWith(`${server.controlDirectory}/`) || previous?.tablespaces[oid] === folder;
  const places = Object.entries(marker.tablespaces);
  for (const [oid, folder] of places) {
    const names = isOurs([oid, folder])
      ? []
      : ((await host.list(folder)) ?? []).filter((name) => name !== "lost+found");
    if (names.length > 0) {
      throw new Error(
        `${folder} on ${host.name}, where tablespace ${oid} goes, is not empty and pgsite did not make what is in it: move it away`,
      );
    }
  }
  await takeDirectory(host, server);
  const standing = await standingIn(host, dataDirectory, server.version);
  if (resumes) {
    // The first attempt's beginning counts for as long as anything of it may be there.
    await writeMarker(host, dataDirectory, {
      ...previous,
      tablespaces: { ...previous.tablespaces, ...marker.tablespaces },
    });
    return { earlier: previous, standing };
  }
  // Those of data that were lost without them, too.
  const left = [...Object.values(previous?.tablespaces ?? {}), ...places.filter(isOurs).map(([, folder]) => folder)];
  for (const folder of new Set(left)) await clearDirectory(host, folder);
  // Marked as it is cleared, and marked anew before it is filled.
  if (found === undefined) await writeMarker(host, dataDirectory, marker);
  await clearData(host, dataDirectory, standing, [incompleteMarker]);
  if (found !== undefined) await writeMarker(host, dataDirectory, marker);
  return { standing };
}

/**
 * The end of a base backup: what makes it a standby, modes, everything on disk; and only then the control file, without
 * which nothing starts.
 */
export async function finish(options: {
  readonly host: Host;
  readonly server: Filled;
  readonly tablespaces: readonly Tablespace[];
  readonly standing: readonly Standing[];
  readonly control: Buffer;
  /** Whether the source's files may be read by its group (initdb -g). */
  readonly groupRead: boolean;
}): Promise<void> {
  const { host, server, tablespaces, standing, control, groupRead } = options;
  await writeStandbyFiles(host, server);
  const { dataDirectory, version } = server;
  // By a path that a link is followed on.
  const wal = `${join(dataDirectory, namesOf(version).walDirectory)}/`;
  const others = standing.flatMap(({ path, leadsTo }) => (leadsTo === undefined ? [join(dataDirectory, path)] : []));
  await settle(host, server, [dataDirectory, wal, ...others, ...tablespaces.map(({ to }) => to)], groupRead);
  const mode = groupRead ? 0o640 : 0o600;
  await host.writeFile(controlFileOf(server.dataDirectory), control, { mode });
}

const settling = `mode=$1; shift
find "$@" -name lost+found -prune -o ! -type l -exec chmod "$mode" -- {} + && sync -f "$@"`;

/** Modes as PostgreSQL wants them, and everything on disk. */
async function settle(host: Host, server: KnownServer, folders: readonly string[], groupRead: boolean): Promise<void> {
  const mode = groupRead ? "u=rwX,g=rX,o=" : "u=rwX,go=";
  const argv = ["sh", "-c", settling, "sh", mode, ...folders];
  const { code, stderr } = await host.run(writing(server, argv), { timeout: 30 * 60_000 });
  if (code !== 0) throw new Error(`modes and sync of ${server.dataDirectory} on ${host.name} failed: ${stderr.trim()}`);
}

/** Tells one boot of a machine from the next. Where it cannot be known, no two are the same. */
async function bootOf(host: Host): Promise<string> {
  const id = await host.readFile("/proc/sys/kernel/random/boot_id").catch(() => undefined);
  return id?.toString("utf8").trim() ?? `unknown ${process.pid} ${Date.now()}`;
}
