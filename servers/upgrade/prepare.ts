import { join } from "node:path";
import { upgradePath, versionDirectory } from "../../config/controlDirectory.js";
import type { Server } from "../../config/site.js";
import type { Host } from "../../hosts/host.js";
import { must } from "../../installed/must.js";
import { buffersOf } from "../../postgres/start/memory.js";
import { overridesOf } from "../../postgres/start/overrides.js";
import type { ClusterFacts } from "../../postgres/upgrade/model.js";
import { readSystemIdentifier } from "../data/dataDirectory.js";
import { writeDeclaredFiles } from "../data/ownFiles.js";
import { initdbLike } from "./initdb.js";
import type { Journal } from "./journal.js";
import { ask, type PrivateServer, ports, startPrivate, stopPrivate, type Workplace, whilePrivate } from "./private.js";
import { tail } from "./said.js";

/** What is wrong before the old server is stopped: it runs on. */
export class NotPrepared extends Error {
  constructor(server: string, reason: string) {
    super(`${server} is not upgraded: ${reason}; it runs as before`);
    this.name = "NotPrepared";
  }
}

/** The new cluster as a private server. @param beside whether the old one runs: memory is left to that */
export function newServer(
  server: Server,
  journal: Pick<Journal, "to" | "programs" | "installUser">,
  options: Readonly<Record<string, string>> = {},
): PrivateServer {
  return {
    version: journal.to,
    programs: journal.programs.new,
    dataDirectory: upgradePath(server, "new"),
    ...(server.configurationDirectory === undefined ? {} : { configuration: upgradePath(server, "configuration") }),
    port: ports.new,
    user: journal.installUser,
    // What it writes now is nobody's to archive.
    options: { archive_mode: "off", ...options },
  };
}

/** The old cluster, while its service does not run. Nothing is written by whoever reads. */
export function oldServer(
  server: Server,
  journal: Pick<Journal, "from" | "programs" | "installUser">,
  options: Readonly<Record<string, string>> = {},
): PrivateServer {
  return {
    version: journal.from,
    programs: journal.programs.old,
    dataDirectory: server.dataDirectory,
    ...(server.configurationDirectory === undefined ? {} : { configuration: server.configurationDirectory }),
    port: ports.old,
    user: journal.installUser,
    options: { default_transaction_read_only: "on", ...options },
  };
}

/**
 * Makes the new cluster beside the old one, which runs meanwhile, with the declared configuration; and starts it once, so that a
 * setting or a library that keeps it from starting is known while nobody has been stopped.
 * @returns its system identifier @throws NotPrepared
 */
export async function prepare(at: Workplace, server: Server, journal: Journal, cluster: ClusterFacts): Promise<string> {
  const { host, signal } = at;
  const made = newServer(server, journal);
  await makeNew(at, server, journal, cluster);
  // Memory is left to the one that runs. How words look is for people here.
  const overrides = overridesOf(journal.to, buffersOf(journal.to, server.settings).tried);
  const told = Object.fromEntries(Object.entries(overrides).filter(([name]) => leftToOthers.has(name)));
  try {
    await whilePrivate(at, { ...made, options: { ...made.options, ...told } }, () =>
      ask(at, made, "template1", "select 1"),
    );
  } catch (error) {
    signal.throwIfAborted();
    throw new NotPrepared(server.name, (error as Error).message);
  }
  const identifier = await readSystemIdentifier(host, made.dataDirectory);
  if (identifier === undefined)
    throw new NotPrepared(server.name, `initdb left no control file in ${made.dataDirectory}`);
  return identifier;
}

/** What of a dry start's overrides keeps a server beside another one from its memory, and from what acts outside. */
const leftToOthers: ReadonlySet<string> = new Set([
  ...["shared_buffers", "huge_pages", "min_dynamic_shared_memory", "stats_temp_directory", "lc_messages"],
]);

