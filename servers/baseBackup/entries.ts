import { incompleteMarker, temporaryEnding } from "../../config/controlDirectory.js";
import type { Major } from "../../postgres/versions.js";
import { emptied } from "../data/standing.js";
import { namesOf } from "../sql/versions.js";

/** Something found by walking a folder. */
export interface Entry {
  readonly type: "file" | "directory" | "link" | "other";
  readonly size: number;
  /** Seconds since the epoch, as find writes them (with a fraction): change of the inode, of the content. */
  readonly changed: string;
  readonly modified: string;
  /** A link's target. */
  readonly link: string;
  /** Relative to the folder that was walked. */
  readonly path: string;
}

export const walkFormat = "%y\\0%s\\0%C@\\0%T@\\0%l\\0%P\\0";

const types: Readonly<Record<string, Entry["type"]>> = { f: "file", d: "directory", l: "link" };

/** Reads what `find -printf walkFormat` wrote. */
export function parseWalk(output: string): readonly Entry[] {
  const fields = output.split("\0");
  const entries: Entry[] = [];
  for (let index = 0; index + 5 < fields.length; index += 6) {
    const [type = "", size = "", changed = "", modified = "", link = "", path = ""] = fields.slice(index, index + 6);
    entries.push({ type: types[type] ?? "other", size: Number(size), changed, modified, link, path });
  }
  return entries;
}

/** Files of the data directory's top level that belong to one server, or that pgsite writes itself. */
const ownFiles = new Set([
  "postmaster.pid",
  "postmaster.opts",
  "backup_label",
  "backup_label.old",
  "tablespace_map",
  "tablespace_map.old",
  "backup_manifest",
  "recovery.conf",
  "recovery.done",
  "standby.signal",
  "recovery.signal",
  "current_logfiles",
  "current_logfiles.tmp",
  "postgresql.conf",
  "pg_hba.conf",
  "postgresql.auto.conf.tmp",
  incompleteMarker,
]);

/** Whatever folder it lies in. */
function isLeftAnywhere(name: string): boolean {
  return /^(pgsql_tmp|pg_internal\.init)/.test(name) || name.endsWith(temporaryEnding);
}

const temporaryRelation = /^t\d+_\d+(_(fsm|vm|init))?(\.\d+)?$/;

/**
 * Whether something in the data directory is left out of a base backup ("Making a Base Backup Using the Low Level
 * API", and the lists in basebackup.c). global/pg_control is left out too: pgsite writes it last.
 * @param path relative to the data directory @param logDirectory as the setting says
 */
export function isExcluded(path: string, version: Major, logDirectory: string): boolean {
  const parts = path.split("/");
  if (parts.some(isLeftAnywhere)) return true;
  if (path === "global/pg_control" || (parts.length === 1 && ownFiles.has(path))) return true;
  if (temporaryRelation.test(parts.at(-1) ?? "")) return true;
  const inside = (folder: string) => path.startsWith(`${folder.replace(/\/+$/, "")}/`);
  return inside(namesOf(version).walDirectory) || emptied.some(inside) || (logDirectory !== "" && inside(logDirectory));
}

/** Whether a path is of a cluster's data: neither configuration, nor logs, nor anything of its administrator's. */
export function isData(path: string): boolean {
  return /^(base|global|pg_(?!log(\/|$))[a-z_]+)(\/|$)/.test(path);
}

/** Whether a folder comes without what is in it, so that in its place there may be a link to one. */
export function comesEmpty(path: string, version: Major, logDirectory: string): boolean {
  const names: readonly string[] = [namesOf(version).walDirectory, ...emptied, logDirectory.replace(/\/+$/, "")];
  return names.includes(path);
}

/** A tablespace's folder holds one folder a version ("PG_15_202209061"); only the server's own is copied. */
export function isExcludedInTablespace(path: string, version: Major): boolean {
  const [top = "", ...rest] = path.split("/");
  if (!top.startsWith(`PG_${version}_`)) return true;
  return rest.some(isLeftAnywhere) || temporaryRelation.test(rest.at(-1) ?? "");
}

const batchBytes = 64 * 1024 * 1024;
const batchFiles = 500;

/** Cuts files into batches small enough that none goes on for long when we are killed. */
export function batchesOf(files: readonly Entry[]): readonly (readonly Entry[])[] {
  const batches: Entry[][] = [];
  let current: Entry[] = [];
  let bytes = 0;
  for (const file of files) {
    if (current.length > 0 && (bytes + file.size > batchBytes || current.length >= batchFiles)) {
      batches.push(current);
      current = [];
      bytes = 0;
    }
    current.push(file);
    bytes += file.size;
  }
  if (current.length > 0) batches.push(current);
  return batches;
}

/** Clocks and time stamps are coarser than they look: what was written within this of the beginning is copied again. */
const slackSeconds = 2;

/**
 * Whether a file that an earlier attempt copied need not be copied again: its inode has not changed since before
 * that attempt began (so what was copied is what is there now), and the copy is whole (cp, rsync and tar set the
 * time of a file after its content). Same size and time alone would not do: PostgreSQL writes in place.
 */
export function isProvenCopy(source: Entry, copy: Entry | undefined, began: number): boolean {
  return (
    copy !== undefined &&
    copy.type === "file" &&
    copy.size === source.size &&
    copy.modified === source.modified &&
    Number(source.changed) + slackSeconds < began
  );
}
