import { type ClientProgram, clientPrograms, type JobNeed } from "../config/hostPrograms.js";
import { noSchedule } from "../config/schema/jobs.js";
import type { Backups, Server, Site } from "../config/site.js";
import type { HostSpec } from "../hosts/host.js";
import { defined } from "../postgres/defined.js";

/** What a server's backups and watch ask of its host, whatever its role is at that time. */
export interface JobsRequest {
  /** Sorted; `cron` is known on the host alone. */
  readonly needs: readonly JobNeed[];
  /** What they take of PostgreSQL's own programs. */
  readonly clients: readonly ClientProgram[];
  /** What runs by itself. */
  readonly times: readonly JobTimes[];
  /** Where runs lie, the server's own and copies: the OS user's, and made where they are missing. */
  readonly folders: readonly JobFolder[];
  /** The folder of another program's that the watch writes into. */
  readonly metrics?: string;
}

export interface JobTimes {
  readonly program: "backup" | "drill" | "watch";
  /** Of its key in the stack file, which has `schedule` and `timeZone`. */
  readonly key: string;
  readonly cron: string;
  /** @default the host's own */
  readonly zone?: string;
}

export interface JobFolder {
  readonly path: string;
  /** In the stack file. */
  readonly key: string;
}

/** Whether a copy lies on the server's own machine. */
function isHere(host: HostSpec, server: Server): boolean {
  return host.name === server.host.name || host.transport === "local";
}

/** Nothing where nothing runs there. */
export function jobsOf(site: Site, server: Server): { readonly jobs?: JobsRequest } {
  const { backups, watch } = site;
  const makes = backups !== undefined && server.name in backups.folders;
  const drills = backups?.drill !== undefined && (backups.drill.server ?? (makes && server.name)) === server.name;
  const restores = makes || drills;
  const folders = backups === undefined ? [] : foldersOf(backups, server, makes);
  if (!restores && folders.length === 0 && watch === undefined) return {};
  const copies = makes ? backups.copies : [];
  const needs: readonly (readonly [JobNeed, boolean])[] = [
    ["backups", restores],
    ["copies", copies.length > 0 || folders.some(({ key }) => key !== ownFolder)],
    ["ionice", makes && backups.ionice !== undefined],
    ["jobs", true],
    ["rateLimit", makes && backups.rateLimit !== undefined],
    ["ssh", copies.some(({ host }) => host !== undefined && !isHere(host, server))],
  ];
  const jobs = {
    needs: needs.flatMap(([need, is]) => (is ? [need] : [])),
    clients: restores ? clientPrograms : watch === undefined ? [] : (["psql"] as const),
    times: [
      ...(makes ? timesOf("backup", "backups", backups.schedule, backups.timeZone) : []),
      ...(drills ? timesOf("drill", "backups.drill", backups?.drill?.schedule, backups?.timeZone) : []),
      ...(watch === undefined ? [] : timesOf("watch", "watch", watch.schedule, watch.timeZone)),
    ],
    folders,
    ...defined({ metrics: watch?.metrics }),
  };
  return { jobs };
}

const ownFolder = "backups.folder";

function foldersOf({ folders, copies }: Backups, { name, host }: Server, makes: boolean): readonly JobFolder[] {
  const own = folders[name];
  const kept = copies.flatMap(({ server, host: at, folder }, index): JobFolder[] => {
    const isHere = server === name || (at === undefined && makes);
    // Of another OS user's folders nothing is known here.
    const isOurs = at === undefined || at.user === host.user;
    return isHere && isOurs ? [{ path: folder, key: `backups.copies[${index}].folder` }] : [];
  });
  return [...(own === undefined ? [] : [{ path: own, key: ownFolder }]), ...kept];
}

function timesOf(
  program: JobTimes["program"],
  key: string,
  cron: string | undefined,
  zone: string | undefined,
): readonly JobTimes[] {
  return cron === undefined || cron === noSchedule ? [] : [{ program, key, cron, ...defined({ zone }) }];
}
