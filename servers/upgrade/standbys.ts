import { dirname, join } from "node:path";
import { versionDirectory } from "../../config/controlDirectory.js";
import type { Server } from "../../config/site.js";
import type { Host } from "../../hosts/host.js";
import { hostOf } from "../../hosts/index.js";
import { must } from "../../installed/must.js";
import { type Major, majorOf } from "../../postgres/versions.js";
import { readIdentity } from "../data/dataDirectory.js";
import { withLock } from "../data/lock.js";
import { makeInPlace, removeFolder, rename } from "../data/places.js";
import { stopServer } from "../process/stop.js";
import { type Journal, readJournal, writeJournal } from "./journal.js";
import { versionFolders } from "./prepare.js";
import { asBefore, identify, point } from "./switch.js";

/**
 * Stops a standby and gives its data another name: they are of the cluster that its primary was, and nothing brings them to the new
 * one. identity.json stays, so that whoever seeds finds a place of ours without data. Done again, it does what is left to do.
 * @returns whether there was something to set aside
 */
export async function setAside(server: Server, primary: Journal): Promise<boolean> {
  const host = hostOf(server.host);
  return withLock(host, server, `setting the data of ${primary.from} aside on ${server.name}`, async () => {
    const { dataDirectory } = server;
    const version = await versionIn(host, dataDirectory);
    if (version !== undefined && version !== primary.from) return false;
    const before = await readJournal(host, server);
    if (version === undefined && before === undefined) return false;
    const identity = await readIdentity(host, server);
    if (before === undefined && identity === undefined) return false;
    const tablespaces = before?.tablespacesAside ?? (await tablespacesOf(host, dataDirectory, primary.from));
    const journal: Journal = before ?? {
      ...primary,
      server: server.name,
      role: "standby",
      phase: "stopped",
      systemIdentifiers: { old: primary.systemIdentifiers.old },
      times: { begun: new Date().toISOString() },
      tablespaces: Object.keys(tablespaces),
      tablespacesAside: tablespaces,
      plan: undefined,
      since: undefined,
      after: [],
      standbys: [],
    };
    if (journal.phase === "done") return false;
    await writeJournal(host, server, journal);
    await stopServer(host, asBefore(server, journal), { mayCrash: true });
    const kept = versionDirectory(dataDirectory, journal.from);
    if ((await host.stat(dataDirectory)) !== undefined && (await host.stat(kept)) === undefined) {
      await rename(host, server, dataDirectory, kept);
    }
    await makeInPlace(host, server, dataDirectory);
    // A new copy wants an empty folder for each tablespace.
    for (const [folder, aside] of Object.entries(journal.tablespacesAside ?? {})) {
      await moveTablespace(host, { from: folder, to: aside, version: journal.from, links: join(kept, "pg_tblspc") });
    }
    await point(host, server, journal, "new");
    const times = { ...journal.times, done: new Date().toISOString() };
    await writeJournal(host, server, { ...journal, phase: "done", times });
    return true;
  });
}

/** Undefined where there are no data. */
export async function versionIn(host: Host, dataDirectory: string): Promise<Major | undefined> {
  const text = (await host.readFile(join(dataDirectory, "PG_VERSION")))?.toString("utf8");
  return text === undefined ? undefined : majorOf(text);
}

/** By folder: where what the version has there goes, beside it. */
async function tablespacesOf(
  host: Host,
  dataDirectory: string,
  version: Major,
): Promise<Readonly<Record<string, string>>> {
  const links = join(dataDirectory, "pg_tblspc");
  const names = ((await host.list(links)) ?? []).filter((name) => /^\d+$/.test(name));
  const folders = await Promise.all(names.map((name) => host.realPath(join(links, name))));
  const known = folders.filter((folder): folder is string => folder !== undefined && !folder.startsWith(links));
  return Object.fromEntries(known.map((folder) => [folder, versionDirectory(folder, version)]));
}

/** Moves what a version has in a tablespace's folder, and leads the links of its data there. */
export async function moveTablespace(
  host: Host,
  {
    from,
    to,
    version,
    links,
  }: { readonly from: string; readonly to: string; readonly version: Major; readonly links: string },
): Promise<void> {
  for (const folder of await versionFolders(host, from, version)) {
    await host.makeDirectory(to).catch((error: Error) => {
      throw new Error(
        `${to} on ${host.name}, for the tablespace's data of ${version}, cannot be made (${error.message}): make it as root (install -d -o ${host.user} -m 0700 ${to})`,
      );
    });
    await must(host, ["mv", "-t", to, "--", folder], { timeout: 600_000 });
  }
  await must(host, ["sh", "-c", leading, "sh", links, from, to]);
}

const leading = `
for link in "$1"/*; do
  [ -h "$link" ] || continue
  [ "$(readlink "$link")" = "$2" ] || continue
  ln -s -- "$3" "$link.new" && mv -T -- "$link.new" "$link" || exit 1
done
`;

/**
 * The standby as it was. Where it has been seeded anew meanwhile, from the primary that had gone back already, it stays so, and what
 * was set aside is of no use.
 */
export async function putBack(host: Host, server: Server, journal: Journal): Promise<void> {
  const { dataDirectory } = server;
  const kept = versionDirectory(dataDirectory, journal.from);
  const isThere = (await versionIn(host, dataDirectory)) === journal.from;
  if (isThere) {
    await removeFolder(host, server, kept);
    for (const path of Object.values(journal.tablespacesAside ?? {})) await host.remove(path);
  } else if ((await host.stat(kept)) !== undefined) {
    if ((await host.stat(dataDirectory)) !== undefined) {
      const newer = versionDirectory(dataDirectory, journal.to);
      await removeFolder(host, server, newer);
      await rename(host, server, dataDirectory, newer);
    }
    for (const [folder, aside] of Object.entries(journal.tablespacesAside ?? {})) {
      await host.makeDirectory(dirname(folder), 0o755);
      await host.makeDirectory(folder);
      await moveTablespace(host, { from: aside, to: folder, version: journal.from, links: join(kept, "pg_tblspc") });
      await host.run(["rmdir", "--", aside]);
    }
    await rename(host, server, kept, dataDirectory);
  }
  await point(host, server, journal, "old");
  // A copy of the new primary has that one's system identifier.
  await identify(host, server, journal, "old");
}
