import { join } from "node:path";
import { heading, type ServiceFacts } from "./facts.js";

/**
 * The systemd unit of a server. Type=forking, since Type=notify takes a server that was built with systemd. Nothing ends a
 * server that recovers for hours: the time limits are off, and what waits for it has its own.
 */
export function renderUnit(facts: ServiceFacts): string {
  const pgCtl = (...args: string[]) => [join(facts.binDirectory, "pg_ctl"), ...args].map(argument).join(" ");
  const folders = facts.socketFolders.map((folder) => {
    return `ExecStartPre=+/usr/bin/install -d -m 0755 -o ${argument(facts.user)} ${argument(folder)}`;
  });
  const log = join(facts.controlDirectory, "start.log");
  return [
    ...heading(facts).map((line) => `# ${line}`),
    "",
    "[Unit]",
    `Description=PostgreSQL server ${facts.server} of ${facts.site}`,
    "Wants=network-online.target",
    "After=network-online.target time-sync.target",
    `RequiresMountsFor=${word(facts.dataDirectory)}`,
    "",
    "[Service]",
    "Type=forking",
    `User=${facts.user}`,
    `PIDFile=${specifier(join(facts.dataDirectory, "postmaster.pid"))}`,
    // The kernel is to end a backend when memory runs out, not the postmaster.
    "OOMScoreAdjust=-900",
    "Environment=PG_OOM_ADJUST_FILE=/proc/self/oom_score_adj PG_OOM_ADJUST_VALUE=0",
    `Environment=${word(`PGPASSFILE=${facts.passfile}`)}`,
    ...folders,
    `ExecStart=${pgCtl("start", "-W", "-D", facts.dataDirectory, "-l", log)}`,
    `ExecStop=${pgCtl("stop", "-m", "fast", "-W", "-D", facts.dataDirectory)}`,
    `ExecReload=${pgCtl("reload", "-D", facts.dataDirectory)}`,
    "KillMode=mixed",
    "KillSignal=SIGINT",
    "TimeoutSec=infinity",
    "",
    "[Install]",
    "WantedBy=multi-user.target",
    "",
  ].join("\n");
}

/** One word of a command line: no variable, beside what `word` does. */
function argument(text: string): string {
  return word(text.replaceAll("$", "$$$$"));
}

/** One word of a list (systemd.syntax, "Quoting"; systemd.unit, "Specifiers"). */
function word(text: string): string {
  const escaped = specifier(text).replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(escaped) ? escaped : `"${escaped}"`;
}

function specifier(text: string): string {
  return text.replaceAll("%", "%%");
}
