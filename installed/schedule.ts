import { inZoneOfHost, zoneOfHost } from "../config/zone.js";
import type { Host } from "../hosts/host.js";
import { declaredFiles, installFiles, type LeftFile, ownFiles, readFiles, removeFiles } from "./folder.js";
import { compare, type FileDifference, factsOf, type Listing } from "./listing.js";
import { must } from "./must.js";
import { blockIn, blockOf, withBlock } from "./schedule/crontab.js";
import { ScheduleRefused } from "./schedule/problems.js";
import { type Schedule, type Scheduler, scheduleFiles } from "./schedule/render.js";

/** A host as the user of a schedule, and as root if we may be that there. */
export interface ScheduleHosts {
  readonly host: Host;
  readonly root?: Host | undefined;
}

/** A schedule as it is on its host. */
export interface FoundSchedule {
  /** Its files, or its block of a crontab as a file of the user's. */
  readonly files: Listing;
  /** Whether its timer begins with the machine; of cron, which reads all files there are, always. */
  readonly enabled: boolean;
  /** Whether its timer runs now, or cron does. */
  readonly runs: boolean;
}

export type ScheduleDifference =
  | FileDifference
  /** Its timer does not begin with the machine. */
  | { readonly kind: "disabled" }
  /** Nobody runs it: its timer was stopped, or no cron runs there, which pgsite starts on no host. */
  | { readonly kind: "stopped"; readonly scheduler: Scheduler };

/** Who can run a schedule there; undefined where nobody can, which whoever asks has to say. */
export async function findScheduler({ host, root }: ScheduleHosts): Promise<Scheduler | undefined> {
  const isFolder = async (path: string) => (await host.stat(path))?.type === "directory";
  if (root !== undefined && (await isFolder("/run/systemd/system"))) return "systemd";
  if (root !== undefined && (await isFolder("/etc/cron.d"))) return "cron.d";
  return (await host.run(["sh", "-c", "command -v crontab"])).code === 0 ? "crontab" : undefined;
}

/**
 * A schedule as its host says it: times of another zone in the zone of its clock, where a cron runs it.
 * @throws ScheduleRefused where that cannot say them
 */
export async function hostTimes(host: Host, scheduler: Scheduler, schedule: Schedule): Promise<Schedule> {
  const { when } = schedule;
  if (scheduler === "systemd" || !("cron" in when) || when.zone === undefined) return schedule;
  const said = inZoneOfHost(when.cron, when.zone, await zoneOf(host));
  if ("problem" in said) throw new ScheduleRefused(schedule.name, [{ code: "zone", problem: said.problem }]);
  return { ...schedule, when: { cron: said.cron } };
}

async function zoneOf(host: Host): Promise<string | undefined> {
  const [localtime, timezone] = await Promise.all([host.realPath("/etc/localtime"), host.readFile("/etc/timezone")]);
  return zoneOfHost(localtime, timezone?.toString("utf8"));
}

/** @throws ScheduleRefused */
export function declaredSchedule(scheduler: Scheduler, schedule: Schedule): FoundSchedule {
  const files =
    scheduler === "crontab"
      ? blockFacts(schedule, blockOf(schedule))
      : declaredFiles(scheduleFiles(scheduler, schedule));
  return { files, enabled: true, runs: true };
}

export async function readSchedule(
  hosts: ScheduleHosts,
  scheduler: Scheduler,
  schedule: Schedule,
): Promise<FoundSchedule> {
  // Whatever mode somebody gave them.
  const { host, root } = hosts;
  if (scheduler !== "systemd") {
    const files =
      scheduler === "cron.d"
        ? readFiles(root ?? host, scheduleFiles(scheduler, schedule))
        : readCrontab(host).then((crontab) => blockFacts(schedule, blockIn(crontab, schedule.name)));
    const [found, runs] = await Promise.all([files, cronRuns(host)]);
    return { files: found, enabled: true, runs };
  }
  const timer = `${schedule.name}.timer`;
  const [files, wanted, active] = await Promise.all([
    readFiles(root ?? host, scheduleFiles(scheduler, schedule)),
    host.list("/etc/systemd/system/timers.target.wants"),
    host.run(["systemctl", "is-active", timer]),
  ]);
  return { files, enabled: wanted?.includes(timer) === true, runs: active.stdout.trim() === "active" };
}

