import { dirname, join } from "node:path";
import { incomingFolder } from "../../config/controlDirectory.js";
import type { Host } from "../../hosts/host.js";
import type { Major } from "../../postgres/versions.js";
import { namesOf } from "../sql/versions.js";
import { apartIn } from "./apart.js";

/** Folders whose content is made anew at a start, or belongs to one server; the folders themselves are needed. */
export const emptied = [
  "pg_replslot",
  "pg_dynshmem",
  "pg_notify",
  "pg_serial",
  "pg_snapshots",
  "pg_stat_tmp",
  "pg_subtrans",
] as const;

/** Folders of logs by their usual names. */
const logs = ["log", "pg_log"] as const;

/**
 * A folder of a data directory that its server keeps where it is, whatever data come: to which a link leads, or where something
 * is mounted, or with one of those in it.
 */
export interface Standing {
  /** Relative to the data directory. */
  readonly path: string;
  /** Where a link leads; undefined where it is no link. */
  readonly leadsTo?: string;
  /** What a link says. */
  readonly says?: string;
}

/** Those of a data directory, the deepest first. */
export async function standingIn(host: Host, dataDirectory: string, version: Major): Promise<readonly Standing[]> {
  const names: readonly string[] = [namesOf(version).walDirectory, ...logs, ...emptied];
  const found = new Map<string, Standing>();
  for (const { kind, path, says, leadsTo, type } of await apartIn(host, dataDirectory)) {
    if (kind === "link") {
      if (names.includes(path) && type === "directory" && leadsTo !== undefined)
        found.set(path, { path, leadsTo, says });
      continue;
    }
    for (let place = path; place !== "" && place !== "."; place = dirname(place)) found.set(place, { path: place });
  }
  const depth = ({ path }: Standing) => path.split("/").length;
  return [...found.values()].sort((left, right) => depth(right) - depth(left));
}

/**
 * Whether a data directory holds nothing but what somebody prepared for the data that are to come: a link to an empty folder for
 * WAL on another disk, or for logs, or a disk that is mounted there.
 */
export async function isPrepared(host: Host, dataDirectory: string, names: readonly string[]): Promise<boolean> {
  if (!names.every((name) => name === "lost+found" || isPlace(name))) return false;
  const apart = new Map((await apartIn(host, dataDirectory)).map((one) => [one.path, one]));
  for (const name of names.filter(isPlace)) {
    const { type, leadsTo } = apart.get(name) ?? {};
    if (type !== "directory" || leadsTo === undefined) return false;
    if (!isLog(name) && (await host.list(leadsTo))?.some((one) => isOfWal(one)) !== false) return false;
  }
  return true;
}

const isLog = (name: string) => (logs as readonly string[]).includes(name);
const isPlace = (name: string) => isLog(name) || name === "pg_wal" || name === "pg_xlog";

/** What a server has in its WAL folder (PostgreSQL: "pg_wal"), and a base backup on its way there. */
const ofWal =
  /^([0-9A-F]{24}(\.partial|\.[0-9A-F]{8}\.backup)?|[0-9A-F]{8}\.history|archive_status|summaries|xlogtemp\.\d+|RECOVERY(XLOG|HISTORY))$/;

/**
 * Whether something in a standing folder goes when the data do. What a link leads to may have things of others beside the WAL,
 * and what it has of logs is left to whoever made that link.
 */
export function goesWithData({ path, leadsTo }: Standing, name: string): boolean {
  if (leadsTo === undefined) return name !== "lost+found";
  return (path === "pg_wal" || path === "pg_xlog") && isOfWal(name);
}

const isOfWal = (name: string) => ofWal.test(name) || name === incomingFolder;

/** Takes away all that is in a data directory, but for what stands where it is, lost+found and the names to keep. */
export async function clearData(
  host: Host,
  dataDirectory: string,
  standing: readonly Standing[],
  keep: readonly string[] = [],
): Promise<void> {
  const byPath = new Map(standing.map((one) => [one.path, one]));
  const clear = async (folder: Standing): Promise<void> => {
    for (const name of (await host.list(join(dataDirectory, folder.path))) ?? []) {
      const path = join(folder.path, name);
      if (keep.includes(path) || !goesWithData(folder, name)) continue;
      const stands = byPath.get(path);
      if (stands === undefined) await host.remove(join(dataDirectory, path));
      else await clear(stands);
    }
  };
  await clear({ path: "" });
}
