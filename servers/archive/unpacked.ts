import { incompleteMarker } from "../../config/controlDirectory.js";
import type { Server } from "../../config/site.js";
import type { Host } from "../../hosts/host.js";
import type { Major } from "../../postgres/versions.js";
import { isExcluded, isExcludedInTablespace } from "../baseBackup/entries.js";
import type { Tablespace } from "../baseBackup/target.js";
import type { Standing } from "../data/standing.js";
import { namesOf } from "../sql/versions.js";
import { isOwn, type Stream } from "./manifest.js";

/*
 * What an archive brought, held against what `create` puts into one. Whoever made another may have the server run what he
 * likes, or write elsewhere through a link: it is found before anything else is done with the files, and all of it goes.
 */

/** Something that deserves a look: at the top of the folder, or no plain file or folder. */
export interface Found {
  /** As find's %y has it. */
  readonly type: string;
  readonly links: number;
  readonly mode: number;
  /** A link's target. */
  readonly target: string;
  /** Relative to the folder. */
  readonly path: string;
}

/** An archive brought what no archive of ours has. */
export class ArchiveForged extends Error {
  constructor(where: string, complaints: readonly string[]) {
    const more = complaints.length > 5 ? `; and ${complaints.length - 5} more` : "";
    super(
      `the archive ${where} was not made by pgsite archive create, or was changed since: ${complaints.slice(0, 5).join("; ")}${more}. What was unpacked of it was removed again: make a new one, and give restore its SHA-256 (--sha256)`,
    );
    this.name = "ArchiveForged";
  }
}

/** Prints of the given paths what deserves a look. The system's own lost+found is closed to us. */
const looking = String.raw`cd -- "$1" && shift && find "$@" -name lost+found -user root -prune -o \( ! -type f ! -type d -o -type f \( -links +1 -o -perm -4000 -o -perm -2000 \) -o -path './*' ! -path './*/*' -o -path ./global/pg_control -o -path './pg_replslot/*' \) -printf '%y\0%n\0%m\0%l\0%p\0'`;

async function find(host: Host, folder: string, paths: readonly string[]): Promise<readonly Found[]> {
  const { code, stdout, stderr } = await host.run(["sh", "-c", looking, "sh", folder, ...paths], {
    timeout: 30 * 60_000,
  });
  if (code !== 0) throw new Error(`${folder} on ${host.name} cannot be looked at: ${stderr.trim()}`);
  const fields = stdout.split("\0");
  const found: Found[] = [];
  for (let index = 0; index + 4 < fields.length; index += 5) {
    const [type = "", links = "", mode = "", target = "", path = ""] = fields.slice(index, index + 5);
    found.push({ type, links: Number(links), mode: Number.parseInt(mode, 8), target, path: path.replace(/^\.\//, "") });
  }
  return found;
}

/** @throws ArchiveForged where one of an archive's streams, just unpacked, brought what it should not have */
export async function checkUnpacked(
  stream: Stream,
  options: {
    readonly host: Host;
    readonly server: Server;
    readonly tablespaces: readonly Tablespace[];
    readonly standing: readonly Standing[];
    readonly where: string;
  },
): Promise<void> {
  const { host, server, tablespaces, standing, where } = options;
  const { dataDirectory, version } = server;
  const wal = namesOf(version).walDirectory;
  // By a path that a link is followed on: WAL may have a disk of its own.
  const paths = stream === "base" ? ["."] : ["./backup_label", `./${wal}/`];
  const links = standing.flatMap(({ path, says }) => (says === undefined ? [] : [{ path, says }]));
  const complaints = strangeInData(await find(host, dataDirectory, paths), stream, version, [
    ...tablespaces.map(({ oid, to }) => ({ path: `pg_tblspc/${oid}`, says: to })),
    ...links,
  ]);
  if (stream === "base") {
    for (const { oid, to } of tablespaces)
      complaints.push(...strangeInTablespace(await find(host, to, ["."]), oid, version));
  }
  if (complaints.length > 0) throw new ArchiveForged(where, complaints);
}

/** What is wrong with what a stream brought into a data directory. @param links that we made, or found there */
export function strangeInData(
  found: readonly Found[],
  stream: Stream,
  version: Major,
  links: readonly { readonly path: string; readonly says: string }[],
): string[] {
  const ours = new Map(links.map(({ path, says }) => [path, says]));
  return found.flatMap((one) => {
    const { path, type, target } = one;
    if (type === "l" && ours.get(path) === target) return [];
    const kind = strangeKind(one);
    if (kind !== undefined) return [kind];
    // The label belongs into the second stream; the marker is ours.
    const own = (isExcluded(path, version, "") || isOwn(path)) && path !== incompleteMarker && path !== ".";
    return stream === "base" && own ? [`it brings ${path}`] : [];
  });
}

export function strangeInTablespace(found: readonly Found[], oid: string, version: Major): string[] {
  return found.flatMap((one) => {
    const kind = strangeKind(one);
    if (kind !== undefined) return [`in tablespace ${oid}, ${kind}`];
    const top = one.path !== "." && !one.path.includes("/");
    return top && isExcludedInTablespace(one.path, version) ? [`it brings ${one.path} into tablespace ${oid}`] : [];
  });
}

function strangeKind({ type, links, mode, target, path }: Found): string | undefined {
  if (type === "l") return `${path} is a link to ${target}`;
  if (type !== "f" && type !== "d") return `${path} is neither a file nor a folder`;
  if (type === "f" && links > 1) return `${path} is a second name of another file`;
  return type === "f" && (mode & 0o6000) !== 0 ? `${path} would run as its owner` : undefined;
}
