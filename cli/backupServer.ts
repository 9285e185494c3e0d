import type { Server } from "../config/site.js";
import { serversWithJobs } from "../servers/backups/runs.js";
import { statusOf } from "../servers/status/status.js";
import { type LoadedSite, loadSites } from "./load.js";

/** The server whose programs a command about backups runs, with its site. */
export interface BackupServer extends LoadedSite {
  readonly server: Server;
}

/**
 * Finds it: the one that is named; else the only one that has the programs; else `preferred`, or the one of them that takes writes now.
 * @throws with the names that there are
 */
export async function backupServer(
  { server: name, stack }: { readonly server?: string; readonly stack?: readonly string[] },
  preferred: (loaded: LoadedSite) => string | undefined = () => undefined,
): Promise<BackupServer> {
  const all = (await loadSites(stack)).flatMap((loaded) =>
    serversWithJobs(loaded.site).map((server) => ({ ...loaded, server })),
  );
  if (all.length === 0) throw new Error("no stack here declares backups (backups: in the stack file)");
  const names = all.map(({ server }) => server.name).join(", ");
  if (name !== undefined) {
    const found = all.find(({ server }) => server.name === name);
    if (found === undefined) throw new Error(`${name} has no programs of backups; there are those of ${names}`);
    return found;
  }
  const [only] = all;
  if (all.length === 1 && only !== undefined) return only;
  const wanted = all.filter((one) => preferred(one) === one.server.name);
  const chosen = wanted.length > 0 ? wanted : await takingWrites(all);
  const [first] = chosen;
  if (first === undefined || chosen.length > 1) throw new Error(`name a server (--server): there are ${names}`);
  return first;
}

async function takingWrites(all: readonly BackupServer[]): Promise<readonly BackupServer[]> {
  const sites = new Map(all.map((one) => [one.site, one]));
  const rows = (await Promise.all([...sites.values()].map((loaded) => statusOf(loaded)))).flat();
  const names = rows.filter(({ state }) => state === "read-write").map((row) => row.name);
  return all.filter(({ server }) => names.includes(server.name));
}
