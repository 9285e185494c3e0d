import prettyBytes from "pretty-bytes";
import type { HoldUp, StopAct } from "../../postgres/holdUps.js";
import { shownInLine } from "../../postgres/shown.js";
import type { Ended } from "../process/stop.js";

/** Why a server that was to stop was ended, and what that costs. */
export function endedInWords(server: string, { when, held, unarchived }: Ended): string {
  const waited = held.length === 0 ? "" : ` It waited for: ${titles(held)}.`;
  const cost =
    when === "at rest"
      ? "its last checkpoint was written, so it was ended, and there is nothing to recover"
      : "it was ended before its last checkpoint, and recovers at its next start; nothing that was committed is lost";
  const archive =
    unarchived === 0
      ? ""
      : ` ${segmentsInWords(unarchived)} of its WAL ${unarchived === 1 ? "is" : "are"} not archived: see to archive_command, and make a new base backup for the archive where another server takes over.`;
  return `${server}: its shutdown did not end: ${cost}.${waited}${archive}`;
}

/** What a server that is shutting down waits for. */
export function waitingInWords(server: string, seconds: number, held: readonly string[]): string {
  const what = held.length === 0 ? "" : `; it waits for: ${titles(held)}`;
  return `${server}: shutting down for ${seconds} s${what}`;
}

function titles(held: readonly string[]): string {
  return held.map(shownInLine).join("; ");
}

function segmentsInWords(count: number): string {
  return `${count} segment${count === 1 ? "" : "s"}`;
}

/** What holds up the shutdown of a server that a plan stops, and what is done about it. */
export function heldUpInWords(server: string, act: StopAct, holdUps: readonly HoldUp[]): string {
  return `${server}, before it is stopped: ${holdUps.map((one) => holdUpInWords(one, act)).join("; ")}`;
}

/** Why a server was not stopped. */
export function notStoppedInWords(server: string, act: StopAct, holdUps: readonly HoldUp[]): string {
  return `${server} is not stopped, and runs as before: ${holdUps.map((one) => holdUpInWords(one, act)).join("; ")}`;
}

/** What a stop was put off for. */
export function putOffInWords(server: string, seconds: number, act: StopAct, holdUps: readonly HoldUp[]): string {
  return `${server}: waiting for ${seconds} s: ${holdUps.map((one) => holdUpInWords(one, act)).join("; ")}`;
}

export function checkpointingInWords(server: string, seconds: number): string {
  return `${server}: a checkpoint before its shutdown, for ${seconds} s so far; it serves everybody meanwhile`;
}

/** A walsender that was ended, since nobody answers at its other end. */
export function senderEndedInWords(server: string, name: string, from: string | undefined, seconds: number): string {
  return `${server}: ended its walsender to ${receiver(name, from)}, which confirmed nothing for ${seconds} s and would have held up its shutdown; it streams again when it is back`;
}

function receiver(name: string, from: string | undefined): string {
  return `${shownInLine(name === "" ? "a client without a name" : name)}${from === undefined ? "" : ` (${from})`}`;
}

