import type { LockedOut } from "./lockedOut.js";

/** What may be wrong with a server, as data. Its sentences are made in servers/words/problems.ts. */

/** How a server gave no session. */
export type UnreachableKind =
  | "refused"
  | "timeout"
  /** Its host could not be reached, and with it nothing of it. */
  | "host"
  /** The connection ended before its first byte: nothing listens there, or nobody lets us through. */
  | "silent"
  /** No rule of its pg_hba.conf lets us in, or one rejects us. */
  | "noRule"
  /** The password is another one; or the role is not there, and the rule does not tell. */
  | "password"
  /** The role is not there, or may not log in. */
  | "role"
  /** Another method than a password does not let us in: peer, cert … */
  | "authentication"
  /** All connections are in use, or all that the role or database may have. */
  | "full"
  | "noDatabase"
  /**
   * It runs and takes nobody in (SQLSTATE 57P03): it starts, recovers, stops, or is a warm standby. Its words alone say which, in
   * its own language: postmaster.pid and its processes tell that.
   */
  | "cannotConnectNow"
  | "tls"
  /** It asked for a password as it may not, or showed nothing by which it could be believed. It was told nothing. */
  | "unproven"
  | "other";

/** Kinds by which a server says whom it does not let in. */
const refusals: ReadonlySet<UnreachableKind> = new Set(["noRule", "password", "role", "authentication"]);

/** Whether a server, or its rules, let the one who asks not in: another password or role may. */
export function isRefusal(kind: UnreachableKind | undefined): boolean {
  return kind !== undefined && refusals.has(kind);
}

/** Whether waiting does not mend it: somebody has to change something. */
export function isDefinite(kind: UnreachableKind | undefined): boolean {
  return isRefusal(kind) || kind === "noDatabase" || kind === "tls" || kind === "unproven";
}

/** Why a server gave no session. `because`: what it said, or what the connection failed with. */
export interface Unanswered {
  readonly kind: UnreachableKind;
  readonly because: string;
}

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

/** Another server of the site took over: this one has the data of an earlier timeline. */
export interface Superseded {
  readonly by: string;
  /** `10.0.0.3:5442` */
  readonly at: string;
  readonly timeline: number;
  /** That of this server's data. */
  readonly own: number;
  /** The program that makes it a standby again. */
  readonly rejoin: string;
}

/** What is wrong with a server: a code to decide by, and facts. */
export type ServerProblem =
  | { readonly code: "lost" }
  | HostProblem
  | { readonly code: "foreignData"; readonly dataDirectory: string }
  /** `expected`: the system identifier of the data that pgsite put there. */
  | { readonly code: "replacedData"; readonly expected: string }
  | { readonly code: "halfFilled" }
  | { readonly code: "noData" }
  | { readonly code: "stopped" }
  /** By the guard of its runbook. */
  | ({ readonly code: "startRefused" } & Superseded)
  /** `unit`: of its distribution, which counts it as stopped. */
  | { readonly code: "outsideUnit"; readonly unit: string }
  | ({ readonly code: "unanswered" } & Partial<Unanswered>)
  /** It runs, and not where others look for it. `at`: what it says itself; a Unix socket alone where it listens at no address. */
  | { readonly code: "listensElsewhere"; readonly at: string; readonly declared: string }
  /** It runs and keeps pgsite out. */
  | { readonly code: "lockedOut"; readonly lock: LockedOut }
  | { readonly code: "severalWrite"; readonly others: readonly string[] }
  | { readonly code: "writesUndeclared"; readonly role: "primary" | "standby" | "mirror" }
  | { readonly code: "primaryInRecovery" }
  | {
      readonly code: "anotherCluster";
      readonly systemIdentifier: string;
      readonly writing: { readonly server: string; readonly systemIdentifier: string };
    }
  | StreamProblem
  | { readonly code: "nobodyWrites" };
