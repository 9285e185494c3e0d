/**
 * What differs between a site as it is and as it is declared, as data: the preview, `pgsite drift` and the tests decide by
 * it. `servers/words/differences.ts` makes the sentences of it.
 */

import type { LockedOut } from "./lockedOut.js";
import type { Replication, Slot } from "./positions.js";
import type { Divergence } from "./rollout/diverged.js";
import type { Superseded } from "./serverProblems.js";

/** What it takes to make a difference go away, mildest first. */
export const consequences = [
  /** Text alone: nothing that a server does depends on it. The file is written anew. */
  "nothing",
  /** Written anew, and in force when the server starts next. */
  "install",
  "SQL",
  "reload",
  "start",
  "restart",
  /** A setting that a hot standby may not have below its primary: servers restart one after the other. */
  "restart in order",
  /** Follows from other differences: `up` waits until it is right, and fails with the reason where that does not come. */
  "wait",
  /** The data are gone: the server is seeded again. */
  "seed again",
  /** Nothing that `up` does undoes it: the sentence says who must do what. */
  "by hand",
] as const;
export type Consequence = (typeof consequences)[number];

/** What differs. */
export type Thing =
  /** Of the server as a whole. */
  | { readonly kind: "server" | "version" | "program" | "data directory" | "position" | "replication" | "timeline" }
  /** pgsite's own, to a server that runs. */
  | { readonly kind: "way in" }
  /** A setting in its file, and one that a running server has beside its files. */
  /** `line`: if it stands in an included file. */
  | { readonly kind: "setting"; readonly file: string; readonly name: string; readonly line?: number }
  | { readonly kind: "running setting"; readonly name: string }
  /** `whom`: `role reader in database science`. */
  | { readonly kind: "session setting"; readonly name: string; readonly whom: string }
  /** A file in the data directory. */
  | { readonly kind: "file" | "file text" | "file access"; readonly file: string }
  | { readonly kind: "line"; readonly file: string; readonly line: string }
  /** A rule of pg_hba.conf, quoted, secrets masked. `line`: where it is, if it is there. */
  | { readonly kind: "rule"; readonly rule: string; readonly line?: number }
  | { readonly kind: "rule order" | "rules in force" }
  /** A file elsewhere on a host. */
  | { readonly kind: "host file"; readonly path: string; readonly host: string; readonly part?: FilePart }
  | { readonly kind: "link"; readonly path: string; readonly host: string }
  /** What the web viewers need there and pgsite does not make. */
  | { readonly kind: "viewers' need"; readonly unmet: Unmet; readonly host: string }
  | { readonly kind: "httpd"; readonly host: string }
  | { readonly kind: "service"; readonly name: string; readonly part?: "at boot" }
  /** What a host's cron or systemd runs at given times. */
  | { readonly kind: "schedule"; readonly name: string; readonly host: string; readonly part?: "at boot" | "times" }
  /** A line of a host's /etc/aliases. */
  | { readonly kind: "mail alias"; readonly name: string; readonly host: string }
  /** The certificate and its key as such; their files' mode is that of a `private file`. */
  | { readonly kind: "certificate" | "certificate key" }
  | { readonly kind: "private file"; readonly path: string }
  /** `part`: `SUPERUSER`, `owner`, `membership`; left out for the role or database itself. */
  | { readonly kind: "role" | "database"; readonly name: string; readonly part?: string }
  | { readonly kind: "schema"; readonly name: string; readonly database: string; readonly part?: "owner" }
  | { readonly kind: "slot"; readonly slot: Slot };
/** What keeps pgsite from changing anything of the web viewers. */
export type Unmet =
  /** `by`: an application, or `httpd`. */
  | { readonly why: "missing"; readonly path: string; readonly by: string }
  /** A folder of another OS user's. */
  | { readonly why: "owner"; readonly path: string; readonly is: string }
  | { readonly why: "no folder"; readonly path: string }
  /** Locks lie on a network's file system. */
  | { readonly why: "network"; readonly path: string; readonly is: string };
export type FilePart = "content" | "mode" | "owner";

