import type { ServerRole } from "../../config/site.js";
import type { State } from "../status/observation.js";

/**
 * All that the page of one or several sites shows, as data: `collect.ts` makes it of the same reports as `pgsite status` and `pgsite drift`,
 * `page/` shows it in a browser. Every sentence in it is for people and made by `servers/words/`; what the page decides by is beside it.
 * Times are ISO 8601 in UTC. No secret is in it: values are masked before they come here. Left out: not known, or it does not apply.
 */
export interface PageReport {
  readonly format: 1;
  readonly generatedAt: string;
  /** In the order in which they were named. */
  readonly stacks: readonly PageStack[];
}

export interface PageStack {
  readonly stack: string;
  /** The replicated database as a whole: stacks of one site have the same. */
  readonly site: string;
  /** Declared major version. */
  readonly version: string;
  readonly servers: readonly PageServer[];
  readonly streams: readonly PageStream[];
  readonly drift: PageDrift;
  readonly backups?: PageBackups;
  readonly watch?: PageWatch;
  /** Rollouts, and what changed the roles of servers, newest first; those by hand too. */
  readonly history: readonly PageEvent[];
  /** What could not be looked at, in sentences. */
  readonly unknown: readonly string[];
}

export interface PageServer {
  readonly name: string;
  readonly host: string;
  /** As declared. */
  readonly role: ServerRole | "standalone";
  readonly address: string;
  readonly port: number;
  readonly dataDirectory: string;
  /** Of the running server (`15.18`), else of its data (`15`). */
  readonly version?: string;
  readonly state: State;
  readonly timeline?: number;
  readonly lagBytes?: number;
  readonly lagSeconds?: number;
  /** Why it replays late, in words. */
  readonly late?: string;
  readonly walSenders?: readonly string[];
  readonly systemIdentifier?: string;
  readonly problems: readonly { readonly code: string; readonly message: string }[];
  readonly settings: readonly PageSetting[];
}

/** A setting of one server. */
export interface PageSetting {
  readonly name: string;
  /** As rendered into its files; left out where nobody declares it. */
  readonly declared?: string;
  /** What the running server says of itself; left out where it could not be asked. */
  readonly running?: string;
  /** Both are there and do not mean the same. */
  readonly differs: boolean;
  /** It is in its file, and waits for a restart. */
  readonly pendingRestart?: true;
}

/** How WAL comes to a server, from one of this stack, or of another one by its name. */
export interface PageStream {
  readonly server: string;
  readonly from: string;
  /** Why it does not stream, in words; left out if it does. */
  readonly off?: string;
}

export interface PageDrift {
  /** `not asked`: the page was written without. */
  readonly outcome: "clean" | "drift" | "unknown" | "not asked";
  readonly differences: readonly PageDifference[];
  /** Why something is not known. */
  readonly reasons: readonly string[];
  /** What `pulumi up` would do, in order. */
  readonly plan: readonly string[];
  /** Why it would refuse. */
  readonly refusals: readonly string[];
}

export interface PageDifference {
  readonly server?: string;
  readonly object: string;
  /** The setting that it is about. */
  readonly setting?: string;
  readonly there: string;
  readonly declared?: string;
  /** Somebody is let in without a password, and nobody declared that. */
  readonly open?: true;
  /** What undoing it takes: one of `consequences` (postgres/differences.ts), in words. */
  readonly consequence: string;
}

export interface PageBackups {
  /** When it is to run, in words (`Sundays at 11:02, America/Santiago`). */
  readonly schedule: string;
  /** Newest first, of all places. */
  readonly runs: readonly PageRun[];
  /** Names of the newest whole run, and of the newest that a drill has restored. */
  readonly whole?: string;
  readonly verified?: string;
  /** A place could not be looked at: there may be newer runs. */
  readonly unasked?: true;
}

export interface PageRun {
  /** Its folder's name, by UTC time: `20261129T140200Z`. */
  readonly name: string;
  readonly at: string;
  readonly server: string;
  /** Host and folder where it lies. */
  readonly place: string;
  readonly bytes?: number;
  readonly seconds?: number;
  readonly state: "whole" | "partial" | "damaged";
  /** When a drill restored it. */
  readonly verifiedAt?: string;
}

export interface PageWatch {
  readonly schedule: string;
  /** Open ones first, then the newest. */
  readonly incidents: readonly PageIncident[];
}

export interface PageIncident {
  /** The server that it is about, and the one that saw it. */
  readonly server: string;
  readonly seenBy: string;
  /** A condition of postgres/watch. */
  readonly condition: string;
  readonly message: string;
  readonly since: string;
  /** Left out: it goes on. */
  readonly ended?: string;
}

export interface PageEvent {
  readonly at: string;
  /** `update`: of the stack. `role`: a server became a primary, or a standby. */
  readonly kind: "update" | "role" | "upgrade";
  readonly server?: string;
  /** `hand`: on the host, without Pulumi. */
  readonly by: "pulumi" | "hand";
  readonly result: "succeeded" | "failed" | "in-progress";
  readonly message: string;
}
