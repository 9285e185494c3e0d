import { setMaxListeners } from "node:events";
import { join } from "node:path";
import { incompleteMarker } from "../../config/controlDirectory.js";
import type { KnownServer, Server } from "../../config/site.js";
import type { Host } from "../../hosts/host.js";
import { atLeast, type Major } from "../../postgres/versions.js";
import { controlFileOf } from "../data/controlFile.js";
import { readSystemIdentifier, systemIdentifierIn } from "../data/dataDirectory.js";
import { refuseTooLittleSpace } from "../data/freeSpace.js";
import { waitForWriters } from "../data/lock.js";
import { goesWithData, type Standing } from "../data/standing.js";
import { beginBackup, type RunningBackup, type SourceFacts } from "./backupSession.js";
import type { Copier } from "./copiers.js";
import { copyTrees, type Tree, walk } from "./copyTree.js";
import { comesEmpty, type Entry, isData, isExcluded, isExcludedInTablespace } from "./entries.js";
import type { BaseBackupOptions, BaseBackupResult, Work } from "./options.js";
import { finish, knownTablespaces, newMarker, prepareTarget, type Tablespace, tablespaceOf } from "./target.js";
import { copyWal } from "./wal.js";

/**
 * Fills the target's data directory with a base backup of the writable server, as "Making a Base Backup Using the
 * Low Level API" says. The directory must be absent, empty or our own half copy (the caller has looked, and holds
 * the server's lock); it keeps `pgsite.incomplete` when this returns.
 *
 * Order: marker; start; files; control file (into memory); stop; WAL; label, tablespace map and what makes it a
 * standby; sync; control file last. So whatever a cut-off attempt leaves either has no control file and cannot
 * start, or starts as a standby.
 */
export async function byLowLevel(work: Work, copier: Copier): Promise<BaseBackupResult> {
  const { source, target, login, report, progress, signal } = work;
  const { server, host } = target;
  await waitForWriters(host, server);
  // By the source's clock, and before the backup begins: what changes from now on is copied again by a later attempt.
  const began = await clock(source.host);
  const backup = await beginBackup({ ...source, login, target: server.name, report, signal });
  const stop = AbortSignal.any([backup.lost, signal]);
  setMaxListeners(0, stop);
  try {
    const systemIdentifier = await checkSource(source, backup, server);
    const from = source.endpoint.dataDirectory;
    const found = await walk(source.host, from, stop);
    const known = await knownTablespaces(host, server);
    const tablespaces = tablespacesIn(found, source.host.machine === host.machine, server, known);
    const origin = { name: source.endpoint.name, dataDirectory: from, systemIdentifier };
    const marker = await newMarker(host, { source: origin, began, method: copier.method, tablespaces });
    const { earlier, standing } = await prepareTarget(host, server, marker);
    if (earlier !== undefined) report("an earlier copy was cut off here: what is proven unchanged since is kept");

    const resumes = earlier !== undefined;
    const version = backup.facts.version;
    const trees: Tree[] = [
      {
        from,
        to: server.dataDirectory,
        entries: wanted(found, backup.facts, report),
        present: resumes ? await presentIn(host, server.dataDirectory, standing, stop) : [],
        keep: [incompleteMarker],
      },
    ];
    for (const { location, to } of tablespaces) {
      const entries = await walk(source.host, location, stop);
      trees.push({
        from: location,
        to,
        entries: wantedInTablespace(entries, version, report),
        present: resumes && (await host.stat(to)) !== undefined ? await walk(host, to, stop) : [],
        keep: [],
      });
    }
    const common = { target: host, directories: server, copier, progress, signal: stop };
    const sum = (entries: readonly Entry[]) => entries.reduce((total, { size }) => total + size, 0);
    const needs = trees.map(({ from, to, entries, present }) => ({
      directory: to,
      bytes: sum(entries) - sum(present),
      ...(copier.method === "cp" ? { from } : {}),
    }));
    await refuseTooLittleSpace(host, needs);
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
    await linkTablespaces(host, server, tablespaces);
    await mapTablespaces(host, server, tablespaces);
    await host.writeFile(join(server.dataDirectory, "backup_label"), files.label);
    const groupRead = atLeast(version, "11") && (((await source.host.stat(from))?.mode ?? 0) & 0o040) !== 0;
    await finish({ host, server, tablespaces, standing, control, groupRead });
    return { systemIdentifier, method: copier.method, ...amounts };
  } finally {
    await backup.end();
  }
}

