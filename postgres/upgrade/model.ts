import type { Major } from "../versions.js";

/**
 * An upgrade to another major version as data: what was found (facts), what is wanted, and what follows (the plan).
 * `postgres/upgrade/plan.ts` makes the plan, pure; `servers/upgrade/` finds the facts and carries the plan out;
 * `servers/words/upgrade.ts` says it.
 */

/** How data come to another major version. `link` shares files with the old data: there is no way back once the new server has run. */
export type Way = "clone" | "copy" | "link" | "dump";

/** What the stack says of upgrades. */
export interface UpgradeWishes {
  /** @default "auto" */
  readonly method: Way | "auto";
  /** How many of pg_upgrade's, pg_dump's or pg_restore's workers at once. */
  readonly jobs: number;
  /** The administrator's word for a way that cannot be rolled back. */
  readonly acceptNoRollback: boolean;
  /** When servers may be stopped for it. @default at any time */
  readonly window?: Window;
  /** By database: patterns (`schema.table`) of tables whose rows follow later; they take the way `dump`. */
  readonly defer: Readonly<Record<string, readonly string[]>>;
  /** What else has to change after the database, in order. */
  readonly after: readonly AfterStep[];
}

/** Hours of a day, and days, in a time zone. */
export interface Window {
  /** `22:00` */
  readonly from: string;
  /** `05:00`: of the next day where it is not later than `from`. */
  readonly until: string;
  /** 0 is Sunday. @default all */
  readonly days?: readonly number[];
  readonly timeZone: string;
}

/** What follows the database: web console, manager, MTAs. Each is confirmed by the administrator before the next. */
export interface AfterStep {
  readonly name: string;
  /** A shell command on the machine that runs pgsite. @default it is done by hand */
  readonly command?: string;
}

/** A cluster, as its control file and catalogue say. */
export interface ClusterFacts {
  readonly version: Major;
  readonly systemIdentifier: string;
  /** The role with OID 10: initdb's own superuser. */
  readonly installUser: string;
  readonly checksums: boolean;
  /** Bytes. */
  readonly walSegmentSize: number;
  readonly encoding: string;
  readonly locale: {
    readonly provider: "libc" | "icu" | "builtin";
    readonly collate: string;
    readonly ctype: string;
    readonly locale?: string;
    readonly rules?: string;
  };
  /** Bytes of the data directory without WAL and logs, and of its tablespaces. */
  readonly dataSize: number;
  readonly databases: readonly DatabaseFacts[];
  readonly tablespaces: readonly { readonly name: string; readonly location: string }[];
  /** Effective settings that do not have their default, by name, in the old version's names. */
  readonly settings: Readonly<Record<string, string>>;
  readonly preparedTransactions: number;
  /** Logical slots; they survive from 17 on. */
  readonly logicalSlots: readonly string[];
}

export interface DatabaseFacts {
  readonly name: string;
  readonly size: number;
  readonly extensions: readonly ExtensionFacts[];
  /** What newer versions do not take, by kind: where each of them is (`schema.table.column`). */
  readonly unsupported: Readonly<Partial<Record<Unsupported, readonly string[]>>>;
  /** Collations whose library has another version now than when they were used, of the old server. */
  readonly collations: readonly { readonly name: string; readonly was: string; readonly is: string }[];
  /** ICU's collations that indexes may be made with, with the version of the library then: the new programs may have another. */
  readonly icu?: readonly { readonly name: string; readonly was: string; readonly locale: string }[];
  /** How many objects of CREATE STATISTICS it has (10 on). */
  readonly extendedStatistics?: number;
  /** Bytes of the tables that are deferred, which nobody waits for. */
  readonly deferredSize?: number;
  /** Its columns say which definition they are (`pg_attver`), as minor versions from November 2026 on write it. */
  readonly marksColumns?: boolean;
}

export interface ExtensionFacts {
  readonly name: string;
  readonly version: string;
  /** Of the new programs; absent where these do not have it. */
  readonly newVersion?: string;
}