export function compareSchedule(
  scheduler: Scheduler,
  shall: FoundSchedule,
  is: FoundSchedule,
): readonly ScheduleDifference[] {
  return [
    ...compare(shall.files, is.files),
    ...(is.enabled ? [] : [{ kind: "disabled" } as const]),
    ...(is.runs ? [] : [{ kind: "stopped", scheduler } as const]),
  ];
}

/** Puts a schedule on its host, in force from then on. It runs nothing at once. @throws ScheduleRefused */
export async function installSchedule(hosts: ScheduleHosts, scheduler: Scheduler, schedule: Schedule): Promise<void> {
  if (scheduler === "crontab") {
    await writeCrontab(hosts.host, schedule.name, blockOf(schedule));
    return;
  }
  const root = rootOf(hosts, schedule);
  await installFiles(root, scheduleFiles(scheduler, schedule));
  if (scheduler !== "systemd") return;
  await must(root, ["systemctl", "daemon-reload"]);
  await must(root, ["systemctl", "enable", `${schedule.name}.timer`]);
  // One that runs goes by its new times only then; its service, if that runs, is left alone.
  await must(root, ["systemctl", "restart", `${schedule.name}.timer`]);
}

/** Takes a schedule away; a program that it has started goes on to its end. @returns what is left, since it has not our mark */
export async function removeSchedule(
  hosts: ScheduleHosts,
  scheduler: Scheduler,
  schedule: Schedule,
): Promise<readonly LeftFile[]> {
  if (scheduler === "crontab") {
    await writeCrontab(hosts.host, schedule.name, undefined);
    return [];
  }
  const [root, set] = [rootOf(hosts, schedule), scheduleFiles(scheduler, schedule)];
  const timer = `${schedule.name}.timer`;
  if ((await ownFiles(root, set)).includes(timer)) await must(root, ["systemctl", "disable", "--now", timer]);
  const left = await removeFiles(root, set);
  if (scheduler === "systemd") await must(root, ["systemctl", "daemon-reload"]);
  return left;
}

function rootOf({ host, root }: ScheduleHosts, { name }: Schedule): Host {
  if (root === undefined) throw new Error(`the schedule ${name} on ${host.name} takes root, which we may not be there`);
  return root;
}

function blockFacts({ name, user }: Schedule, block: string | undefined): Listing {
  return new Map(block === undefined ? [] : [[name, factsOf({ mode: 0o600, owner: user }, block)]]);
}

async function readCrontab(host: Host): Promise<string> {
  const { code, stdout, stderr } = await host.run(["crontab", "-l"]);
  if (code === 0) return stdout;
  if (/no crontab for/.test(stderr)) return "";
  throw new Error(
    `the crontab of ${host.user} on ${host.name} cannot be read: ${stderr.trim() || `exit code ${code}`}`,
  );
}

async function writeCrontab(host: Host, name: string, block: string | undefined): Promise<void> {
  const before = await readCrontab(host);
  const after = withBlock(before, name, block);
  if (after === before) return;
  await must(host, ["crontab", ...(after === "" ? ["-r"] : ["-"])], { input: after });
}

/** By the names of what runs there; needs no program but the shell. */
async function cronRuns(host: Host): Promise<boolean> {
  const script =
    'for file in /proc/[0-9]*/comm; do read -r name <"$file" && case $name in cron | crond) exit 0 ;; esac; done 2>/dev/null; exit 1';
  return (await host.run(["sh", "-c", script])).code === 0;
}
