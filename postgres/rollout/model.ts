/** The types of a rollout: what is there, what is declared, and the plan between the two. */

import type { Floors } from "../settings/floors.js";
import type { StartObstacle } from "../start/model.js";
import type { Major } from "../versions.js";
import type { Received } from "../wal/received.js";
import type { Behind, Divergence, Fork, KeepDiverged, Rejoin, RejoinObstacle } from "./diverged.js";

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
  /** A hash of each way by which those rules let standbys in. */
  readonly replicas?: readonly string[];
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
  /** It can never again follow the primary: it has what that has not. */
  readonly diverged?: Divergence;
  /** Why nothing is known of it now: what is said here is of the last time. */
  readonly unreachable?: string;
  /** Of a server in recovery, where a failover is in question. */
  readonly received?: Received;
  /** How it becomes a standby of the declared primary again, where it can. */
  readonly rejoin?: Rejoin;
  /** How it is seeded again, where it is behind and does not follow by itself. */
  readonly behind?: Behind;
  /** Of a stopped standby: a left-over file that would promote it as soon as it starts. */
  readonly trigger?: string;
  /** What the files of a running server say, where that is not what it runs with. */
  readonly filed?: Readonly<Record<string, string>>;
  /** Settings that the program was started with, by name: no file overrides those. */
  readonly given?: readonly string[];
  /** Settings of libraries that it has loaded which a start alone changes, by its own word. */
  readonly startOnly?: readonly string[];
}

export type Role = "primary" | "standby" | "mirror";

export interface DesiredServer extends ConfigurationFacts {
  readonly version: Major;
  readonly role: Role;
  /** The server it replicates from; one outside of this stack is not among the desired ones. */
  readonly upstream?: string;
  readonly hotStandby: boolean;
}

export type Action = "install" | "reload" | "restart" | "start" | "rejoin" | "seed";

/** Why a server has its turn. `servers/words/plan.ts` says it. */
export type Reason =
  | {
      readonly code: "setting";
      readonly setting: string;
      /** The values as they may be shown, a secret masked: both the same where the secret is another. Left out where it is not set. */
      readonly from?: string;
      readonly to?: string;
      /** `from` waits in a file for a restart, which is not to bring it into force. */
      readonly waits?: true;
    }
  /** It stays at `value` until the servers of `until` have their new one; none is an upstream outside of this stack. */
  | { readonly code: "held"; readonly setting: string; readonly value: string; readonly until: readonly string[] }
  | { readonly code: "fileDiffers" | "fileMissing" | "fileLeftOver"; readonly file: string }
  /** In comments, or in the order of what means the same. */
  | { readonly code: "fileText"; readonly file: string }
  /** pg_hba.conf is to be read again. */
  | { readonly code: "accessUnread" }
  | { readonly code: "otherProgram"; readonly program: string }
  | { readonly code: "certificateRenewed" }
  | { readonly code: "interrupted" }
  | { readonly code: "stopped" }
  /** Its data are a base backup of this very run. */
  | { readonly code: "seeded" }
  /** A file that would promote it, which is moved away before. */
  | { readonly code: "triggerLeftOver"; readonly path: string }
  /** Its rules let these servers in as they come now, and as they are to come. */
  | { readonly code: "letsBothIn"; readonly servers: readonly string[] }
  /** All that follow it come as is declared: its rules let nobody in any more by how they came before. */
  | { readonly code: "letsInAsDeclared" };

