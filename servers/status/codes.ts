import type { ServerRole } from "../../config/site.js";
import type { Unanswered } from "../sql/session.js";

/** Why a host told nothing. `because`: in the words of whoever was in the way, ssh or su say. */
export type HostProblem =
  | { readonly code: "hostUnreachable"; readonly host: string; readonly because: string }
  | { readonly code: "hostSilent"; readonly seconds: number }
  | { readonly code: "hostFailed"; readonly because: string };

/** Why a server in recovery does not get the WAL of its upstream. */
export type StreamProblem =
  | {
      readonly code: "notStreaming";
      readonly upstream: string;
      /** The upstream gave no session, so nothing more is known. */
      readonly unanswered?: Unanswered;
    }
  /** `state`: of its walsender, as pg_stat_replication has it. */
  | { readonly code: "walsenderWaits"; readonly upstream: string; readonly state: string };

/** What is wrong with a server: a code to decide by, and facts. Its sentence is made in servers/words/problems.ts. */
export type ServerProblem =
  | { readonly code: "lost" }
  | HostProblem
  | { readonly code: "foreignData"; readonly dataDirectory: string }
  /** `expected`: the system identifier of the data that pgsite put there. */
  | { readonly code: "replacedData"; readonly expected: string }
  | { readonly code: "halfFilled" }
  | { readonly code: "noData" }
  | { readonly code: "stopped" }
  /** `because`: the guard of its runbook, in its start.log. */
  | { readonly code: "startRefused"; readonly because: string }
  | ({ readonly code: "unanswered" } & Partial<Unanswered>)
  | { readonly code: "severalWrite"; readonly others: readonly string[] }
  | { readonly code: "writesUndeclared"; readonly role: ServerRole }
  | { readonly code: "primaryInRecovery" }
  | {
      readonly code: "anotherCluster";
      readonly systemIdentifier: string;
      readonly writing: { readonly server: string; readonly systemIdentifier: string };
    }
  | StreamProblem
  | { readonly code: "nobodyWrites" };
