import { keyText } from "../../hosts/key.js";
import type { Located } from "../status/look.js";

/*
 * What of a site is upgraded in the run that is going on: `SITE-upgrade` says it, which everything else of the stack comes after.
 * Who compares a server with what is declared says nothing of it then: what it read is of the old version, and all of it comes
 * with the upgrade.
 */

const planned = new Set<string>();

type Place = Pick<Located, "host" | "dataDirectory">;

const keyOf = ({ host, dataDirectory }: Place) => keyText([host.name, host.address, dataDirectory]);

/** Says of servers whether they are upgraded in this run. */
export function noteUpgraded(places: readonly Place[], upgraded: boolean): void {
  for (const place of places) {
    if (upgraded) planned.add(keyOf(place));
    else planned.delete(keyOf(place));
  }
}

/** Whether a server is upgraded, or seeded anew for it, in this run. */
export function isUpgraded(place: Place): boolean {
  return planned.has(keyOf(place));
}
