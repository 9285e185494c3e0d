import type { Endpoint, KnownServer } from "../../config/site.js";
import type { LockedOut } from "../../postgres/lockedOut.js";
import type { Slot } from "../../postgres/positions.js";
import type { HostProblem, Superseded } from "../../postgres/serverProblems.js";
import type { Major } from "../../postgres/versions.js";
import type { DataDirectoryState } from "../data/dataDirectory.js";
import type { OwnEnd } from "../process/ownEnd.js";
import type { ProcessState } from "../process/process.js";
import type { RecoveryTitles, SenderTitle } from "../process/recoveryTitles.js";
import type { SqlUnreachable } from "../sql/session.js";
import type { Entry } from "./live.js";

export const states = [
  "read-write",
  "in recovery, read-only",
  "in recovery, refuses queries",
  "starting",
  "stopped",
  "no data",
  "unreachable",
  "lost",
] as const;
export type State = (typeof states)[number];

/** What one server told. */
export interface Observation {
  readonly server: KnownServer;
  readonly data?: DataDirectoryState;
  readonly process?: ProcessState;
  readonly titles: RecoveryTitles;
  /** Of a running one without pg_stat_replication: its walsenders, by their titles. */
  readonly senders?: readonly SenderTitle[];
  /** Of one that receives from such a server: where it connects from. */
  readonly ownEnd?: OwnEnd;
  /** Of a stopped one: why it was refused its last start. */
  readonly superseded?: Superseded;
  /** Of a standby until 11: recovery_min_apply_delay, which its recovery.conf has, and is no setting yet. */
  readonly delay?: string;
  /** Of one that does not stream: it is to replay late, and replays what it has before it asks for more. */
  readonly replaysFirst?: true;
  /** Of a running one: how it keeps pgsite out. */
  readonly locked?: LockedOut;
  /** Of a running one: the distribution's unit, which does not know of it. */
  readonly outside?: string;
  /** Why its host told nothing. */
  readonly hostProblem?: HostProblem;
  readonly sql: SqlAnswer;
}

export interface SqlAnswer {
  readonly endpoint: Endpoint;
  readonly unreachable?: SqlUnreachable;
  readonly inRecovery?: boolean;
  readonly major?: Major;
  readonly version?: string;
  readonly timeline?: number;
  /** Its walreceiver streams (9.6 and later). */
  readonly receives?: boolean;
  /** Written by a writable server, replayed by one in recovery. */
  readonly lsn?: string;
  readonly replayAge?: number;
  /** Its replay is paused. */
  readonly paused?: boolean;
  readonly systemIdentifier?: string;
  readonly senders?: readonly Sender[];
  readonly slots?: readonly Slot[];
  /** How pgsite came in. */
  readonly entry?: Entry;
}

export interface Sender {
  readonly name: string;
  /** Where it connects from; null by a socket. */
  readonly from?: string | null;
  readonly state: string;
  readonly replay: string | null;
  /** Seconds. */
  readonly lag: number | null;
}

/** What was seen of the servers of a stack, and what all of the site answered over SQL, its upstream outside the stack too. */
export interface Seen {
  readonly servers: readonly Observation[];
  readonly answers: readonly SqlAnswer[];
}