/** What is there, or what is declared. */
export type Found =
  /** A value as an administrator writes it: `0600 postgres`, `on`. Never a secret. */
  | string
  | { readonly is: Plain }
  | SettingFound
  | { readonly is: "stopped"; readonly superseded?: Superseded }
  | { readonly is: "locked"; readonly lock: LockedOut }
  /** A line of its files that the server does not take, in its own words. */
  | { readonly is: "not taken"; readonly line: string }
  /** A rule that nobody declared. `open`: it lets in without a password. */
  | { readonly is: "undeclared"; readonly open: boolean }
  | { readonly is: "certificate"; readonly ends: string; readonly ended: boolean }
  /** Data that are not there. `refused`: why `up` will not make them anew. */
  | { readonly is: "gone" | "empty" | "incomplete"; readonly refused?: DataRefusal }
  | { readonly is: "replication"; readonly replication: Replication }
  | { readonly is: "diverged"; readonly divergence: Divergence };

/** What needs no facts beside it. */
type Plain =
  | "missing"
  | "nowhere"
  | "running"
  /** Known as lost, as it was declared. */
  | "lost"
  | "none"
  /** There and must not be. */
  | "unwanted"
  /** Another than declared; `another secret`: what cannot be shown. */
  | "another"
  | "another secret"
  /** Another text that means the same. */
  | "same meaning"
  | "another order"
  /** A timer that was stopped, or a cron that does not run. */
  | "not run"
  | "no setting"
  | "no rule"
  | "no link"
  /** The same, where pgsite keeps beside it what is there. */
  | "in the way"
  /** It runs with another configuration than the declared one. */
  | "not in force"
  | "no certificate"
  | "not presented"
  /** The server runs and does not answer: what it runs with is not known. */
  | "silent"
  /** The file was touched after the server last read it. */
  | "in doubt"
  | "superuser"
  /** A verifier that pgsite does not compute. */
  | "not comparable"
  /** It takes writes. */
  | "primary"
  /** A slot that keeps WAL for somebody. */
  | "kept WAL"
  /** The site's timeline. */
  | "the site's";

/** The value of a setting, secrets masked; without a value nobody says one. */
export interface SettingFound {
  readonly is: "setting";
  readonly value?: string;
  /** What holds where nobody says a value. */
  readonly default?: string;
  /** It looks like the declared value, and has another secret. */
  readonly anotherSecret?: true;
  /** What the server runs with until the value is in force. */
  readonly waits?: { readonly for: "reload" | "restart"; readonly inForce?: string };
  /** It stands in a file that nothing includes. */
  readonly unread?: true;
  /** Where a running server has it from, as pg_settings says. */
  readonly source?: string;
}

/** Why lost data are not made anew: another server has the site's. */
export type DataRefusal =
  | { readonly code: "source stopped"; readonly server: string; readonly dataDirectory: string; readonly host: string }
  | {
      readonly code: "data elsewhere";
      readonly server: string;
      readonly dataDirectory: string;
      readonly host: string;
      /** Whether they are the site's as far as pgsite can tell. */
      readonly ours: boolean;
      readonly systemIdentifier: string;
      /** The server that has lost its own. */
      readonly lost: string;
    }
  | { readonly code: "not known"; readonly message: string };

export interface Difference {
  /** Name of the server; left out for what is one in the whole site, such as a role. */
  readonly server?: string;
  readonly object: Thing;
  readonly there: Found;
  /** What is declared; left out where `there` says it all, e.g. `missing`. */
  readonly declared?: Found;
  readonly consequence: Consequence;
  /**
   * `warning` where nothing more can be told of an object, or `up` does not undo it by itself.
   * @default "info"
   */
  readonly severity?: "info" | "warning";
}

/** Whether something is found in the way that needs no facts beside it. */
export function isFound(found: Found, is: Plain): boolean {
  return typeof found === "object" && found.is === is;
}

/** Makes a difference of one server. */
export type Make = (object: Thing, there: Found, consequence: Consequence, declared?: Found) => Difference;