function holdUpInWords(holdUp: HoldUp, act: StopAct): string {
  const isGivenUp = act === "give up";
  const gap =
    act === "hand over"
      ? "another server takes over, so the archive will lack what waits then: see to archive_command first, or make a new base backup for the archive after it"
      : "they are archived when it runs again";
  switch (holdUp.code) {
    case "processStuck": {
      const { pid, title, seconds } = holdUp;
      const process = `process ${pid} (${shownInLine(title)})`;
      if (holdUp.in === "call") {
        const ways = "see to the disk, or the mount, that it waits for";
        return `${process} hangs in a system call (state D, for ${seconds} s and more), and nothing ends it: stopped now, the server would neither end nor start again${isGivenUp ? "" : `: pgsite does not stop it until that process goes on; ${ways}`}`;
      }
      const end = isGivenUp
        ? "its shutdown would wait for that for ever, so it is ended as by a crash"
        : `its shutdown would wait for that for ever: pgsite does not stop it until that process goes on (kill -CONT ${pid}, or end the debugger)`;
      return `${process} was stopped by a signal or a debugger (state T, for ${seconds} s and more): ${end}`;
    }
    case "archiverHangs":
      return `archive_command has been at one segment for ${holdUp.seconds} s, and ${segmentsInWords(holdUp.segments)} wait: the shutdown waits a few seconds for it, once its last checkpoint is written, and then ends without; ${gap}`;
    case "archiverFails":
      return `archive_command fails (${shownInLine(holdUp.segment)}), and ${segmentsInWords(holdUp.segments)} wait; ${gap}`;
    case "archiveBehind":
      return `${segmentsInWords(holdUp.segments)} wait for archive_command: the shutdown waits 20 s for it, once its last checkpoint is written; ${gap}`;
    case "preparedTransactions": {
      const one = holdUp.count === 1;
      const where = act === "hand over" ? "on the server that takes over" : "there when it runs again";
      const what = `${holdUp.count} prepared transaction${one ? "" : "s"}`;
      return isGivenUp
        ? `${what} that nobody finished ${one ? "is" : "are"} kept with what it alone has`
        : `${what} ${one ? "survives this and is" : "survive this and are"} ${where}`;
    }
    case "preparedTooMany":
      return `it has ${holdUp.count} prepared transactions, and with max_prepared_transactions ${holdUp.declared} it would not start: pgsite does not stop it until they are finished (commit prepared, or rollback prepared; pg_prepared_xacts names them), or the setting is raised`;
    case "baseBackup": {
      const begun = `a base backup (${receiver(holdUp.name, holdUp.from)}) has run for ${holdUp.seconds} s`;
      return isGivenUp
        ? `${begun}, and ends with it`
        : `${begun}, and a stop would end it: pgsite waits a minute for it, and then refuses; let it end, or end it (pg_terminate_backend)`;
    }
    case "exclusiveBackup":
      return isGivenUp
        ? "it is in backup mode (pg_start_backup), which ends with it"
        : "it is in backup mode (pg_start_backup), which a stop would end, and the copy would be worth nothing: pgsite waits a minute for it, and then refuses; end it (select pg_stop_backup())";
    case "receiverSilent":
      return `its walsender to ${receiver(holdUp.name, holdUp.from)} has not heard from it for ${holdUp.seconds} s${isGivenUp ? "" : ", and is ended before if that stays so: a shutdown would wait for it"}`;
    case "receiverBehind":
      return `${receiver(holdUp.name, holdUp.from)} lacks ${prettyBytes(holdUp.bytes)} of its WAL: the shutdown waits 20 s for it, once its last checkpoint is written`;
    case "checkpointDue":
      return `${prettyBytes(holdUp.bytes)} of WAL have come since its last checkpoint: another is made before, while it serves everybody, and may take its time`;
    case "checkpointHangs":
      return `the checkpoint that is to make its shutdown short did not end within ${holdUp.seconds} s: see to its disk, and run again`;
    case "replayPaused":
      return "somebody paused its replay (pg_wal_replay_pause): it goes on replaying once it was stopped";
    case "nextPaused":
      return `somebody paused the replay of ${holdUp.next}, which is to take over: let it go on first (select pg_wal_replay_resume() there)`;
    case "nextSilent":
      return `${holdUp.next}, which is to take over, did not confirm what it was sent within ${holdUp.seconds} s`;
    case "synchronous":
      return `commits on ${holdUp.upstream} wait while it is away: synchronous_standby_names asks for it, and no other standby can stand in`;
    case "nobodySynchronous":
      return `once ${holdUp.next} has taken over, commits wait for ever: its synchronous_standby_names (${shownInLine(holdUp.names)}) names no server that follows it; declare another`;
    case "checkpointFails":
      return `the checkpoint that is to make its shutdown short fails, and so would the one of its shutdown: ${shownInLine(holdUp.because)}`;
    case "unanswered":
    case "notAsked":
      return `what else holds up its shutdown is not known: ${shownInLine(holdUp.because)}`;
  }
}
