import type { ArchiveHeader } from "./header.js";

/** Dumps of a database and what keeps one from being made or brought back, as data. `servers/words/dump.ts` says it. */

/** Who holds a lock that a dump waits for. */
export interface Holder {
  readonly relation: string;
  /** False of one that waits for it itself, before the dump. */
  readonly granted: boolean;
  readonly pid: number;
  readonly user: string;
  readonly application: string;
  /** Undefined by a socket. */
  readonly from?: string;
  /** Seconds since its transaction began. */
  readonly seconds: number;
}

/** How many of each kind a database holds beside what every new one has. */
export interface Content {
  readonly kind: (typeof contentKinds)[number];
  readonly count: number;
  /** The first of them, by name. */
  readonly first: string;
}

export const contentKinds = [
  "relation",
  "function",
  "type",
  "schema",
  "operator",
  "large object",
  "event trigger",
  "foreign data wrapper",
  "publication",
] as const;

/** Why no dump was made, or none brought back. */
export type DumpRefusal =
  | {
      readonly code: "no program";
      readonly program: string;
      readonly host: string;
      readonly folders: readonly string[];
    }
  | {
      readonly code: "program too old";
      readonly program: string;
      readonly path: string;
      readonly version: string;
      readonly server: string;
      readonly needed: string;
    }
  | {
      readonly code: "no database";
      readonly server: string;
      readonly database: string;
      readonly there: readonly string[];
    }
  | { readonly code: "is there"; readonly path: string; readonly host: string }
  | { readonly code: "no folder"; readonly path: string; readonly host: string; readonly because: string }
  | { readonly code: "jobs need the host"; readonly act: "dump" | "restore"; readonly host: string }
  | {
      readonly code: "space";
      readonly path: string;
      readonly host: string;
      readonly free: number;
      readonly size: number;
    }
  | { readonly code: "locked"; readonly database: string; readonly seconds: number; readonly holder: Holder }
  | { readonly code: "dump failed"; readonly database: string; readonly status: number; readonly said: string }
  | { readonly code: "write failed"; readonly path: string; readonly host: string; readonly said: string }
  /** What lies there is not what was written. */
  | { readonly code: "checksum"; readonly path: string; readonly wanted: string; readonly is: string }
  | { readonly code: "unreadable"; readonly path: string; readonly said: string }
  | { readonly code: "no dump"; readonly path: string; readonly host: string }
  | { readonly code: "no archive"; readonly path: string }
  | {
      readonly code: "newer than the server";
      readonly path: string;
      readonly version: string;
      readonly server: string;
      readonly serverVersion: string;
    }
  | {
      readonly code: "not empty";
      readonly database: string;
      readonly server: string;
      readonly content: readonly Content[];
    }
  | { readonly code: "not writable"; readonly site: string; readonly because: readonly string[] }
  | {
      readonly code: "restore failed";
      readonly database: string;
      readonly status: number;
      readonly said: readonly string[];
      /** Whether the database is as it was. */
      readonly undone: boolean;
    };

/** How a dump is brought back: all of it in one transaction, or piece by piece until the first error. */
export type RestoreWay = "one transaction" | "piecewise" | "jobs";

/** What is told of a dump while it is made. */
export type DumpEvent =
  | {
      readonly code: "dumping";
      readonly database: string;
      readonly server: string;
      readonly size: number;
      readonly program: string;
    }
  | { readonly code: "waits"; readonly holder: Holder; readonly seconds: number }
  | { readonly code: "checking"; readonly path: string };

/** What is told of one that is brought back. */
export type RestoreDumpEvent =
  | {
      readonly code: "read";
      readonly path: string;
      readonly header: ArchiveHeader;
      readonly bytes: number;
      readonly sum: boolean;
    }
  | {
      readonly code: "will";
      readonly database: string;
      readonly server: string;
      readonly way: RestoreWay;
      readonly entries: number;
      readonly content: readonly Content[];
      readonly clean: boolean;
    }
  | { readonly code: "grown"; readonly database: string; readonly bytes: number };
