import type { Major } from "../versions.js";
import type { buildFacts } from "../wal/controlFile.js";

/** A move of a server to another host, or another path, as data. `servers/move/` does it, `servers/words/move.ts` says it. */

/** `rename`: the folder stays on its file system. `archive`: it is copied, in two passes. */
export type MoveWay = "rename" | "archive";

/** How far a move has come; docs/move.md has the table. */
export const movePhases = ["copying", "stopping", "copied", "switching", "started", "done"] as const;
export type MovePhase = (typeof movePhases)[number];

export interface PlatformFacts {
  /** uname -m. */
  readonly machine: string;
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
}

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
  | { readonly code: "architecture"; readonly from: string; readonly to: string }
  | { readonly code: "version"; readonly from: Major; readonly to: string; readonly older: boolean }
  | { readonly code: "build"; readonly differs: readonly (typeof buildFacts)[number][] }
  | {
      readonly code: "collation";
      readonly by: "libc" | "icu";
      readonly from: string;
      readonly to: string;
      readonly databases: readonly string[];
    }
  | { readonly code: "place taken"; readonly path: string; readonly host: string; readonly is: string }
  | { readonly code: "file apart"; readonly path: string; readonly leadsTo: string }
  | { readonly code: "shared tablespaces"; readonly paths: readonly string[] }
  | { readonly code: "mounted"; readonly path: string }
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
