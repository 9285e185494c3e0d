import { posix } from "node:path";
import { layoutNames, programsIn } from "../../config/layouts.js";
import type { Host } from "../../hosts/host.js";
import type { Major } from "../../postgres/versions.js";
import type { ProcessState } from "../process/process.js";

/**
 * Folders in which the programs of a server's data may be, the likeliest first: what it was last in force with, what it runs as,
 * the declared folder as it would be called at the old version, and where distributions have them.
 */
export async function foldersOfOld(
  host: Host,
  process: ProcessState,
  { from, to, declared, last }: { from: Major; to: Major; declared: string; last?: string | undefined },
): Promise<readonly string[]> {
  const running = process.kind === "running" ? await folderOfProcess(host, process.pid) : undefined;
  const renamed = declared.split(to).join(from);
  const all = [running, last, renamed === declared ? undefined : renamed];
  const known = all.filter((folder): folder is string => folder !== undefined);
  return [...new Set([...known, ...layoutNames.map((layout) => programsIn(layout, from))])];
}

/** Undefined where its file is gone, and where nothing tells. */
async function folderOfProcess(host: Host, pid: number): Promise<string | undefined> {
  const path = await host.realPath(`/proc/${pid}/exe`).catch(() => undefined);
  return path === undefined || path.endsWith(" (deleted)") ? undefined : posix.dirname(path);
}
