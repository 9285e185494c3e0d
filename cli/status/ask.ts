import type { Server } from "../../config/site.js";
import { hostOf } from "../../hosts/index.js";
import { type NewestRuns, newestOfSite } from "../../servers/backups/newest.js";
import { keptOf } from "../../servers/rejoin/aside.js";
import { rowsOf, type StatusRow } from "../../servers/status/report.js";
import { reportOn } from "../../servers/status/status.js";
import type { LoadedSite } from "../load.js";
import type { StackReport } from "./topology.js";

/** All that `pgsite status` shows, of one look at the servers. */
export interface Answers {
  readonly stacks: readonly StackReport[];
  readonly kept: readonly Kept[];
  readonly backups: readonly StackBackups[];
}

/** What a server had alone when it rejoined the others, and where. */
export interface Kept {
  readonly server: string;
  readonly host: string;
  readonly directory: string;
}

/** How old a stack's backups are. */
export interface StackBackups extends NewestRuns {
  readonly stack: string;
}

/** Asks every server once, all at the same time. */
export async function askAll(sites: readonly LoadedSite[]): Promise<Answers> {
  const [stacks, kept, backups] = await Promise.all([
    Promise.all(sites.map(async (loaded) => ({ site: loaded.site, report: await reportOn(loaded) }))),
    Promise.all(sites.flatMap(({ site }) => site.servers.map(keptBy))).then((all) => all.flat()),
    Promise.all(sites.map(backupsOf)).then((all) => all.flat()),
  ]);
  return { stacks, kept, backups };
}

/** The servers of all stacks, in the order in which these were named. */
export function rowsIn({ stacks }: Pick<Answers, "stacks">): readonly StatusRow[] {
  return stacks.flatMap(({ report }) => rowsOf(report));
}

async function backupsOf({ site }: LoadedSite): Promise<readonly StackBackups[]> {
  const newest = await newestOfSite(site);
  return newest === undefined ? [] : [{ stack: site.stack, ...newest }];
}

/** Nothing where its host cannot be asked: that is said of its state. */
async function keptBy({ name, host: spec, dataDirectory }: Server): Promise<readonly Kept[]> {
  const found = await keptOf(hostOf(spec), { dataDirectory }).catch(() => []);
  return found.map((directory) => ({ server: name, host: spec.name, directory }));
}