/** One server's turn. Files that differ are installed first, whatever the action. */
export interface Step {
  readonly server: string;
  readonly action: Action;
  readonly because: readonly Reason[];
  /**
   * Settings that stay as they are for now although the files declare another value: a later step of the same server gives
   * it that. Empty for a server's last step.
   */
  readonly hold: Readonly<Record<string, string>>;
  /** Its pg_hba.conf also lets standbys in as they come now. `alone`: nothing but that file is installed. */
  readonly both?: "alone" | "with all";
  /** With `rejoin`, which starts it too. */
  readonly rejoin?: Rejoin;
  /** With `seed`, which starts it too. */
  readonly behind?: Behind;
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

/** What is known of what a failover loses. */
export interface Loss {
  /** By the standby that takes over; left out where nothing tells. */
  readonly received?: Received;
  /** Servers that received more, the most advanced first. */
  readonly ahead: readonly { readonly server: string; readonly received: Received }[];
  /** All others of which it is known what they received. */
  readonly others: readonly string[];
}

/** A failover with what it costs. */
export interface CostedFailover extends Failover {
  readonly loss: Loss;
}

/** Servers of the stack that are gone, by name; they are neither among the actual ones nor among the desired. */
export type LostServers = Readonly<Record<string, { readonly acceptDataLoss: boolean }>>;

/** Why nothing may be done as things are. `servers/words/refusals.ts` says it, with the remedy. */
export type Refusal =
  | { readonly code: "otherVersion"; readonly server: string; readonly is: Major; readonly declared: Major }
  | {
      readonly code: "roles";
      readonly servers: readonly { readonly server: string; readonly inRecovery: boolean; readonly declared: Role }[];
    }
  | { readonly code: "diverged"; readonly server: string; readonly diverged: Divergence }
  | {
      readonly code: "cannotRejoin";
      readonly server: string;
      readonly primary: string;
      readonly keep: KeepDiverged;
      readonly why: RejoinObstacle;
    }
  /** It is to be seeded again, and nobody has allowed that. */
  | { readonly code: "seedNotAllowed"; readonly server: string; readonly behind: Behind }
  | { readonly code: "cannotSeed"; readonly server: string; readonly primary: string; readonly why: RejoinObstacle }
  | ({ readonly code: "belowPrimary"; readonly server: string; readonly primary: string } & Gap)
  /** The server is to insist on TLS with an upstream that runs without; or does, with one that is to run without. */
  | { readonly code: "tlsNotThere" | "tlsStillNeeded"; readonly server: string; readonly upstream: string }
  /** It would not start with what it is to get. */
  | { readonly code: "cannotStart"; readonly server: string; readonly because: readonly StartObstacle[] }
  /** It runs and does not answer. */
  | { readonly code: "silent"; readonly server: string }
  | SwitchoverRefusal
  | FailoverRefusal;

/** A setting that a hot standby may not have below its primary's. */
export interface Gap {
  readonly setting: string;
  readonly value: number;
  readonly floor: number;
}

interface OfSwitchover extends Switchover {
  readonly act: "switchover";
}

interface OfFailover extends Failover {
  readonly act: "failover";
}

/** What stands against taking over by either act. */
type TakeoverRefusal =
  | { readonly code: "nextStopped" }
  /** Its version is promoted by a trigger file alone, and it knows of none. */
  | { readonly code: "noTriggerFile" }
  | ({ readonly code: "belowNext"; readonly server: string } & Gap);

export type SwitchoverRefusal = OfSwitchover &
  (
    | TakeoverRefusal
    /** Servers that are to be seeded again after it, of which nobody has allowed that. */
    | { readonly code: "timelinesNotFollowed"; readonly servers: readonly string[] }
    /** `upstream` is left out where it is not known. */
    | { readonly code: "followsAnother"; readonly upstream?: string }
    /** With what a failover would lose. */
    | { readonly code: "oldUnreachable"; readonly why: string; readonly loss: Loss }
    | { readonly code: "oldCrashed"; readonly loss: Loss }
  );

export type FailoverRefusal = OfFailover &
  (
    | TakeoverRefusal
    | { readonly code: "otherUnreachable"; readonly server: string; readonly why: string }
    /** The one that takes over goes on receiving WAL. */
    /** How one sees that it lives. */
    | { readonly code: "notLost"; readonly by: "fed" | "answered" }
    | { readonly code: "receivedUnknown" }
    | {
        readonly code: "otherAhead";
        readonly received: Received;
        readonly ahead: { readonly server: string; readonly received: Received };
      }
    /** It may not have got the last of it. */
    | { readonly code: "streamEnd"; readonly received: Received }
  );

export interface RolloutPlan {
  /** What comes before the steps, which are planned as if it were done. */
  readonly switchover?: Switchover;
  /** The same. */
  readonly failover?: CostedFailover;
  /** Servers that take writes beside the primary: they are stopped before the steps. */
  readonly superseded?: Readonly<Record<string, Rejoin>>;
  readonly steps: readonly Step[];
  /** Why nothing may be done; then there are no steps. */
  readonly refusals: readonly Refusal[];
}

/** One thing after the other that a plan does, as previews, states and reports have it. */
export type PlannedStep =
  | ({ readonly action: "switchover" } & Switchover)
  | ({ readonly action: "failover" } & CostedFailover)
  /** It takes writes beside the primary. */
  | { readonly action: "stop"; readonly server: string; readonly fork: Fork }
  | Omit<Step, "hold" | "both">;

/** What becomes of a server of another stack when the one that it follows is the primary no more. */
export interface MirrorAfter {
  readonly mirror: string;
  /** The stack that describes it, where that is named. */
  readonly stack?: string;
  /** The primary so far, and the one that takes its place. */
  readonly from: string;
  readonly to: string;
  /** It is known to follow `from`. */
  readonly known?: true;
  /** `cut off`: it gets nothing before its own stack has it follow another. */
  readonly fate: "streams on" | "follows by itself" | "cut off" | "seeded again";
  /** Why it is cut off: `warm`: a standby that is not hot lets nobody stream from it. */
  readonly because?: "warm" | "lost";
}

/** A plan as it is shown: steps in their order, or why there are none. Plain data, which can be kept as JSON. */
export interface PlanReport {
  readonly steps: readonly PlannedStep[];
  readonly refusals: readonly Refusal[];
  /** Servers of other stacks that are concerned. */
  readonly mirrors?: readonly MirrorAfter[];
}
