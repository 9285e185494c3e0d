import { noSchedule } from "../../config/schema/jobs.js";
import type { BackupCopy, Backups, Server, Site } from "../../config/site.js";
import { defined } from "../../postgres/defined.js";
import { heldName, jobFacts } from "../jobs/facts.js";
import type { JobSet } from "../jobs/kinds.js";
import type { JobTimes } from "../jobs/scheduled.js";
import type { BackupFacts, BackupPlace } from "./render.js";

/** By server: what its host needs to make backups, or to try them. */
export function backupJobs(site: Site): Readonly<Record<string, JobSet & { readonly kind: "backups" }>> {
  const { backups } = site;
  if (backups === undefined) return {};
  const sets = site.servers.flatMap((server) => {
    if (server.lost !== undefined) return [];
    const folder = backups.folders[server.name] ?? folderOfDrill(backups, server);
    if (folder === undefined) return [];
    const facts = factsOf(site, backups, server, folder);
    return [[server.name, { kind: "backups" as const, facts, times: timesOf(backups, server) }] as const];
  });
  return Object.fromEntries(sets);
}

/** A copy's, on the host of a server that makes no backups and tries them. */
function folderOfDrill({ drill, copies }: Backups, { name }: Server): string | undefined {
  return drill?.server === name ? copies.find(({ server }) => server === name)?.folder : undefined;
}

function timesOf({ schedule, timeZone, folders, drill }: Backups, { name }: Server): readonly JobTimes[] {
  const isMade = folders[name] !== undefined;
  const isTried = drill !== undefined && (drill.server === undefined ? isMade : drill.server === name);
  const at = (program: string, cron: string) =>
    cron === noSchedule ? [] : [{ program, cron, ...defined({ zone: timeZone }) }];
  return [...(isMade ? at("backup", schedule) : []), ...(isTried ? at("drill", drill.schedule) : [])];
}

function factsOf(site: Site, backups: Backups, server: Server, folder: string): BackupFacts {
  const { role, databases, jobs, lockWait, keep, nice, ionice, rateLimit, compression, copies } = backups;
  return {
    job: jobFacts(site, server),
    folder,
    role,
    databases: Object.fromEntries(
      Object.entries(databases).map(([name, { large, ...rules }]) => [name, { ...rules, ...defined({ large }) }]),
    ),
    jobs,
    lockWait,
    keep,
    nice,
    ...defined({ ionice, rateLimit, compression }),
    places: copies.flatMap((copy) => placeOf(copy, server)),
    ...heldBy(backups, server, folder),
  };
}

/** Where other servers bring their runs. */
function heldBy({ copies }: Backups, { name }: Server, own: string): Pick<BackupFacts, "held"> {
  const held = copies
    .filter(({ server }) => server === name)
    .map(({ folder }, index) => ({ name: heldName(index), folder }))
    .filter(({ folder }) => folder !== own);
  return held.length === 0 ? {} : { held };
}

/** A copy as a server's host reaches it; none on the host of a server for that server's own runs, which lie there already. */
function placeOf(copy: BackupCopy, server: Server): readonly BackupPlace[] {
  const { host, folder, port, key, rolePasswords } = copy;
  if (copy.server === server.name) return [];
  const isHere = host === undefined || host.name === server.host.name || host.transport === "local";
  return [
    {
      name: copy.server ?? host?.name ?? server.host.name,
      folder,
      foreign: !rolePasswords,
      ...(isHere ? {} : { ssh: { user: host.user, address: host.address, ...defined({ port, key }) } }),
    },
  ];
}
