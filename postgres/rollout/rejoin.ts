import { atLeast, type Major } from "../versions.js";
import type { MissingWal, NoRoad, Rejoin, RewindObstacle } from "./diverged.js";
import type { ActualServer, Refusal } from "./model.js";

/**
 * How a server that went its own way becomes a standby again: the old primary that is back after another took over, or a
 * standby that received more than that one. Pure: which way, and why no better one.
 */

/** The first version with pg_rewind. */
export const rewindsFrom: Major = "9.5";
/** The first version whose pg_rewind reads a standby's WAL to its end. */
export const readsStandbysFrom: Major = "14";

/** What decides whether pg_rewind can be taken. */
export interface RewindFacts {
  readonly server: string;
  readonly primary: string;
  readonly version: Major;
  /** Both are on one timeline. */
  readonly oneTimeline: boolean;
  /** Path of the program on the server's host, and whether it is there. */
  readonly program: { readonly path: string; readonly host: string; readonly there: boolean };
  /** It was a standby; whether its control file names the timeline that it had reached. */
  readonly recovers: boolean;
  readonly namesTimeline: boolean;
  /** Data checksums, or wal_log_hints, in its control file. */
  readonly logsHints: boolean;
  /** On the primary. */
  readonly fullPageWrites: boolean;
  /** WAL since the fork that is gone. */
  readonly missing: readonly MissingWal[];
  /** A link in the server's data directory that is neither to its WAL nor to a tablespace. */
  readonly linked?: string;
  /** Where the primary has a tablespace that the server has not. */
  readonly newTablespace?: string;
}

/** Why pg_rewind cannot be taken; undefined where it can (PostgreSQL: "pg_rewind"). */
export function whyNoRewind(facts: RewindFacts): RewindObstacle | undefined {
  const { server, primary, version, program, missing } = facts;
  if (!atLeast(version, rewindsFrom)) return { code: "noSuchVersion" };
  if (facts.oneTimeline) return { code: "oneTimeline" };
  if (!program.there) return { code: "noProgram", host: program.host, path: program.path };
  if (!facts.logsHints) return { code: "noHints", server };
  if (!facts.fullPageWrites) return { code: "noFullPages", server: primary };
  // A standby's WAL does not end with its last checkpoint: pg_rewind of every minor version knows that from 14 on.
  if (facts.recovers && !atLeast(version, readsStandbysFrom)) return { code: "standbyEnd" };
  if (facts.recovers && !facts.namesTimeline) return { code: "timelineNotRecorded", server };
  if (facts.linked !== undefined) return { code: "linked", server, path: facts.linked };
  if (facts.newTablespace !== undefined) return { code: "newTablespace", server, location: facts.newTablespace };
  const [segment] = missing;
  return segment === undefined ? undefined : { code: "walGone", ...segment };
}

/** The best way, and why it is none of those before. @param obstacles why a way does not go; undefined where it goes */
export function bestWay(obstacles: {
  readonly rewind: RewindObstacle | undefined;
  readonly delta: NoRoad | undefined;
}): Pick<Rejoin, "way" | "instead"> {
  const { rewind, delta } = obstacles;
  if (rewind === undefined) return { way: "pg_rewind", instead: [] };
  const noRewind = { way: "pg_rewind", why: rewind } as const;
  if (delta === undefined) return { way: "delta copy", instead: [noRewind] };
  return { way: "base backup", instead: [noRewind, { way: "delta copy", why: delta }] };
}

type Actual = Readonly<Record<string, ActualServer>>;

/** Those that take writes beside the primary: they are stopped before anything else. */
export function supersededOf(actual: Actual): readonly string[] {
  return Object.keys(actual)
    .filter((name) => actual[name]?.rejoin?.end === "writes")
    .sort();
}

/** Why a rejoin cannot be carried out. */
export function refuseRejoin(actual: Actual): readonly Refusal[] {
  return Object.keys(actual)
    .sort()
    .flatMap((server) => {
      const { refusal: why, primary, keep } = actual[server]?.rejoin ?? {};
      if (why === undefined || primary === undefined || keep === undefined) return [];
      return [{ code: "cannotRejoin", server, primary, keep, why }];
    });
}

/** The servers as they are planned for: one that is to rejoin is a stopped standby. */
export function beforeRejoin(actual: Actual): Actual {
  return Object.fromEntries(
    Object.entries(actual).map(([name, server]) => {
      if (server.rejoin === undefined) return [name, server];
      const { diverged: _diverged, follows: _follows, filed: _filed, pending: _pending, ...rest } = server;
      return [name, { ...rest, running: false, inRecovery: true }];
    }),
  );
}