/** Makes the new cluster, empty, with the declared files. What lies there of an earlier attempt goes. */
export async function makeNew(at: Workplace, server: Server, journal: Journal, cluster: ClusterFacts): Promise<void> {
  const { host, work, signal } = at;
  await discardNew(host, server, journal);
  const { dataDirectory: directory, configuration } = newServer(server, journal);
  const argv = initdbLike(cluster, { version: journal.to, binDirectory: journal.programs.new, directory });
  const { code, stdout, stderr } = await host.run(argv, { cwd: work, timeout: 30 * 60_000, signal });
  signal.throwIfAborted();
  if (code !== 0) throw new NotPrepared(server.name, `initdb of PostgreSQL ${journal.to}: ${tail(stderr || stdout)}`);
  await writeDeclaredFiles(host, {
    ...server,
    dataDirectory: directory,
    configurationDirectory: configuration,
  });
}

/** The new cluster goes, and what it has in tablespaces: nobody has written to it. */
export async function discardNew(host: Host, server: Server, journal: Journal): Promise<void> {
  await host.remove(upgradePath(server, "new"));
  if (server.configurationDirectory !== undefined) await host.remove(upgradePath(server, "configuration"));
  for (const folder of journal.tablespaces) await removeVersionFolders(host, folder, journal.to);
}

/** A tablespace's folder has one of each version that uses it: `PG_17_202406281`. Before 9.0 there was none. */
export async function versionFolders(host: Host, location: string, version: string): Promise<readonly string[]> {
  const names = (await host.list(location)) ?? [];
  return names.filter((name) => name.startsWith(`PG_${version}_`)).map((name) => join(location, name));
}

export async function removeVersionFolders(host: Host, location: string, version: string): Promise<void> {
  for (const folder of await versionFolders(host, location, version)) await host.remove(folder);
}

/** What an upgrade would write into and is not its own: whatever is there once it has begun is. @throws NotPrepared */
export async function refuseWhatIsInTheWay(
  host: Host,
  server: Server,
  { to, from, way, tablespaces }: Journal,
  cluster: ClusterFacts,
): Promise<void> {
  const left = versionDirectory(server.dataDirectory, to);
  if ((await host.stat(left)) !== undefined) {
    throw new NotPrepared(
      server.name,
      `${left} on ${host.name} still holds what ${to} wrote before it was rolled back: remove it when nobody needs it (rm -rf ${left})`,
    );
  }
  const kept = versionDirectory(server.dataDirectory, from);
  if ((await host.stat(kept)) !== undefined) {
    throw new NotPrepared(
      server.name,
      `${kept} on ${host.name}, where the data of ${from} are to be kept, is there already: move it away`,
    );
  }
  const inside = tablespaces.filter(
    (folder) => !folder.startsWith("/") || `${folder}/`.startsWith(`${server.dataDirectory}/`),
  );
  if (inside.length > 0) {
    throw new NotPrepared(
      server.name,
      `the tablespaces ${inside.join(", ")} lie in the data directory, which takes another name: move them out of it (ALTER TABLE … SET TABLESPACE)`,
    );
  }
  for (const folder of tablespaces) {
    const [there] = await versionFolders(host, folder, to);
    if (there === undefined) continue;
    throw new NotPrepared(
      server.name,
      `${there} on ${host.name}, where the tablespace's data of ${to} are to be, is there already: remove it when nobody needs it (rm -rf ${there})`,
    );
  }
  const apart = await host.run(["sh", "-c", sameFileSystem, "sh", server.dataDirectory, server.controlDirectory]);
  if (apart.code !== 0) {
    throw new NotPrepared(
      server.name,
      `${server.dataDirectory} and ${server.controlDirectory} on ${host.name} are on two file systems: what is made in the one cannot take its place in the other by a rename`,
    );
  }
  if (way === "dump" && cluster.databases.length === 0)
    throw new NotPrepared(server.name, "nobody knows its databases");
}

const sameFileSystem = '[ "$(stat -c %d -- "$1/.")" = "$(stat -c %d -- "$2/.")" ]';

/** Brings what a cluster has written onto the disk: servers that write it fast do not. */
export async function bringToDisk(at: Workplace, { programs, dataDirectory }: PrivateServer): Promise<void> {
  await must(at.host, [join(programs, "initdb"), "--sync-only", "-D", dataDirectory], { timeout: 24 * 3600_000 });
}

export { startPrivate, stopPrivate };
