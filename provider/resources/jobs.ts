import { controlPath } from "../../config/controlDirectory.js";
import type { HostSpec } from "../../hosts/host.js";
import { declaredFiles, installFiles, type LeftFile, readFiles, removeFiles } from "../../installed/folder.js";
import { type JobSet, jobFiles, jobFolder, runsOf, schedulesOf } from "../../installed/jobs/kinds.js";
import { listingText } from "../../installed/listing.js";
import { fileDifferences } from "../../installed/listingDifferences.js";
import type { Schedule, Scheduler } from "../../installed/schedule/render.js";
import {
  compareSchedule,
  declaredSchedule,
  findScheduler,
  hostTimes,
  installSchedule,
  readSchedule,
  removeSchedule,
  type ScheduleDifference,
  type ScheduleHosts,
} from "../../installed/schedule.js";
import type { Difference } from "../../postgres/differences.js";
import { type NewestRuns, newestOf, newestRuns } from "../../servers/backups/newest.js";
import { scheduleHosts } from "../../servers/process/scheduleHosts.js";
import type { Context } from "../../servers/rollout/reporter.js";
import { hostOf } from "../../servers/status/look.js";
import { isUpgraded } from "../../servers/upgrade/planned.js";
import { newestInWords } from "../../servers/words/backups.js";
import type { ResourceType } from "../protocol/resource.js";
import { say } from "../protocol/say.js";
import { type ByServer, ofEach, present, whyLeft } from "./byServer.js";
import { scheduleDifference } from "./schedules.js";

interface ServerJobs {
  readonly host: HostSpec;
  readonly set: JobSet;
}

export interface JobsArgs {
  readonly site: string;
  /** What they are: `backups`, `watch`. */
  readonly what: string;
  readonly servers: ByServer<ServerJobs>;
}

/** By the name of a schedule: what of it is not as declared. */
type Found = Readonly<Record<string, readonly ScheduleDifference[]>>;

export interface JobsState extends JobsArgs {
  /** Of each server's folder of programs, a line a file: mode, owner and hash of the content. */
  readonly installed: ByServer<string>;
  /** By server: schedules that are not as declared. */
  readonly schedules: ByServer<Found>;
  /** By server: who runs them; not there before they were put anywhere. */
  readonly __schedulers?: ByServer<Scheduler>;
  /** Of backups: the newest runs on the hosts of the stack. No difference by itself. */
  readonly __newest?: NewestRuns;
}

/**
 * What the hosts of a stack run at given times: programs in a folder of ours, and a schedule for each that runs by itself. They are
 * written after the rollout, when what is declared is in force.
 */
export const jobs: ResourceType<JobsArgs, JobsState> = {
  token: "pgsite:index:Jobs",
  packed: ["servers", "installed", "schedules"],
  manner: ["__schedulers", "__newest"],

  id: ({ site, what }) => `${site}/${what}`,

  async check(context, args, actual) {
    const installed = await ofEach(args.servers, async ({ set }) => listingText(declaredFiles(await jobFiles(set))));
    for (const [name, { set, host }] of Object.entries(args.servers)) {
      const [is, shall] = [actual?.installed[name], installed[name]];
      // Before the first of them there is no difference to speak of.
      if (is === undefined || shall === undefined || isUpgraded({ host, dataDirectory: set.facts.job.dataDirectory })) {
        continue;
      }
      const before = actual?.servers[name];
      await say(context, [
        ...fileDifferences(jobFolder(set), host.name, is, shall),
        ...timesDifferences(name, host.name, schedulesOf(set), before === undefined ? [] : schedulesOf(before.set)),
        ...scheduleDifferences(host.name, actual?.schedules[name] ?? {}),
      ]);
    }
    const { __schedulers, __newest } = actual ?? {};
    if (__newest !== undefined) await context.log("info", newestInWords(__newest, Date.now()));
    const schedules = Object.fromEntries(Object.keys(args.servers).map((name) => [name, {}]));
    return { state: { ...args, installed, schedules, ...(__schedulers === undefined ? {} : { __schedulers }) } };
  },

  create: (context, state) => writeAll(context, state),

  async read(_context, _id, known) {
    if (known === undefined) throw new Error("jobs cannot be imported by their id: `pulumi up` writes them");
    const found = await ofEach(present(known.servers), async ({ host: spec, set }, name) => {
      const host = await hostOf(spec);
      const scheduler = known.__schedulers?.[name];
      const [installed, schedules, newest] = await Promise.all([
        jobFiles(set)
          .then((files) => readFiles(host, files))
          .then(listingText),
        scheduler === undefined ? {} : differing({ host }, scheduler, schedulesOf(set)),
        set.kind === "backups" ? newestRuns(host, set.facts) : undefined,
      ]);
      return { installed, schedules, newest };
    });
    const each = <Part extends "installed" | "schedules">(part: Part) =>
      Object.fromEntries(Object.entries(found).map(([name, is]) => [name, is[part]]));
    const { __newest: _, ...last } = known;
    const newest = Object.values(found).flatMap((one) => one.newest ?? []);
    return {
      ...last,
      ...(newest.length === 0 ? {} : { __newest: newestOf(newest) }),
      installed: { ...known.installed, ...each("installed") },
      schedules: { ...known.schedules, ...each("schedules") },
    };
  },

  async update(context, wanted, actual) {
    const state = await writeAll(context, wanted);
    for (const [name, before] of Object.entries(present(actual.servers))) {
      const now = wanted.servers[name];
      const [was, is] = [actual.__schedulers?.[name], state.__schedulers?.[name]];
      await take(context, before, was, now === undefined ? undefined : { ...now, scheduler: is });
    }
    return state;
  },

  async delete(context, { servers, __schedulers }) {
    for (const [name, before] of Object.entries(present(servers))) await take(context, before, __schedulers?.[name]);
  },
};

