import { controlPath } from "../../config/controlDirectory.js";
import type { Manager } from "../../config/schema/service.js";
import type { Host } from "../../hosts/host.js";
import { must } from "../must.js";
import type { Schedule } from "../schedule/render.js";
import { compareSchedule, declaredSchedule, installSchedule, readSchedule, removeSchedule } from "../schedule.js";
import { mark, type ServiceFacts } from "./facts.js";
import { readStartMode, type StartMode, setStartMode } from "./startConf.js";

/** By which cron runs a service's script when its machine has started. */
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

/** Whether a service starts with its machine, in the declared run levels and no other. */
export async function isEnabledAtBoot(host: Host, manager: Manager, facts: ServiceFacts): Promise<boolean> {
  if (manager === "crontab") return isInCrontab(host, facts);
  const [wanted, mode] = await Promise.all([isWantedAtBoot(host, manager, facts), startModeOf(host, facts)]);
  return wanted && (mode === undefined || mode === startModeBy(manager));
}

async function isInCrontab(host: Host, facts: ServiceFacts): Promise<boolean> {
  const schedule = atReboot(facts);
  const found = await readSchedule({ host }, "crontab", schedule);
  // pgsite starts no cron; the preflight says where none runs.
  return compareSchedule("crontab", declaredSchedule("crontab", schedule), { ...found, runs: true }).length === 0;
}

async function isWantedAtBoot(host: Host, manager: Manager, facts: ServiceFacts): Promise<boolean> {
  if (manager === "systemd") return isWanted(host, wantedOf(facts));
  return `${await upIn(host, facts.name)}` === `${[...facts.runLevels].sort()}`;
}

/** What systemd is to want for a server to start: of Debian's clusters, what starts all whose start.conf says so. */
function wantedOf({ name, unit, startConf }: ServiceFacts): string {
  return startConf === true ? "postgresql" : (unit ?? name);
}

function startModeOf(host: Host, { startConf, configurationDirectory }: ServiceFacts): Promise<string> | undefined {
  return startConf === true && configurationDirectory !== undefined
    ? readStartMode(host, configurationDirectory)
    : undefined;
}

/** Debian's init script knows no guard, so that a script of pgsite's starts the server in its place. */
function startModeBy(manager: Manager): StartMode {
  return manager === "systemd" ? "auto" : "manual";
}

export async function isWanted(host: Host, name: string): Promise<boolean> {
  const wants = await host.list("/etc/systemd/system/multi-user.target.wants");
  return wants?.includes(`${name}.service`) === true;
}

/** The run levels in which a script's service is up. */
export async function upIn(host: Host, name: string): Promise<readonly number[]> {
  const levels = await Promise.all(
    [0, 1, 2, 3, 4, 5, 6].map(async (level) => {
      const links = (await host.list(`/etc/rc${level}.d`)) ?? [];
      return links.some((link) => /^S\d\d/.test(link) && link.slice(3) === name) ? [level] : [];
    }),
  );
  return levels.flat();
}

/** Links as chkconfig and update-rc.d make them: started late, stopped early. Whatever other links there are go. */
const link = `set -e
name=$1
shift
for level in 0 1 2 3 4 5 6; do
  [ -d "/etc/rc$level.d" ] || mkdir "/etc/rc$level.d"
  for link in "/etc/rc$level.d"/[SK][0-9][0-9]"$name"; do
    [ -L "$link" ] && rm "$link"
  done
  kind=K36
  for up; do [ "$up" = "$level" ] && kind=S64; done
  ln -s "../init.d/$name" "/etc/rc$level.d/$kind$name"
done`;

const unlink = 'for link in /etc/rc[0-6].d/[SK][0-9][0-9]"$1"; do [ -L "$link" ] && rm "$link"; done; true';

/** @param root the host, as root; as the OS user for a crontab. The service is not started. */
export async function enableAtBoot(root: Host, manager: Manager, facts: ServiceFacts): Promise<void> {
  if (manager === "crontab") return installSchedule({ host: root }, "crontab", atReboot(facts));
  const { name, runLevels, user, startConf, configurationDirectory } = facts;
  if (startConf === true && configurationDirectory !== undefined && manager !== "none") {
    await setStartMode(root, user, configurationDirectory, startModeBy(manager));
  }
  if (manager === "sysv") {
    await must(root, ["sh", "-c", link, "sh", name, ...runLevels.map(String)]);
  } else if (manager === "systemd") {
    await must(root, ["systemctl", "daemon-reload"]);
    await must(root, ["systemctl", "enable", `${wantedOf(facts)}.service`]);
  }
}

export async function disableAtBoot(root: Host, manager: Manager, facts: ServiceFacts): Promise<void> {
  if (manager === "crontab") {
    await removeSchedule({ host: root }, "crontab", atReboot(facts));
    return;
  }
  const { name, user, startConf, configurationDirectory } = facts;
  if (startConf === true && configurationDirectory !== undefined) {
    await setStartMode(root, user, configurationDirectory, "manual");
  } else if (manager === "systemd") {
    await must(root, ["systemctl", "disable", `${wantedOf(facts)}.service`]);
  }
  if (manager === "sysv") await must(root, ["sh", "-c", unlink, "sh", name]);
}

/** Once a service's file is gone. */
export async function forget(root: Host, manager: Manager): Promise<void> {
  if (manager === "systemd") await must(root, ["systemctl", "daemon-reload"]);
}
