import { type CronTimes, parseCron } from "../../config/cron.js";
import { quote } from "../../hosts/quote.js";
import type { FileSet } from "../folder.js";
import { argument } from "../systemd.js";
import { calendarOf } from "./calendar.js";
import { ScheduleRefused } from "./problems.js";

/** A program that a host runs at given times. */
export interface Schedule {
  /** Of its units, its file in /etc/cron.d, or its block in a crontab: letters, digits, `-` and `_`, as all of them take it. */
  readonly name: string;
  /** Says whose it is, in its files' first line: `Written by pgsite: …`. Files without it are not ours. */
  readonly mark: string;
  /** What it is for, in a few words. */
  readonly description: string;
  /**
   * In the host's own time: a cron expression, which every host takes, or a calendar event of systemd's (systemd.time(7)). Or when
   * the machine has started. `zone`: a cron expression's time zone, which systemd knows; `hostTimes` says it in a cron's.
   */
  readonly when:
    | { readonly cron: string; readonly zone?: string }
    | { readonly calendar: string }
    | { readonly boot: true };
  /** The OS user that runs it. */
  readonly user: string;
  /** A program by its absolute path, and its arguments. */
  readonly command: readonly [string, ...string[]];
  /** A file of the user's to which its output is appended; made with mode 0600. @default the journal, or syslog */
  readonly log?: string;
}

/** Who runs a schedule: a systemd timer, cron by a file of root's, cron by the user's own crontab. */
export const schedulers = ["systemd", "cron.d", "crontab"] as const;
export type Scheduler = (typeof schedulers)[number];

const unitFolder = "/etc/systemd/system";
const cronFolder = "/etc/cron.d";
/** The same whoever starts it. */
const path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/** As crons in use allow: Debian's takes no more than that of a command. */
const longestCommand = 998;

/** What lies on a host for a schedule. A crontab is no file that anybody may write: `crontab.ts` has its block. @throws ScheduleRefused */
export function scheduleFiles(scheduler: Exclude<Scheduler, "crontab">, schedule: Schedule): FileSet {
  const { name, mark } = schedule;
  const shared = { kind: "shared", owner: "root", mark } as const;
  const file = (lines: readonly string[]) => ({ content: `${lines.join("\n")}\n`, mode: 0o644 });
  if (scheduler === "cron.d") {
    const content = file([...heading(schedule), cronLine(schedule, schedule.user)]);
    return { ...shared, folder: cronFolder, files: { [name]: content } };
  }
  const files = { [`${name}.service`]: file(serviceUnit(schedule)), [`${name}.timer`]: file(timerUnit(schedule)) };
  return { ...shared, folder: unitFolder, files };
}

function heading({ mark, description }: Schedule): readonly string[] {
  return [
    `# ${mark}`,
    `# ${description}. Change the stack file instead: what is changed here shows in the next preview.`,
  ];
}

/** Appends to a log as the program's user, and not as root, whom a link in that user's folder could lead anywhere. */
const appending = 'log=$1; shift; exec "$@" >>"$log" 2>&1';

function serviceUnit(schedule: Schedule): readonly string[] {
  const { user, command, log, description } = schedule;
  refuseNames(schedule);
  const words = log === undefined ? command : ["/bin/sh", "-c", appending, "sh", log, ...command];
  return [
    ...heading(schedule),
    "",
    "[Unit]",
    `Description=${description.replaceAll("%", "%%")}`,
    "",
    "[Service]",
    "Type=oneshot",
    `User=${user}`,
    "UMask=0077",
    `Environment=PATH=${path}`,
    `ExecStart=${words.map(argument).join(" ")}`,
    // A sendmail that delivers in the background, as dma does, is not to be ended with the program.
    "KillMode=process",
  ];
}

function timerUnit(schedule: Schedule): readonly string[] {
  const { description } = schedule;
  return [
    ...heading(schedule),
    "",
    "[Unit]",
    `Description=${description.replaceAll("%", "%%")}`,
    "",
    "[Timer]",
    ...timesOfTimer(schedule),
    // As cron does, and not some time within the minute.
    "AccuracySec=1s",
    "",
    "[Install]",
    "WantedBy=timers.target",
  ];
}

function timesOfTimer({ when }: Schedule): readonly string[] {
  if ("boot" in when) return ["OnBootSec=0"];
  const zone = "cron" in when && when.zone !== undefined ? ` ${when.zone}` : "";
  const events = "calendar" in when ? [when.calendar] : calendarOf(timesOf(when.cron)).map((event) => event + zone);
  return events.map((event) => `OnCalendar=${event}`);
}

/** The line of a crontab; `user` stands in /etc/cron.d alone. @throws ScheduleRefused */
export function cronLine(schedule: Schedule, user?: string): string {
  const { when, command, log, name } = schedule;
  refuseNames(schedule);
  if ("calendar" in when) throw new ScheduleRefused(name, [{ code: "calendar", calendar: when.calendar }]);
  if ("cron" in when && when.zone !== undefined)
    throw new ScheduleRefused(name, [{ code: "zone", problem: { code: "unknown", zone: when.zone } }]);
  const words = command.map(cronWord).join(" ");
  const said =
    log === undefined ? `{ ${words}; } 2>&1 | logger -t ${cronWord(name)}` : `${words} >>${cronWord(log)} 2>&1`;
  const line = `cd /; umask 077; PATH=${path}; export PATH; ${said}`;
  if (Buffer.byteLength(line) > longestCommand)
    throw new ScheduleRefused(name, [{ code: "long", length: Buffer.byteLength(line), longest: longestCommand }]);
  return ["boot" in when ? "@reboot" : timesOf(when.cron).text, ...(user === undefined ? [] : [user]), line].join(" ");
}

/** In a crontab % is a line break, and crons differ in what \ is: the shell makes both of its own accord. */
function cronWord(text: string): string {
  if (text === "") return quote(text);
  const made = { "%": `"$(printf '\\045')"`, "\\": `"$(printf '\\134')"` } as const;
  return text
    .split(/([%\\])/)
    .filter((part) => part !== "")
    .map((part) => (part === "%" || part === "\\" ? made[part] : quote(part)))
    .join("");
}

function timesOf(cron: string): CronTimes {
  const parsed = parseCron(cron);
  if ("problems" in parsed) throw new ScheduleRefused(cron, parsed.problems);
  return parsed.times;
}

/** What would be another name, another line or another command for one of the schedulers. */
function refuseNames({ name, mark, description, user, command, log, when }: Schedule): void {
  const texts = [mark, description, user, ...command, log ?? "", "calendar" in when ? when.calendar : ""];
  const broken = texts.find((text) => /[\n\r\0]/.test(text));
  if (broken !== undefined) throw new ScheduleRefused(name, [{ code: "line break", text: broken }]);
  if (!/^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/.test(name)) throw new ScheduleRefused(name, [{ code: "name" }]);
  if (!/^[A-Za-z_][A-Za-z0-9_.-]*\$?$/.test(user)) throw new ScheduleRefused(name, [{ code: "user", user }]);
  const [program] = command;
  for (const one of [program, log ?? "/"])
    if (!one.startsWith("/")) throw new ScheduleRefused(name, [{ code: "path", path: one }]);
}
