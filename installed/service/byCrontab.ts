import { controlPath } from "../../config/controlDirectory.js";
import type { Host } from "../../hosts/host.js";
import type { Schedule } from "../schedule/render.js";
import { compareSchedule, declaredSchedule, installSchedule, readSchedule, removeSchedule } from "../schedule.js";
import { mark, type ServiceFacts } from "./facts.js";

function atReboot(facts: ServiceFacts): Schedule {
  return {
    name: facts.name.replaceAll(".", "_"),
    mark: mark(facts),
    description: `PostgreSQL server ${facts.server} of the site ${facts.site}`,
    when: { boot: true },
    user: facts.user,
    command: [controlPath(facts, "service"), "start"],
  };
}

/** cron runs a service's script when its machine has started. Each takes the host as the OS user. */
export const byCrontab = {
  async isEnabled(host: Host, facts: ServiceFacts): Promise<boolean> {
    const schedule = atReboot(facts);
    const found = await readSchedule({ host }, "crontab", schedule);
    // pgsite starts no cron; the preflight says where none runs.
    return compareSchedule("crontab", declaredSchedule("crontab", schedule), { ...found, runs: true }).length === 0;
  },

  enable: (host: Host, facts: ServiceFacts) => installSchedule({ host }, "crontab", atReboot(facts)),

  async disable(host: Host, facts: ServiceFacts): Promise<void> {
    await removeSchedule({ host }, "crontab", atReboot(facts));
  },
};
