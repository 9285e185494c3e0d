import { shownInLine } from "../../postgres/shown.js";
import type { Ended } from "../process/stop.js";

/** Why a server that was to stop was ended, and what that costs. */
export function endedInWords(server: string, { when, held, unarchived }: Ended): string {
  const waited = held.length === 0 ? "" : ` It waited for: ${held.map(shownInLine).join("; ")}.`;
  const cost =
    when === "at rest"
      ? "its last checkpoint was written, so it was ended, and there is nothing to recover"
      : "it was ended before its last checkpoint, and recovers at its next start; nothing that was committed is lost";
  const archive =
    unarchived === 0
      ? ""
      : ` ${unarchived} segment${unarchived === 1 ? "" : "s"} of its WAL ${unarchived === 1 ? "is" : "are"} not archived: see to archive_command, and make a new base backup for the archive where another server takes over.`;
  return `${server}: its shutdown did not end: ${cost}.${waited}${archive}`;
}
