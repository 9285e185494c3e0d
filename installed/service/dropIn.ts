import { guardOf, refusedToStart } from "../runbook/render.js";
import { argument, word } from "../systemd.js";
import { heading, type ServiceFacts } from "./facts.js";

/**
 * Asks the guard, as the server's user: `$0` is that one, `$1` the guard. A distribution's unit starts as that user, or as root
 * (Debian's). A primary that was superseded does not start; any other trouble of the guard is no reason.
 */
const asking = `[ "$(id -un)" != "$0" ] || { [ ! -x "$1" ] || "$1"; [ "$?" != ${refusedToStart} ]; exit; }
export guard="$1"
su -s /bin/sh "$0" -c '[ ! -x "$guard" ] || "$guard"'
[ "$?" != ${refusedToStart} ]`;

/**
 * What pgsite adds to the unit by which a distribution starts a server: the guard, before every start. None of these units tries
 * again after a start that was refused.
 */
export function renderDropIn(facts: ServiceFacts): string {
  const { user, passfile, unitEnvironment = {} } = facts;
  const environment = { ...unitEnvironment, PGPASSFILE: passfile };
  return [
    ...heading(facts).map((line) => `# ${line}`),
    "",
    "[Unit]",
    "Wants=network-online.target",
    "After=network-online.target time-sync.target",
    "",
    "[Service]",
    ...Object.entries(environment).map(([name, value]) => `Environment=${word(`${name}=${value}`)}`),
    `ExecStartPre=/bin/sh -c ${argument(asking)} ${argument(user)} ${argument(guardOf(facts.controlDirectory))}`,
    // Nothing ends a server that recovers for hours.
    "TimeoutStartSec=infinity",
    "",
  ].join("\n");
}
