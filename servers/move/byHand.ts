import { join } from "node:path";
import { incompleteMarker } from "../../config/controlDirectory.js";
import type { Server } from "../../config/site.js";
import type { Host } from "../../hosts/host.js";
import { hostOf } from "../../hosts/index.js";
import { writeDeclaredFiles } from "../data/ownFiles.js";
import { makeFolder } from "../data/places.js";
import { copyPath, writeFilesOf } from "./places.js";

/** Files of a data directory that are of its own cluster, or of one run of its server. */
const own =
  /^(PG_VERSION|postmaster\.(pid|opts)|current_logfiles|postgresql\.auto\.conf\.tmp|(backup_label|tablespace_map)(\.old)?|backup_manifest|(standby|recovery)\.signal|recovery\.(conf|done)|\.s\.PGSQL\..*|lost\+found)$/;

/**
 * What somebody has put among the data, and no dump has: ALTER SYSTEM's file, certificates, included files, and configuration that
 * the stack does not declare. @returns folders that are there and that nobody knows anything of: these stay
 */
export async function carryByHand(from: Server, to: Server): Promise<readonly string[]> {
  const [source, target] = [hostOf(from.host), hostOf(to.host)];
  const left = await carryFiles(source, from.dataDirectory, target, to.dataDirectory, to);
  return [...left, ...(await carryConfiguration(from, to))];
}

/** The same of a folder of configuration apart from the data, where the new place has another one. */
async function carryConfiguration(from: Server, to: Server): Promise<readonly string[]> {
  const [source, target] = [hostOf(from.host), hostOf(to.host)];
  const { configurationDirectory: there } = from;
  const { configurationDirectory: here } = to;
  if (there === undefined || here === undefined) return [];
  const isSame = source.machine === target.machine && there === here;
  return isSame ? [] : carryFiles(source, there, target, here, to);
}

/**
 * Files of the new place, when data came as they are: what the stack declares otherwise for it, and all that is apart from the data.
 * @returns folders that stay
 */
export async function writeFilesThere(from: Server, to: Server): Promise<readonly string[]> {
  const { configurationDirectory } = to;
  if (configurationDirectory === undefined) {
    await writeFilesOf(to, from);
    return [];
  }
  const target = hostOf(to.host);
  // Everybody's programs read there which port a server has.
  await makeFolder(target, to, configurationDirectory, 0o755);
  await writeDeclaredFiles(target, to);
  return carryConfiguration(from, to);
}

async function carryFiles(
  source: Host,
  from: string,
  target: Host,
  to: string,
  { files }: Server,
): Promise<readonly string[]> {
  const there = new Set((await target.list(to)) ?? []);
  const left: string[] = [];
  for (const name of (await source.list(from)) ?? []) {
    if (own.test(name) || name === incompleteMarker || files[name] !== undefined) continue;
    const path = join(from, name);
    const status = await source.stat(path);
    if (status?.type === "file") await copyPath(source, path, target, join(to, name));
    // Logs stay where they were written.
    else if (status?.type === "directory" && !there.has(name) && !logs.has(name)) left.push(path);
  }
  return left;
}

const logs: ReadonlySet<string> = new Set(["log", "pg_log"]);