/** What of the declared schedules is not so. */
async function differing(hosts: ScheduleHosts, scheduler: Scheduler, schedules: readonly Schedule[]): Promise<Found> {
  const found = schedules.map(async (schedule) => {
    const said = await hostTimes(hosts.host, scheduler, schedule);
    const is = await readSchedule(hosts, scheduler, said);
    return [schedule.name, compareSchedule(scheduler, declaredSchedule(scheduler, said), is)] as const;
  });
  return Object.fromEntries((await Promise.all(found)).filter(([, differences]) => differences.length > 0));
}

function scheduleDifferences(host: string, found: Found): readonly Difference[] {
  return Object.entries(found).flatMap(([name, differences]) =>
    differences.map((difference) => scheduleDifference({ kind: "schedule", name, host }, difference)),
  );
}

/** Times that were declared, and are now others. */
function timesDifferences(
  server: string,
  host: string,
  shall: readonly Schedule[],
  was: readonly Schedule[],
): readonly Difference[] {
  return shall.flatMap((schedule): Difference[] => {
    const before = was.find(({ name }) => name === schedule.name);
    const [is, wanted] = [before === undefined ? "" : timesIn(before), timesIn(schedule)];
    if (is === wanted) return [];
    const object = { kind: "schedule", name: schedule.name, host, part: "times" } as const;
    return [{ server, object, there: is === "" ? { is: "missing" } : is, declared: wanted, consequence: "install" }];
  });
}

function timesIn({ when }: Schedule): string {
  if (!("cron" in when)) return "";
  return when.zone === undefined ? when.cron : `${when.cron} ${when.zone}`;
}

async function writeAll(context: Context, state: JobsState): Promise<JobsState> {
  const schedulers: Record<string, Scheduler> = {};
  await ofEach(state.servers, async ({ host: spec, set }, name) => {
    const host = await hostOf(spec);
    const { controlDirectory } = set.facts.job;
    await host.makeDirectory(controlPath({ controlDirectory }, "jobs"));
    for (const folder of runsOf(set)) await host.makeDirectory(folder);
    await installFiles(host, await jobFiles(set));
    const schedules = schedulesOf(set);
    if (schedules.length === 0) return;
    const hosts = await scheduleHosts(spec);
    const scheduler = await findScheduler(hosts);
    if (scheduler === undefined)
      throw new Error(
        `${spec.name} has neither systemd nor cron nor a crontab program, so nothing runs ${set.facts.job.server}'s ${state.what} there: install cron, or declare schedule: none`,
      );
    const said = await Promise.all(schedules.map((schedule) => hostTimes(host, scheduler, schedule)));
    for (const schedule of said) await installSchedule(hosts, scheduler, schedule);
    schedulers[name] = scheduler;
    const found = await differing(hosts, scheduler, schedules);
    await say(context, scheduleDifferences(spec.name, found));
  });
  const { __schedulers: _, __newest: _old, ...rest } = state;
  return Object.keys(schedulers).length === 0 ? rest : { ...rest, __schedulers: schedulers };
}

/** Takes away what a server had, as far as what it has now is not in the same place. */
async function take(
  context: Context,
  { host: spec, set }: ServerJobs,
  scheduler: Scheduler | undefined,
  now?: ServerJobs & { readonly scheduler: Scheduler | undefined },
): Promise<void> {
  const isSame = now !== undefined && now.host.name === spec.name;
  // A timer does not stand beside a line of cron's that runs the same.
  const kept = isSame && now.scheduler === scheduler ? schedulesOf(now.set).map(({ name }) => name) : [];
  const left: LeftFile[] = [];
  const gone = schedulesOf(set).filter(({ name }) => !kept.includes(name));
  if (scheduler !== undefined && gone.length > 0) {
    const hosts = await scheduleHosts(spec);
    for (const schedule of gone) {
      left.push(...(await removeSchedule(hosts, scheduler, await hostTimes(hosts.host, scheduler, schedule))));
    }
  }
  if (!isSame || jobFolder(now.set) !== jobFolder(set)) {
    left.push(...(await removeFiles(await hostOf(spec), await jobFiles(set))));
    for (const folder of runsOf(set)) await context.log("info", `left the backups in ${folder} on ${spec.name}`);
  }
  for (const { path, because } of left)
    await context.log("warning", `left ${path} on ${spec.name}: ${whyLeft[because]}`);
}
