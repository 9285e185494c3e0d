import { controlPath, upgradePath, versionDirectory } from "../../config/controlDirectory.js";
import type { KnownServer, Server } from "../../config/site.js";
import type { Host } from "../../hosts/host.js";
import { hostOf } from "../../hosts/index.js";
import { quote } from "../../hosts/quote.js";
import { must } from "../../installed/must.js";
import { findManager, installService, readService, takesRoot } from "../../installed/service/manager.js";
import { serviceFacts } from "../../installed/service/of.js";
import { type Major, numberOf } from "../../postgres/versions.js";
import { readIdentity, writeIdentity } from "../data/dataDirectory.js";
import { rename } from "../data/places.js";
import type { Journal } from "./journal.js";

/** The server as it ran before, for whoever stops and starts it. */
export function asBefore(server: Server, { from, programs, settings }: Journal): Server {
  const port = Number(settings.port ?? server.port);
  return { ...server, version: from, binDirectory: programs.old, settings, port };
}

/** As it runs from now on. */
export function asAfter(server: Server, { to, programs }: Journal): Server {
  return { ...server, version: to, binDirectory: programs.new };
}

/**
 * The new cluster takes the place of the old one, which takes another name. Each rename is done if its source is there, so that
 * this goes on wherever it was cut off; identity.json knows both clusters from before the first to after the last.
 */
export async function switchOver(host: Host, server: Server, journal: Journal): Promise<void> {
  const { dataDirectory } = server;
  const kept = versionDirectory(dataDirectory, journal.from);
  await identify(host, server, journal, "both");
  const made = upgradePath(server, "new");
  if ((await host.stat(made)) !== undefined) {
    if ((await host.stat(kept)) === undefined) await rename(host, server, dataDirectory, kept);
    await rename(host, server, made, dataDirectory);
  }
  const { configurationDirectory: folder } = server;
  if (folder !== undefined) {
    const [next, before] = [upgradePath(server, "configuration"), upgradePath(server, "configurationBefore")];
    if ((await host.stat(next)) !== undefined) {
      await must(host, ["sh", "-c", exchanging, "sh", folder, next, before], { timeout: 600_000 });
    }
  }
  await point(host, server, journal, "new");
  await identify(host, server, journal, "new");
}

/** Backwards: the old cluster is where it was. @param aside where the new one goes */
export async function switchBack(host: Host, server: Server, journal: Journal, aside: string): Promise<void> {
  const { dataDirectory } = server;
  const kept = versionDirectory(dataDirectory, journal.from);
  await identify(host, server, journal, "both");
  if ((await host.stat(kept)) !== undefined) {
    if ((await host.stat(dataDirectory)) !== undefined) await rename(host, server, dataDirectory, aside);
    await rename(host, server, kept, dataDirectory);
  }
  const { configurationDirectory: folder } = server;
  const before = upgradePath(server, "configurationBefore");
  if (folder !== undefined && (await host.stat(before)) !== undefined) {
    await must(host, ["sh", "-c", bringingBack, "sh", folder, before], { timeout: 600_000 });
  }
  await point(host, server, journal, "old");
  await identify(host, server, journal, "old");
}

/** What the folder has is kept whole before any of the new is put over it. */
const exchanging = `
set -e
folder=$1 next=$2 before=$3
if [ ! -d "$before" ]; then
  rm -rf -- "$before.half"
  cp -a -- "$folder" "$before.half"
  sync -f "$before.half"
  mv -T -- "$before.half" "$before"
fi
cp -a -- "$next/." "$folder/"
sync -f "$folder"
rm -rf -- "$next"
`;

const bringingBack = `
set -e
folder=$1 before=$2
find "$folder" -mindepth 1 -maxdepth 1 -exec rm -rf -- {} +
cp -a -- "$before/." "$folder/"
sync -f "$folder"
rm -rf -- "$before"
`;

/** Which cluster is ours in the data directory: identity.json says it. */
export async function identify(
  host: Host,
  server: Server,
  journal: Journal,
  which: "old" | "both" | "new",
): Promise<void> {
  const { site, from, systemIdentifiers: identifiers } = journal;
  const stack = (await readIdentity(host, server))?.stack;
  const identity = { site, server: server.name, ...(stack === undefined ? {} : { stack }) };
  if (which === "old" || identifiers.new === undefined) {
    await writeIdentity(host, server, { ...identity, systemIdentifier: identifiers.old });
    return;
  }
  const switching = which === "both" ? ({ switching: true } as const) : {};
  const upgradedFrom = { version: from, systemIdentifier: identifiers.old, ...switching };
  await writeIdentity(host, server, { ...identity, systemIdentifier: identifiers.new, upgradedFrom });
}

/** What starts the server, and the guard of every start, are led to the programs of the version whose data are there. */
export async function point(host: Host, server: Server, journal: Journal, which: "old" | "new"): Promise<void> {
  const { programs, from, to, site } = journal;
  const [folder, version] = which === "old" ? [programs.old, from] : [programs.new, to];
  await pointService(host, site, { ...server, binDirectory: folder });
  await pointGuard(host, server, folder, version);
}

/** The service that pgsite made starts these programs. One that is not there yet is the resource's to make; others' are left. */
async function pointService(host: Host, site: string, server: Server): Promise<void> {
  const { service, host: spec } = server;
  if (service === undefined || service.manager === "none") return;
  const facts = serviceFacts(site, server);
  const found = service.manager === "auto" ? await findManager(host) : service.manager;
  // Without root it is cron that starts the server.
  for (const manager of service.manager === "auto" ? ([found, "crontab"] as const) : [found]) {
    if (manager === "none") continue;
    const there = await readService(host, manager, facts);
    if (there.maker !== "pgsite") continue;
    const whose = takesRoot(manager) ? hostOf({ ...spec, user: "root" }) : host;
    await installService(whose, manager, facts, there);
    return;
  }
}

/** Two lines of what the runbook's scripts know: its resource renders all of them anew, later in the same `up`. */
async function pointGuard(
  host: Host,
  server: Pick<KnownServer, "controlDirectory">,
  folder: string,
  version: Major,
): Promise<void> {
  const path = `${controlPath(server, "runbook")}/settings`;
  const text = (await host.readFile(path))?.toString("utf8");
  if (text === undefined) return;
  const now = text
    .replace(/^bin=.*$/m, () => `bin=${quote(folder)}`)
    .replace(/^number=.*$/m, () => `number=${quote(`${numberOf(version)}`)}`);
  if (now !== text) await host.writeFile(path, now, { mode: 0o600 });
}
