import { declaredLost } from "../../hosts/lost.js";
import type { ServerProblem, Superseded } from "../../postgres/serverProblems.js";
import { lockedOutInWords, mendInWords } from "./lockedOut.js";

/** The sentence about a server's problem, and what to do about it if that is known. */
export function problemInWords(problem: ServerProblem): string {
  switch (problem.code) {
    case "lost":
      return `it is ${declaredLost}`;
    case "hostUnreachable":
      return `${problem.host} cannot be reached: ${problem.because}`;
    case "hostSilent":
      return `its host does not answer within ${problem.seconds} s`;
    case "hostFailed":
      return problem.because;
    case "foreignData":
      return `${problem.dataDirectory} holds data that pgsite did not make`;
    case "replacedData":
      return `its data was replaced: pgsite put system identifier ${problem.expected} there`;
    case "halfFilled":
      return "its data directory is half filled: run pulumi up";
    case "noData":
      return "it has no data: run pulumi up";
    case "stopped":
      return "it does not run: run pulumi up, or pgsite start";
    case "startRefused":
      return `it does not run, and its last start was refused: ${supersededWords(problem)}`;
    case "outsideUnit":
      return `it runs outside of ${problem.unit}.service, which counts it as stopped: nothing stops it in order at a shutdown; the next restart by pgsite brings it back into that, or as root, once it was stopped (pg_ctl stop), systemctl start ${problem.unit}`;
    case "unanswered":
      return problem.because ?? "it does not answer";
    case "lockedOut":
      return `${lockedOutInWords(problem.lock)}; ${mendInWords(problem.lock)}`;
    case "listensElsewhere":
      return `it listens at ${problem.at}, and is declared to at ${problem.declared}: run pulumi up, which restarts it`;
    case "severalWrite":
      return `it takes writes, and so does ${problem.others.join(", ")}: stop the one that clients do not use`;
    case "writesUndeclared":
      return `it takes writes, and is declared ${problem.role}`;
    case "primaryInRecovery":
      return "it is declared primary, and is in recovery";
    case "anotherCluster": {
      const { systemIdentifier, writing } = problem;
      return `its system identifier is ${systemIdentifier}, and that of ${writing.server} is ${writing.systemIdentifier}: another cluster`;
    }
    case "notStreaming":
      return problem.unanswered === undefined
        ? `it does not stream from ${problem.upstream}`
        : `it does not stream: ${problem.unanswered.because}`;
    case "walsenderWaits":
      return `its walsender on ${problem.upstream} is in state ${problem.state}`;
    case "nobodyWrites":
      return "no server of the site takes writes";
  }
}

/** Why a server is refused its start, with what to do. */
export function supersededWords({ by, at, timeline, own, rejoin }: Superseded): string {
  return `${by} (${at}) is on timeline ${timeline} and this data on ${own}: it was superseded; make it a standby: pulumi up, or ${rejoin} NAME with the name of the server that takes writes`;
}
