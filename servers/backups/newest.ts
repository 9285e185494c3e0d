import type { Site } from "../../config/site.js";
import type { Host } from "../../hosts/host.js";
import { hostOf } from "../../hosts/index.js";
import { backupJobs } from "../../installed/backups/facts.js";
import type { BackupFacts } from "../../installed/backups/render.js";
import { defined } from "../../postgres/defined.js";

/** Names of runs, which are their starts in UTC: `20261129T110200Z`. */
export interface NewestRuns {
  /** @default there is none */
  readonly whole?: string;
  /** That a drill has found equal. @default there is none */
  readonly verified?: string;
}

const runName = /^\d{8}T\d{6}Z$/;

/** The newest runs in the folders of a host that its programs know: two looks a folder, and one a run. */
export async function newestRuns(host: Host, { folder, held = [] }: BackupFacts): Promise<NewestRuns> {
  const folders = [folder, ...held.map((place) => place.folder)];
  return newestOf(await Promise.all(folders.map((one) => newestIn(host, one))));
}

async function newestIn(host: Host, folder: string): Promise<NewestRuns> {
  const names = ((await host.list(folder)) ?? []).filter((name) => runName.test(name));
  const verified = await Promise.all(
    names.map(async (name) => ((await host.stat(`${folder}/${name}/verified`)) === undefined ? [] : [name])),
  );
  return defined({ whole: names.sort().at(-1), verified: verified.flat().sort().at(-1) });
}

/** The newest of several places. */
export function newestOf(found: readonly NewestRuns[]): NewestRuns {
  const newest = (part: keyof NewestRuns) =>
    found
      .flatMap((one) => one[part] ?? [])
      .sort()
      .at(-1);
  return defined({ whole: newest("whole"), verified: newest("verified") });
}

/** The newest runs on all hosts of a stack that can be asked; undefined where it declares no backups, or nobody answers. */
export async function newestOfSite(site: Site): Promise<NewestRuns | undefined> {
  const asked = Object.entries(backupJobs(site)).map(async ([name, { facts }]) => {
    const server = site.servers.find((one) => one.name === name);
    if (server === undefined) return [];
    return newestRuns(hostOf(server.host), facts).then(
      (found) => [found],
      () => [],
    );
  });
  const found = (await Promise.all(asked)).flat();
  return found.length === 0 ? undefined : newestOf(found);
}

/** When a run began, in milliseconds since 1970. */
export function startOfRun(name: string): number {
  return Date.parse(name.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, "$1-$2-$3T$4:$5:$6Z"));
}
