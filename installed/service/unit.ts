import { join } from "node:path";
import { controlPath } from "../../config/controlDirectory.js";
import { compiledIn } from "../../config/socketFolders.js";
import { placeArguments } from "../../postgres/files/places.js";
import { guardOf, refusedToStart } from "../runbook/render.js";
import { argument, word } from "../systemd.js";
import { heading, type ServiceFacts } from "./facts.js";
import { makeCompiledInAsRoot, makeFoldersAsRoot, makeOwnCompiledIn, makeOwnFolders } from "./socketFolders.js";

/**
 * Takes the program, its data directory, the log and the guard, and appends to the log, which systemd itself does from 240
 * on only. The guard is part of what is started, since of a main process alone systemd can be told when not to try again.
 */
const run = `[ ! -x "$3" ] || "$3"; [ "$?" != ${refusedToStart} ] || exit ${refusedToStart}; exec "$0" -D "$1" >>"$2" 2>&1`;

/** The same for one whose configuration is elsewhere. */
const runElsewhere = run.replace('-D "$1"', '-D "$1" -c "$4"');

/**
 * The systemd unit of a server. Type=simple, since Type=notify takes a server that was built with systemd, and with
 * Type=forking systemd waits for the PID file of a server that has ended. Nothing ends a server that recovers for hours:
 * the time limits are off, and what waits for it has its own. SIGINT is the fast shutdown.
 */
export function renderUnit(facts: ServiceFacts): string {
  const log = controlPath(facts, "startLog");
  const place = placeArguments(facts);
  const words = [
    "/bin/sh",
    "-c",
    place.length === 0 ? run : runElsewhere,
    join(facts.binDirectory, "postgres"),
    facts.dataDirectory,
    log,
    guardOf(facts.controlDirectory),
    ...place.slice(1),
  ];
  const places = facts.socketFolders;
  const [own, asRoot] =
    places === compiledIn ? [makeOwnCompiledIn, makeCompiledInAsRoot] : [makeOwnFolders, makeFoldersAsRoot];
  const folders = (places === compiledIn ? [join(facts.binDirectory, "postgres")] : places).map(argument).join(" ");
  const making = [
    `ExecStartPre=/bin/sh -c ${argument(own)} sh ${folders}`,
    `ExecStartPre=+/bin/sh -c ${argument(asRoot)} sh ${argument(facts.user)} ${folders}`,
  ];
  return [
    ...heading(facts).map((line) => `# ${line}`),
    "",
    "[Unit]",
    `Description=PostgreSQL server ${facts.server} of ${facts.site}`,
    "Wants=network-online.target",
    "After=network-online.target time-sync.target",
    `RequiresMountsFor=${word(facts.dataDirectory)}`,
    // It is tried again for as long as it takes, and by hand whenever somebody wants.
    "StartLimitIntervalSec=0",
    "",
    "[Service]",
    "Type=simple",
    `User=${facts.user}`,
    // The kernel is to end a backend when memory runs out, not the postmaster.
    "OOMScoreAdjust=-900",
    "Environment=PG_OOM_ADJUST_FILE=/proc/self/oom_score_adj PG_OOM_ADJUST_VALUE=0",
    `Environment=${word(`PGPASSFILE=${facts.passfile}`)}`,
    ...(places.length === 0 ? [] : making),
    `ExecStart=${words.map(argument).join(" ")}`,
    "ExecReload=/bin/kill -HUP $MAINPID",
    // At boot its address may not be there yet, whatever network-online.target says.
    "Restart=on-failure",
    "RestartSec=2s",
    `RestartPreventExitStatus=${refusedToStart}`,
    "KillMode=mixed",
    "KillSignal=SIGINT",
    "TimeoutSec=infinity",
    "",
    "[Install]",
    "WantedBy=multi-user.target",
    "",
  ].join("\n");
}
