import { keyText } from "../../hosts/key.js";
import type { Located } from "../status/look.js";

/*
 * Servers whose programs are replaced in the run that is going on: the preflight says it, which all else of the stack comes after.
 * What was read of them was read before, so that whoever plans restarts is told here.
 */

const renewed = new Map<string, string>();

type Place = Pick<Located, "host" | "dataDirectory">;

const keyOf = ({ host, dataDirectory }: Place) => keyText([host.name, host.address, dataDirectory]);

/** @param program what each runs as until it is restarted, in words; undefined where nothing is replaced */
export function noteRenewed(places: readonly Place[], program: string | undefined): void {
  for (const place of places) {
    if (program === undefined) renewed.delete(keyOf(place));
    else renewed.set(keyOf(place), program);
  }
}

export function renewedProgram(place: Place): string | undefined {
  return renewed.get(keyOf(place));
}
