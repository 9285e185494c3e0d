import prettyBytes from "pretty-bytes";
import { shownInLine } from "../../postgres/shown.js";
import type { BackupEvent, BackupOutcome } from "../backups/backup.js";
import { secondsInWords } from "./backups.js";

/** What a run says while it is made, for people. */
export function backupEventInWords(event: BackupEvent): string {
  switch (event.code) {
    case "begun":
      return `run ${event.run} begins`;
    case "dumped":
      return `  ${shownInLine(event.file)}: ${prettyBytes(event.bytes)} in ${secondsInWords(event.seconds)}`;
    case "made":
      return `run ${event.run} is whole and read back: ${prettyBytes(event.bytes)} in ${secondsInWords(event.seconds)}`;
    case "copied":
      return `copied to ${shownInLine(event.place)}, and compared there, in ${secondsInWords(event.seconds)}`;
    case "removed":
      return `${shownInLine(event.place)}: ${shownInLine(event.run)} is removed, as keep: says`;
    case "remark":
      return `  ${shownInLine(event.message)}`;
    case "trouble":
      return `${shownInLine(event.object)}: ${shownInLine(event.message)}`;
  }
}

export function backupOutcomeInWords(outcome: BackupOutcome): string {
  switch (outcome.code) {
    case "good":
      return `the run ${outcome.run} is good. It counts as verified once a drill has restored it (pgsite drill)`;
    case "failed":
      return `${outcome.whole ? `the run ${outcome.run ?? ""} is whole, and what came after it failed` : "no run was made"} (${outcome.cause}): ${shownInLine(outcome.object)}: ${shownInLine(outcome.message)}`;
    case "nothing":
      return "nothing to do there: the server is a standby now, and whichever takes writes makes the backups";
    case "ended":
      return shownInLine(outcome.message === "" ? "the backup ended, and said nothing" : outcome.message);
  }
}
