import type { Divergence } from "./rollout/diverged.js";
import type { ServerProblem, StreamProblem } from "./serverProblems.js";

/** What a server is to the others of its site. Nothing but data: it stands in the state. */
export interface Position {
  readonly replication: Replication;
  /** Left out if it is on the site's timeline, or may come to that. */
  readonly diverged?: Divergence;
  /** Slots that nobody declared: each keeps WAL for somebody who may never come. Left out if there are none. */
  readonly foreignSlots?: readonly Slot[];
}

/** By the server's name. */
export type Positions = Readonly<Record<string, Position>>;

export type Replication =
  | { readonly kind: "writes" }
  | { readonly kind: "streams"; readonly from: string }
  /** In recovery, and declared to stream from nobody. */
  | { readonly kind: "recovers" }
  /** `because`: a line of its own log. */
  | { readonly kind: "off"; readonly why: StreamProblem; readonly because?: string }
  | { readonly kind: "not running" }
  | { readonly kind: "unknown"; readonly why: ServerProblem };

/** A replication slot that outlives the session that made it. */
export interface Slot {
  readonly name: string;
  readonly kind: "physical" | "logical";
  /** Somebody streams from it now. */
  readonly active: boolean;
}
