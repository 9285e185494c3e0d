/** The types of a rollout: what is there, what is declared, and the plan between the two. */

import type { Floors } from "../settings/floors.js";
import type { Major } from "../versions.js";
import type { Received } from "../wal/received.js";

/** The ways, the best first: what is copied is what differs by the WAL, what differs by its bytes, or everything. */
export const rejoinWays = ["pg_rewind", "delta copy", "base backup"] as const;
export type RejoinWay = (typeof rejoinWays)[number];

/** What of a diverged server stays on its host until the operator removes it: a whole copy, or the WAL since the fork. */
export type KeepDiverged = "data" | "wal";

/** A server whose timeline the primary's comes from, and which did not end where the primary left it. */
export interface Fork {
  readonly timeline: number;
  /** The server that went on as the site's, and its timeline. */
  readonly primary: string;
  readonly primaryTimeline: number;
  /** Where the primary left: `0/5000060`. */
  readonly at: string;
  /** `on`: it went on; `crashed`: it did not shut down, so that nobody knows whether it did; `writes`: it takes writes now. */
  readonly end: "on" | "crashed" | "writes";
  /** It was a standby until then. */
  readonly recovers: boolean;
}

/** Why a server cannot follow the primary as it is. */
export interface Divergence {
  /**
   * `went on`: after the primary had left its timeline; `unrelated`: the primary's does not come from it; `same number`: it
   * has the primary's number and another past.
   */
  readonly kind: "went on" | "unrelated" | "same number";
  readonly timeline: number;
  readonly primaryTimeline: number;
  /** `rejoin`: the rollout does that; `choose`: it may be the one that has the site's data; `by hand`: only people know what its data are worth. */
  readonly remedy: "rejoin" | "choose" | "by hand";
}

/** A rejoin, decided. */
export interface Rejoin extends Fork {
  readonly way: RejoinWay;
  /** Why no better way goes, the best first. */
  readonly instead: readonly string[];
  readonly keep: KeepDiverged;
  /** Where that is kept; the time that ends its name is the act's. */
  readonly kept: string;
  /** Why it cannot be done as things are, with the remedy. */
  readonly refusal?: string;
}

/**
 * The order in which configuration comes into force on the servers of a stack: one server at a time, and no hot standby
 * ever below its primary (PostgreSQL, "Hot Standby", Administrator's Overview). A pure function of what is and what shall be.
 */

/** Settings in force and files in place on a server, or as declared. */
export interface ConfigurationFacts {
  /** A hash of each file by name. */
  readonly files: Readonly<Record<string, string>>;
  /** What the files of settings say, by name; of a running server: what it runs with. */
  readonly settings: Readonly<Record<string, string>>;
  /** A hash of the rules of pg_hba.conf in order: with the same one, its text differs in nothing that matters. */
  readonly rules?: string;
  /** There are secrets in the files: these could be guessed from the hashes. */
  readonly secret?: true;
}

export interface ActualServer extends ConfigurationFacts {
  /** False where it has no data (yet): it is seeded and started with its declared configuration, not rolled out. */
  readonly data: boolean;
  readonly running: boolean;
  readonly inRecovery: boolean;
  /** The server of this stack that it follows now; left out where that is not known. */
  readonly follows?: string;
  /** Of a stopped standby: the floors in its control file, below which it does not start hot. */
  readonly recorded?: Floors;
  /** What an interrupted rollout still owes, where files are in place that are not in force. */
  readonly pending?: "reload" | "restart";
  /** It has not read pg_hba.conf since that was touched, or will be: another owner or mode makes it a new file. */
  readonly unread?: boolean;
  /** The program that it runs as, where that is not the declared one. */
  readonly program?: string;
  /** It started with another certificate than its files hold, and only a restart brings that into force. */
  readonly renewed?: boolean;
  /** Of its data, where that is not the declared one. */
  readonly version?: Major;
  /** Of a stopped one that was a primary: it was shut down, so that its control file says where its WAL ends. */
  readonly shutDown?: boolean;
  /** Why it can never again follow the primary: it has what that has not. */
  readonly diverged?: string;
  /** Why nothing is known of it now: what is said here is of the last time. */
  readonly unreachable?: string;
  /** Of a server in recovery, where a failover is in question. */
  readonly received?: Received;
  /** How it becomes a standby of the declared primary again, where it can. */
  readonly rejoin?: Rejoin;
  /** Of a stopped standby: a left-over file that would promote it as soon as it starts. */
  readonly trigger?: string;
  /** What the files of a running server say, where that is not what it runs with. */
  readonly filed?: Readonly<Record<string, string>>;
  /** Settings that the program was started with, by name: no file overrides those. */
  readonly given?: readonly string[];
}

export interface DesiredServer extends ConfigurationFacts {
  readonly version: Major;
  readonly role: "primary" | "standby" | "mirror";
  /** The server it replicates from; one outside of this stack is not among the desired ones. */
  readonly upstream?: string;
  readonly hotStandby: boolean;
}

export type Action = "install" | "reload" | "restart" | "start" | "rejoin";

/** One server's turn. Files that differ are installed first, whatever the action. */
export interface Step {
  readonly server: string;
  readonly action: Action;
  /** Why, for people: `max_connections 400 → 500`. */
  readonly because: readonly string[];
  /**
   * Settings that stay as they are for now although the files declare another value: a later step of the same server gives
   * it that. Empty for a server's last step.
   */
  readonly hold: Readonly<Record<string, string>>;
  /** With `rejoin`, which starts it too. */
  readonly rejoin?: Rejoin;
}

/** The server that takes writes hands that over to a standby of its. */
export interface Switchover {
  readonly from: string;
  readonly to: string;
}

/** A standby takes over from a primary that is lost. */
export interface Failover {
  readonly from: string;
  readonly to: string;
}

/** Servers of the stack that are gone, by name; they are neither among the actual ones nor among the desired. */
export type LostServers = Readonly<Record<string, { readonly acceptDataLoss: boolean }>>;
export interface RolloutPlan {
  /** What comes before the steps, which are planned as if it were done. */
  readonly switchover?: Switchover;
  /** The same. `words`: what is done, and what is lost with it as far as anybody knows. */
  readonly failover?: Failover & { readonly words: string };
  /** Servers that take writes beside the primary: they are stopped before the steps. */
  readonly superseded?: Readonly<Record<string, Rejoin>>;
  readonly steps: readonly Step[];
  /** Why nothing may be done; then there are no steps. */
  readonly refusals: readonly string[];
}
