import type { Untold } from "../../installed/runbook/ask.js";
import type { Unasked } from "../../postgres/files/hba/index.js";

/** What a server's guard cannot find out, and what becomes of the server then. */
export function unaskedInWords({ server, peer, user, from }: Unasked): string {
  return `no rule in ${peer}'s pg_hba.conf lets ${server} (${from}) ask it as ${user}: after a night in which ${peer} has taken over, ${server} could not learn that, so as a primary it would not start by itself. Until the declared rules are in force there, its runbook's guard --allow-once lets it (docs/runbook.md)`;
}

/** What a server was answered that asked a peer as its guard does. */
export function untoldInWords(server: string, { peer, place, why }: Untold): string {
  return `${server} cannot ask ${peer} (${place}) whether it has taken over: ${why}. As a primary ${server} would not start by itself while ${peer} lives; its runbook's guard --allow-once lets it (docs/runbook.md)`;
}