/** The files on disk must be those of the server that answers, of our version. Returns its system identifier. */
export async function checkSource(
  { endpoint, host }: BaseBackupOptions["source"],
  { facts }: Pick<RunningBackup, "facts">,
  server: Pick<Server, "name" | "version">,
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

function tablespacesIn(
  entries: readonly Entry[],
  sameMachine: boolean,
  server: KnownServer,
  known: Readonly<Record<string, string>>,
): readonly Tablespace[] {
  return entries.flatMap(({ type, path, link }) => {
    const oid = /^pg_tblspc\/(\d+)$/.exec(path)?.[1];
    return type !== "link" || oid === undefined ? [] : [tablespaceOf(oid, link, sameMachine, server, known)];
  });
}

/** What an earlier attempt left, and may be taken away; what stands where it is stays, with what others have there. */
async function presentIn(
  host: Host,
  dataDirectory: string,
  standing: readonly Standing[],
  signal: AbortSignal,
): Promise<readonly Entry[]> {
  const stands = new Set(standing.map(({ path }) => path));
  const present = (await walk(host, dataDirectory, signal)).filter(({ path }) => !stands.has(path));
  for (const one of standing) {
    if (one.leadsTo === undefined) continue;
    const inIt = (await walk(host, one.leadsTo, signal)).filter(({ path }) =>
      goesWithData(one, path.split("/")[0] ?? ""),
    );
    present.push(...inIt.map((entry) => ({ ...entry, path: join(one.path, entry.path) })));
  }
  return present;
}

/**
 * What of a walk of a data directory is to be copied. A folder whose content is not copied may be a link; no base backup of
 * any program brings what another link leads to. @throws where one leads to data
 */
export function wanted(
  entries: readonly Entry[],
  { version, logDirectory }: Pick<SourceFacts, "version" | "logDirectory">,
  report: (line: string) => void,
): readonly Entry[] {
  return entries.flatMap((entry): Entry[] => {
    const { path, type, link } = entry;
    if (isExcluded(path, version, logDirectory)) return [];
    if (type === "file" || type === "directory") return [entry];
    if (comesEmpty(path, version, logDirectory)) return [{ ...entry, type: "directory" }];
    if (path.startsWith("pg_tblspc/")) return [];
    if (type === "link" && isData(path)) {
      throw new Error(
        `${path} in the data directory is a link to ${link}, and no base backup brings what it leads to: with the server stopped, put that in the place of the link, or make it a tablespace`,
      );
    }
    report(`${path} is a link or special file and is left out of the copy`);
    return [];
  });
}

/** What of a tablespace is to be copied. */
export function wantedInTablespace(
  entries: readonly Entry[],
  version: Major,
  report: (line: string) => void,
): readonly Entry[] {
  return entries.filter(({ path, type }) => {
    if (isExcludedInTablespace(path, version)) return false;
    if (type === "file" || type === "directory") return true;
    report(`${path} is a link or special file and is left out of the copy`);
    return false;
  });
}

/** The content of the control file, read until it reads the same twice: the server may be writing it. */
export async function readControl(host: Host, dataDirectory: string): Promise<Buffer> {
  const path = controlFileOf(dataDirectory);
  let before = await host.readFile(path);
  for (let tries = 0; tries < 20 && before !== undefined; tries += 1) {
    const now = await host.readFile(path);
    if (now?.equals(before) === true) return now;
    before = now;
  }
  throw new Error(`${path} on ${host.name} cannot be read`);
}

export async function linkTablespaces(
  host: Host,
  server: KnownServer,
  tablespaces: readonly Tablespace[],
): Promise<void> {
  for (const { oid, to } of tablespaces) {
    const link = join(server.dataDirectory, "pg_tblspc", oid);
    const { code, stderr } = await host.run(["ln", "-sfn", "--", to, link]);
    if (code !== 0) throw new Error(`the link of tablespace ${oid} cannot be made on ${host.name}: ${stderr.trim()}`);
  }
}

/** Recovery makes the links again from the map, which knows the source's folders: so the map says ours. */
export async function mapTablespaces(
  host: Host,
  server: KnownServer,
  tablespaces: readonly Tablespace[],
): Promise<void> {
  if (tablespaces.length === 0 || !atLeast(server.version, "9.5")) return;
  const escaped = (path: string) => path.replace(/[\\\n\r]/g, (character) => `\\${character}`);
  const map = tablespaces.map(({ oid, to }) => `${oid} ${escaped(to)}\n`).join("");
  await host.writeFile(join(server.dataDirectory, "tablespace_map"), map);
}

async function clock(host: Host): Promise<number> {
  const { stdout } = await host.run(["date", "+%s"]);
  return Number(stdout.trim());
}