/** Kinds of what a newer version refuses: each is a row in `postgres/upgrade/unsupported.ts`, with the version from which on. */
export type Unsupported =
  | "reg* columns"
  | "abstime"
  | "unknown columns"
  | "with oids"
  | "sql_identifier"
  | "postfix operators"
  | "polymorphic aggregates"
  | "line columns"
  | "aclitem columns"
  | "composite types of the system"
  | "encoding conversions"
  | "inherited not-null"
  | "roles called pg_"
  | "settings that ended"
  | "functions with settings that ended"
  | "databases without connections";

/** What is on the host of a server that is to be upgraded. */
export interface HostUpgradeFacts {
  /** Bytes free on the file system of the data directory. */
  readonly free: number;
  readonly reflink: boolean;
  /** Whether the data directory is a mount point, or has one below it. */
  readonly mountPoint?: string;
  /** The folder of the data directory, where neither the OS user nor pgsite may give it another name. */
  readonly closed?: { readonly path: string; readonly user: string };
  /** A folder of what the new version wrote before it was rolled back: nobody has said that it is not needed. */
  readonly left?: string;
  readonly oldPrograms: ProgramsFacts;
  readonly newPrograms: ProgramsFacts;
}

export interface ProgramsFacts {
  readonly folder: string;
  /** `17.10`; absent where there is no postgres. */
  readonly version?: string;
  /** Programs that are missing of those that a way takes. */
  readonly missing: Readonly<Record<"pg_upgrade" | "dump", readonly string[]>>;
}

/** What `pg_upgrade --check` said, run against the running server. */
export type CheckResult =
  | { readonly code: "clean" }
  /** `said`: its own words, for people. */
  | { readonly code: "refused"; readonly said: readonly string[] }
  /** It could not be run beforehand (it may not connect as the install user, say); it is run again as soon as the server is stopped. */
  | {
      readonly code: "not run";
      readonly why: "no programs" | "not running" | "cannot connect" | "way";
      readonly said?: readonly string[];
    };

export interface UpgradeFacts {
  readonly server: string;
  readonly cluster: ClusterFacts;
  readonly host: HostUpgradeFacts;
  readonly check: CheckResult;
  readonly standbys: readonly { readonly server: string; readonly free: number }[];
  /** Whether the new programs know marks of columns; absent where nobody could ask. */
  readonly knowsMarks?: boolean;
  /** Bytes a second that copying on this file system was measured at, or a cautious figure. */
  readonly copyRate: number;
  readonly backups: "declared" | "none";
  /** The server is stopped: of its cluster only the control file and sizes are known. */
  readonly stopped?: true;
  /** Its control file says that it is, or was last, in recovery. */
  readonly inRecovery?: true;
}

/** What becomes of a setting that differs from its default. */
export type SettingChange =
  | { readonly kind: "vanishes"; readonly name: string; readonly value: string; readonly instead?: string }
  | {
      readonly kind: "renamed";
      readonly name: string;
      readonly value: string;
      readonly to: string;
      readonly toValue: string;
    }
  /** Not set by anybody, and the new version's default is another. */
  | { readonly kind: "default"; readonly name: string; readonly from: string; readonly to: string }
  /** The stack says another value than the old server has. */
  | { readonly kind: "declared"; readonly name: string; readonly from: string; readonly to: string }
  /** The old server has it from elsewhere (ALTER SYSTEM, a file of its own): only what the stack says comes along. `to`: the default. */
  | { readonly kind: "undeclared"; readonly name: string; readonly value: string; readonly to?: string };

/** What an upgrade did, where its plan said what it would do: measured, not reckoned. */
export interface UpgradeOutcome {
  /** By which programs, and with which option of theirs, data came. */
  readonly way: Way;
  /** Bytes that it took beside the data, the most that was seen. */
  readonly space: number;
  /** Seconds from the word to the old server to stop, until the new one let clients in. */
  readonly downtime: number;
  readonly settings: SettingsOutcome;
}

/** What the new server has of the settings that the old one had otherwise than by default, and of those that were spoken of. */
export interface SettingsOutcome {
  /** Names, by what became of them; all of it was said. */
  readonly kept: readonly string[];
  readonly changed: readonly string[];
  readonly gone: readonly string[];
  /** What is otherwise than was said. */
  readonly otherwise: readonly SettingDeviation[];
}

/** Each as `name = value`'s two parts; absent where there is to be none, or is none. */
export interface SettingDeviation {
  readonly name: string;
  readonly said?: string;
  readonly was?: string;
}

