/** What is known of a server that cannot follow the primary as it is, and how it becomes its standby again. */

/** The ways, the best first: what is copied is what differs by the WAL, what differs by its bytes, or everything. */
export const rejoinWays = ["pg_rewind", "delta copy", "base backup"] as const;
export type RejoinWay = (typeof rejoinWays)[number];

/** What of a diverged server stays on its host until the operator removes it: a whole copy, or the WAL since the fork. */
export type KeepDiverged = "data" | "wal";

/** A server whose timeline the primary's comes from, or is, and which did not end where the primary left it. */
export interface Fork {
  readonly timeline: number;
  /**
   * The server that went on as the site's, and its timeline: the same one where this was started without what makes it a standby,
   * so that no promotion gave it another.
   */
  readonly primary: string;
  readonly primaryTimeline: number;
  /**
   * Where the primary left: `0/5000060`; on one timeline, where their WAL is no more the same. Left out where nobody can tell. Where
   * `latest` is there, that is the earliest place that it can be.
   */
  readonly at?: string;
  /** The last place that it can be; left out where `at` is the very place. Until 9.2 a history file names a segment alone. */
  readonly latest?: string;
  /** `on`: it went on; `crashed`: it did not shut down, so that nobody knows whether it did; `writes`: it takes writes now. */
  readonly end: "on" | "crashed" | "writes";
  /** It was a standby until then. */
  readonly recovers: boolean;
}

/** Why a server cannot follow the primary as it is. */
export interface Divergence {
  /**
   * `went on`: after the primary had left its timeline; `untold`: it may have, and nothing tells; `unrelated`: the primary's does not come from it; `same number`: it
   * has the primary's number and another past.
   */
  readonly kind: "went on" | "untold" | "unrelated" | "same number";
  readonly timeline: number;
  readonly primaryTimeline: number;
  /** `rejoin`: the rollout does that; `choose`: it may be the one that has the site's data; `by hand`: only people know what its data are worth. */
  readonly remedy: "rejoin" | "choose" | "by hand";
}

/** Why pg_rewind cannot be taken (PostgreSQL: "pg_rewind"). */
export type RewindObstacle =
  /** The version has none. */
  | { readonly code: "noSuchVersion" }
  /** It finds where two timelines parted; these two are one. */
  | { readonly code: "oneTimeline" }
  | { readonly code: "noProgram"; readonly host: string; readonly path: string }
  /** Hint bits are not in the WAL: it has neither data checksums nor wal_log_hints. */
  | { readonly code: "noHints"; readonly server: string }
  | { readonly code: "noFullPages"; readonly server: string }
  /** The end of a standby's WAL may be read too short: `standby-end` by the version, the other by its control file. */
  | { readonly code: "standbyEnd" }
  | { readonly code: "timelineNotRecorded"; readonly server: string }
  /** Another link than that to the WAL: pg_rewind takes it for a difference of kind. */
  | { readonly code: "linked"; readonly server: string; readonly path: string }
  /** One that was made since: its link would come with the primary's path. */
  | { readonly code: "newTablespace"; readonly server: string; readonly location: string }
  | ({ readonly code: "walGone" } & MissingWal)
  | RewindFailure;

/** It was tried. */
export interface RewindFailure {
  readonly code: "failed";
  readonly exitCode: number;
  /** Its own words, line by line. */
  readonly said: readonly string[];
  /** Why it did not go by the way through the machine that runs pgsite either, if that was tried. */
  readonly through?: string;
}

/** A WAL segment since the fork, and the server that has it no more. */
export interface MissingWal {
  readonly segment: string;
  readonly server: string;
}

/** Why rsync cannot go between two hosts. */
export type NoRoad =
  | { readonly code: "noRsync"; readonly hosts: readonly string[] }
  | {
      readonly code: "noSsh";
      /** One for each direction: who does not get where, and what ssh said. */
      readonly tried: readonly {
        readonly user: string;
        readonly host: string;
        readonly peer: string;
        readonly why: string;
      }[];
    };

/** A better way of rejoining that does not go. */
export type Instead =
  | { readonly way: "pg_rewind"; readonly why: RewindObstacle }
  | { readonly way: "delta copy"; readonly why: NoRoad };

/** What is kept and copied in a rejoin does not fit on the server's host. Bytes. */
export interface NoRoom {
  readonly host: string;
  readonly directory: string;
  readonly free: number;
  readonly needed: number;
}

/** A link in a server's data that no copy of them can have: it leads nowhere, or to a folder that has the data in it. */
export interface NotWhole {
  readonly host: string;
  readonly path: string;
  /** What the link says. */
  readonly says: string;
  readonly why: "nowhere" | "above";
}

/** Why what a server alone has cannot be kept, or nothing can take its place, as things are. */
export type RejoinObstacle = NoRoom | NotWhole;

/** A rejoin, decided. */
export interface Rejoin extends Fork {
  readonly way: RejoinWay;
  /** Why no better way goes, the best first. */
  readonly instead: readonly Instead[];
  readonly keep: KeepDiverged;
  /** Where that is kept; the time that ends its name is the act's. */
  readonly kept: string;
  /** Why it cannot be done as things are. */
  readonly refusal?: RejoinObstacle;
}

/**
 * A server that is merely behind, on a timeline that its primary left or leaves in this very plan, where its version does not
 * follow over the line: its data are the beginning of the primary's, and nothing is lost where these take their place.
 */
export interface Behind {
  readonly primary: string;
  /** Its own and the primary's. Left out where the takeover by which it is left behind is still to come. */
  readonly timelines?: { readonly own: number; readonly primary: number };
  readonly way: Exclude<RejoinWay, "pg_rewind">;
  /** Why no better way goes. */
  readonly instead: readonly Instead[];
  /** Why it cannot be done as things are. */
  readonly refusal?: RejoinObstacle;
}
