import type { Directories } from "../../config/controlDirectory.js";
import type { Untold } from "../../installed/runbook/ask.js";
import { guardOf } from "../../installed/runbook/render.js";
import type { Unasked } from "../../postgres/files/hba/index.js";

/** What a server's guard cannot find out, and what becomes of the server then. */
export function unaskedInWords({ server, peer, user, from }: Unasked): string {
  return `no rule in ${peer}'s pg_hba.conf lets ${server} (${from}) ask it as ${user}: after a night in which ${peer} has taken over, ${server} could not learn that, so as a primary it would not start by itself. Until the declared rules are in force there, its runbook's guard --allow-once lets it (docs/runbook.md)`;
}

/** Of a database that exists once. @param known `FOLDER on HOST`: where it is known to be */
export function elsewhereInWords(
  server: string,
  { dataDirectory, controlDirectory }: Pick<Directories, "dataDirectory" | "controlDirectory">,
  host: string,
  known: string,
): string {
  return `${server} is in ${dataDirectory} on ${host}, and its database is known to be in ${known}: it exists once, and starts there alone. If it was moved here, and nothing there starts it any more, ${guardOf(controlDirectory)} --claim on ${host} says so`;
}

/** What a server was answered that asked a peer as its guard does. */
export function untoldInWords(server: string, { peer, place, why }: Untold): string {
  return `${server} cannot ask ${peer} (${place}) whether it has taken over: ${why}. As a primary ${server} would not start by itself while ${peer} lives; its runbook's guard --allow-once lets it (docs/runbook.md)`;
}
