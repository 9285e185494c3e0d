import type { LostServer } from "../../config/lost.js";
import type { BaseBackupChoice, Endpoint, KnownServer } from "../../config/site.js";
import type { RunsWith } from "../../postgres/files/differences.js";
import type { Behind, Divergence, Rejoin } from "../../postgres/rollout/diverged.js";
import type { KnownMirror } from "../../postgres/rollout/mirrors.js";
import type { ConfigurationFacts, PlannedStep, Refusal } from "../../postgres/rollout/model.js";
import type { Major } from "../../postgres/versions.js";
import type { Received } from "../../postgres/wal/received.js";

/** A server as declared: what it takes to act on it, and a digest of its files. */
export interface RolloutServer extends Omit<KnownServer, "settings">, ConfigurationFacts {
  /** Files that must not be in the data directory. */
  readonly absent: readonly string[];
}

export interface RolloutArgs {
  readonly site: string;
  readonly servers: Readonly<Record<string, RolloutServer>>;

  /** Those that are declared lost; they are not among `servers`. */
  readonly lost?: Readonly<Record<string, LostServer>>;

  /** A shell command that makes sure that a lost primary stays off. */
  readonly fence?: string;

  /** Servers of other stacks that follow servers of this one. No difference by itself. */
  readonly __mirrors?: readonly KnownMirror[];

  /** Servers whose data may be replaced where they are merely behind. No difference by itself. */
  readonly __seedAgain?: readonly string[];

  /** How data are copied between hosts, where the stack says so: whoever rejoins may need them. */
  readonly baseBackup?: BaseBackupChoice;
  readonly primary?: string;
  readonly upstream?: Endpoint;

  /** Servers outside beside it. */
  readonly others?: readonly Endpoint[];
  readonly administrator: string;
  readonly administratorPassword: string;
}

export interface RolloutState extends RolloutArgs {
  readonly servers: Readonly<Record<string, RolloutServer & Observed>>;

  /** What is to be done; empty where everything is as declared, or nothing may be done. */
  readonly plan: readonly PlannedStep[];

  /** Why nothing may be done. */
  readonly refusals?: readonly Refusal[];

  /** `Observed.startOnly` by server, as `read` found it. No difference by itself. */
  readonly __startOnly?: Readonly<Record<string, readonly string[]>>;

  /** Servers that `read` could not reach, and why: what is said of them is of the last time. No difference by itself. */
  readonly __unreachable?: Readonly<Record<string, string>>;
}

/** What is really there of a server. */
export interface Observed extends ConfigurationFacts {
  readonly data: "present" | "absent";

  /** `silent`: it runs and does not answer, so that nothing can be proven of it. */
  readonly state: "running" | "stopped" | "silent";

  /** Of a running server that answers: what it runs with beside what its files say. */
  readonly runs?: Readonly<Record<string, RunsWith>>;
  readonly recovery: boolean;

  /**
   * Of a running server that answers: settings of libraries that it has loaded which a start alone changes. No table of ours knows
   * them. Never kept.
   */
  readonly startOnly?: readonly string[];

  /** Of a stopped standby: the floors in its control file, below which it does not start hot. */
  readonly recorded?: Readonly<Record<string, number>>;

  /** Of a stopped standby: a trigger file, which would promote it as soon as it starts. */
  readonly trigger?: string;

  /** Of a stopped server: it last ran as a primary, and files of a standby came there since. */
  readonly stale?: true;

  /** It was a primary, and was shut down. */
  readonly shutDown?: true;

  /** Of its data. */
  readonly version: Major;

  /** The program that it runs as, where that is not the declared one. */
  readonly program?: string;

  /** Fingerprint of the certificate that it shows, where the version reads it at the start alone. */
  readonly certificate?: string;

  /** It has not read pg_hba.conf since that was touched, or will be. */
  readonly unread?: true;

  /** It can never again follow the primary as it is. */
  readonly diverged?: Divergence;

  /** How it becomes a standby of the declared primary again, where it can. */
  readonly rejoin?: Rejoin;

  /** How it is seeded again, where it is merely behind and does not follow over the line. */
  readonly behind?: Behind;

  /** What an interrupted rollout still owes. */
  readonly pending?: "reload" | "restart";

  /** Why nothing is known of it now; the rest is of the last time. Never kept. */
  readonly unreachable?: string;

  /** Of one in recovery, where a failover is in question. Never kept. */
  readonly received?: Received;
}

/** A server as declared, without its files. `settings`: where its log is. */
export type TopologyServer = KnownServer;
export interface TopologyArgs extends Omit<RolloutArgs, "servers"> {
  readonly servers: Readonly<Record<string, TopologyServer>>;

  /** Replication slots that somebody else keeps. */
  readonly slots: readonly string[];

  /** A server that is taken out of the stack may be stopped, and its data go. @default they stay */
  readonly disposable?: boolean;
}
