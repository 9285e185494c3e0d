import type { Viewers } from "../../config/viewers.js";
import type { Scheduler } from "../../installed/schedule/render.js";
import {
  compareSchedule,
  declaredSchedule,
  findScheduler,
  installSchedule,
  readSchedule,
  removeSchedule,
  type ScheduleDifference,
} from "../../installed/schedule.js";
import { bootSchedule } from "../../installed/viewers/boot.js";
import { scheduleHosts } from "../process/scheduleHosts.js";
import { hostOf } from "../status/look.js";

type Placed = Omit<Viewers, "links">;

/** What of the start with the machine is not as declared. @param scheduler who was given it; nobody yet: nothing to compare */
export async function bootDifferences(
  viewers: Placed,
  scheduler: Scheduler | undefined,
): Promise<readonly ScheduleDifference[]> {
  const schedule = bootSchedule(viewers);
  if (schedule === undefined || scheduler === undefined) return [];
  const found = await readSchedule({ host: await hostOf(viewers.host) }, scheduler, schedule);
  return compareSchedule(scheduler, declaredSchedule(scheduler, schedule), found);
}

/** @returns who starts it from now on @param before who did; it is taken away where nobody shall, or another does */
export async function startAtBoot(viewers: Placed, before: Scheduler | undefined): Promise<Scheduler | undefined> {
  const schedule = bootSchedule(viewers);
  if (schedule === undefined && before === undefined) return undefined;
  const hosts = await scheduleHosts(viewers.host);
  const scheduler = schedule === undefined ? undefined : await findScheduler(hosts);
  if (before !== undefined && before !== scheduler) {
    const last = bootSchedule({ ...viewers, boot: true });
    if (last !== undefined) await removeSchedule(hosts, before, last);
  }
  if (schedule === undefined) return undefined;
  if (scheduler === undefined)
    throw new Error(
      `${viewers.host.name} has neither systemd nor cron nor a crontab program, so nothing starts the web viewers with it: install cron, or declare viewers.boot: false`,
    );
  await installSchedule(hosts, scheduler, schedule);
  return scheduler;
}
