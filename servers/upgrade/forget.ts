import { dirname } from "node:path";
import { upgradePath } from "../../config/controlDirectory.js";
import type { Server } from "../../config/site.js";
import type { Host } from "../../hosts/host.js";
import type { Journal } from "./journal.js";

/** Of an upgrade nothing is left on a host but the data that are in force. */
export async function forget(host: Host, server: Server, journal: Journal): Promise<void> {
  if (journal.sockets !== undefined) await host.remove(journal.sockets);
  // The journal first: without it, all else is what nobody needs.
  await host.remove(upgradePath(server, "journal"));
  for (const name of ["work", "new", "check", "configuration"] as const) await host.remove(upgradePath(server, name));
  await host.remove(dirname(upgradePath(server, "journal")));
}
