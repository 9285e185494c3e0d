import type { ClusterFacts } from "../upgrade/model.js";
import type { Major } from "../versions.js";
import type { buildFacts } from "../wal/controlFile.js";

/** A move of a server to another host, or another path, as data. `servers/move/` does it, `servers/words/move.ts` says it. */

/** `rename`: the folder stays on its file system. `archive`: its files are copied, in two passes. `dump`: a new cluster, filled by dump and restore. */
export type MoveWay = "rename" | "archive" | "dump";

/** What is asked for; `auto`: by files where these are good at the new place. */
export type MoveWish = "archive" | "dump" | "auto";

/** How far a move has come; docs/move.md has the table. */
export const movePhases = ["copying", "stopping", "copied", "switching", "started", "done"] as const;
export type MovePhase = (typeof movePhases)[number];

export interface PlatformFacts {
  /** uname -m. */
  readonly machine: string;
  /** As os-release(5) names it (`debian 12`), else uname -s: with the same C library it may still have other locales. */
  readonly system: string;
  /** `glibc 2.36`. */
  readonly libc: string;
  /** The ICU that its programs are linked with (`72`); "" where there is none, or nobody says. */
  readonly icu: string;
  /** `15.18`. */
  readonly programs: string;
}

/** A folder that data lead to, and that is not in them: a tablespace, WAL on another disk. */
export interface ApartFolder {
  /** The link, relative to the data directory. */
  readonly link: string;
  readonly leadsTo: string;
}

export interface MoveFacts {
  readonly server: string;
  readonly version: Major;
  readonly way: MoveWay;
  /** Why it is not by files, or would not be. */
  readonly obstacles: readonly MoveObstacle[];
  readonly oneHost: boolean;
  readonly from: PlatformFacts;
  readonly to: PlatformFacts;
  /** What of a build differs, by what initdb made on the new host. */
  readonly differs: readonly (typeof buildFacts)[number][];
  /** Databases whose order is of the operating system, or of ICU. */
  readonly ordered: readonly { readonly name: string; readonly by: "libc" | "icu" }[];
  /** Bytes of data, of WAL. */
  readonly bytes: number;
  readonly walBytes: number;
  readonly apart: readonly ApartFolder[];
  /** Present where it goes by dump and restore. */
  readonly dump?: DumpFacts;
}

/** What a move by dump and restore goes by. */
export interface DumpFacts {
  readonly cluster: ClusterFacts;
  /** Folders of pg_dump and pg_dumpall at the old place, of pg_restore at the new; psql lies in both. */
  readonly clients: { readonly from: string; readonly to: string };
  readonly jobs: number;
  /** Bytes of all databases, and what the new place has to have room for. */
  readonly size: number;
  readonly needed: number;
  /** Seconds: an estimate. */
  readonly downtime: number;
  /** Replication slots, which no dump has. */
  readonly slots: readonly string[];
  /** Databases that let nobody in. */
  readonly closed: readonly string[];
  readonly subscriptions: readonly string[];
}

/** Why files of the old place are not good at the new one. */
export type MoveObstacle =
  | { readonly code: "architecture"; readonly from: string; readonly to: string }
  | { readonly code: "build"; readonly differs: readonly (typeof buildFacts)[number][] }
  /** Texts may have another order there, so that indexes would be wrong. */
  | {
      readonly code: "collation";
      readonly by: "libc" | "icu" | "system";
      readonly from: string;
      readonly to: string;
      readonly databases: readonly string[];
    };

export type MoveRefusal =
  | { readonly code: "not single"; readonly server: string; readonly others: readonly string[] }
  | { readonly code: "same place" }
  | { readonly code: "layout"; readonly layout: string }
  | { readonly code: "unknown role"; readonly server: string; readonly role: string }
  | { readonly code: "files differ"; readonly names: readonly string[] }
  | { readonly code: "not ours"; readonly path: string; readonly is: string }
  | { readonly code: "not running" }
  | { readonly code: "upgrade under way" }
  | { readonly code: "under way"; readonly to: string; readonly phase: MovePhase }
  | { readonly code: "none under way"; readonly server: string }
  | { readonly code: "not done"; readonly phase: MovePhase }
  | { readonly code: "version"; readonly from: Major; readonly to: string; readonly older: boolean }
  /** Files were asked for. */
  | { readonly code: "no files"; readonly obstacle: MoveObstacle }
  | {
      readonly code: "programs missing";
      readonly host: string;
      readonly folder: string;
      readonly programs: readonly string[];
    }
  /** Of a dump, which brings no database that lets nobody in, and no prepared transaction. */
  | { readonly code: "closed databases"; readonly databases: readonly string[] }
  | { readonly code: "prepared transactions"; readonly count: number }
  | { readonly code: "subscriptions"; readonly names: readonly string[] }
  /** initdb of the new place makes nothing of that order. */
  | {
      readonly code: "locale missing";
      readonly databases: readonly string[];
      readonly locale: string;
      readonly host: string;
      readonly said: string;
    }
  | { readonly code: "tablespace inside"; readonly paths: readonly string[] }
  | { readonly code: "place taken"; readonly path: string; readonly host: string; readonly is: string }
  | { readonly code: "file apart"; readonly path: string; readonly leadsTo: string }
  | { readonly code: "shared tablespaces"; readonly paths: readonly string[] }
  | {
      readonly code: "space";
      readonly path: string;
      readonly host: string;
      readonly free: number;
      readonly needed: number;
    }
  | { readonly code: "preflight"; readonly messages: readonly string[] }
  | { readonly code: "programs do not run"; readonly path: string; readonly host: string; readonly said: string };

/** What the stack file says after the move. */
export interface StackChange {
  /** `hosts.server2.address` */
  readonly path: string;
  readonly from: string;
  readonly to: string;
}

export type MoveEvent =
  | { readonly code: "first pass"; readonly bytes: number }
  | { readonly code: "stopping" }
  | { readonly code: "second pass"; readonly files: number; readonly bytes: number }
  | { readonly code: "compared"; readonly files: number; readonly sums: number }
  /** A cluster as the old one was made at the new place, and started there by itself. */
  | { readonly code: "cluster made"; readonly systemIdentifier: string }
  /** Folders among the data that are nobody's that pgsite knows: no dump has them. */
  | { readonly code: "left behind"; readonly names: readonly string[] }
  | { readonly code: "restoring"; readonly databases: number; readonly bytes: number }
  | { readonly code: "contents compared"; readonly things: number }
  | { readonly code: "statistics" }
  | { readonly code: "renamed"; readonly from: string; readonly to: string }
  | { readonly code: "no service"; readonly because: string }
  | { readonly code: "proven"; readonly systemIdentifier: string; readonly downtime: number }
  /** What clients made or dropped on the way, most likely. Values are undefined where the thing is not there. */
  | {
      readonly code: "other counts";
      readonly what: string;
      readonly before: string | undefined;
      readonly now: string | undefined;
    }
  | { readonly code: "back"; readonly running: boolean; readonly kept?: string }
  | { readonly code: "line"; readonly text: string };

/** What a moved server had written when it was proven, to tell later what came since. */
export interface MoveMark {
  readonly lsn: string;
  /** By database, by table: rows inserted, changed and deleted. */
  readonly rows: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

export interface WrittenSince {
  readonly walBytes: number;
  readonly tables: readonly { readonly database: string; readonly table: string; readonly rows: number }[];
}