export type UpgradeRefusal =
  | { readonly code: "downgrade"; readonly from: Major; readonly to: Major }
  | { readonly code: "too old"; readonly from: Major; readonly oldest: Major }
  | {
      readonly code: "programs missing";
      readonly way: Way;
      readonly folder: string;
      readonly programs: readonly string[];
    }
  | {
      readonly code: "space";
      readonly server: string;
      readonly needed: number;
      readonly free: number;
      readonly way: Way;
    }
  | { readonly code: "no rollback not accepted"; readonly way: Way }
  | { readonly code: "cannot clone" }
  | { readonly code: "check"; readonly said: readonly string[] }
  | {
      readonly code: "unsupported";
      readonly kind: Unsupported;
      readonly database: string;
      readonly objects: readonly string[];
    }
  | { readonly code: "extension missing"; readonly database: string; readonly extension: string }
  /** The new programs are of an older release than the old ones: what these write into catalogues, they do not know. */
  | { readonly code: "programs older"; readonly databases: readonly string[]; readonly version?: string }
  | { readonly code: "prepared transactions"; readonly count: number }
  | { readonly code: "mount point"; readonly path: string }
  /** Old and new data change places in it, which that user may not, and pgsite cannot be root there. */
  | { readonly code: "folder closed"; readonly path: string; readonly user: string }
  /** What the version wrote before a rollback lies where another rollback would put it. */
  | { readonly code: "rolled back before"; readonly path: string; readonly version: Major }
  | { readonly code: "layout"; readonly layout: string }
  | { readonly code: "outside window"; readonly window: Window; readonly next: string }
  | { readonly code: "defer takes dump"; readonly method: Way }
  /** What an upgrade goes by only the running server says. */
  | { readonly code: "stopped"; readonly programs: string }
  /** It is a standby, and declared to take writes: roles change first, at the old version. */
  | { readonly code: "not primary" }
  | { readonly code: "uncommitted"; readonly from: Major }
  | { readonly code: "migration unfinished" }
  | { readonly code: "upstream first"; readonly upstream: string; readonly version?: Major };

/** A plan. Where something is refused, the rest of it is still what would be done. */
export interface UpgradePlan {
  readonly server: string;
  readonly from: Major;
  readonly to: Major;
  readonly way: Way;
  /** Why this way, where the stack says auto. */
  readonly because:
    | "asked"
    | "can clone"
    | "cannot clone"
    | "no pg_upgrade"
    | "too old for pg_upgrade"
    | "deferred"
    /** Of a stack that mirrors: its servers are set aside and seeded anew from an upstream that has the version. */
    | "mirrors";
  readonly keepsRollback: boolean;
  /** Bytes. */
  readonly space: { readonly needed: number; readonly free: number };
  /** Seconds, from the size and the measured rate: an estimate. */
  readonly downtime: number;
  readonly settings: readonly SettingChange[];
  readonly extensions: readonly {
    readonly database: string;
    readonly name: string;
    readonly from: string;
    readonly to?: string;
  }[];
  readonly statistics: "kept" | "kept but extended" | "made again";
  /** Indexes to be made again, since their collation's library has another version. */
  readonly collations: readonly {
    readonly database: string;
    readonly name: string;
    readonly was: string;
    readonly is: string;
  }[];
  readonly check: CheckResult;
  readonly standbys: readonly string[];
  readonly after: readonly AfterStep[];
  readonly deferred: Readonly<Record<string, readonly string[]>>;
  /** Logical slots that are lost. */
  readonly slotsLost: readonly string[];
  readonly backup: "declared" | "none";
  readonly refusals: readonly UpgradeRefusal[];
}

/** What an outcome is compared with. */
export type UpgradeSaid = Pick<UpgradePlan, "way" | "space" | "downtime" | "settings">;

/** What was said of an upgrade, and what it was. */
export interface UpgradeCompared {
  readonly said: UpgradeSaid;
  readonly was: UpgradeOutcome;
}

/** How far an upgrade has come on a host; docs/design/upgrade.md has the table. */
export type Phase = "prepared" | "stopped" | "transferred" | "switching" | "started" | "done";
