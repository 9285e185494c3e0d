import { atLeast, type Major } from "../versions.js";
import type { ActualServer, Fork, Rejoin } from "./model.js";

/**
 * How a server that went its own way becomes a standby again: the old primary that is back after another took over, or a
 * standby that received more than that one. Pure: which way, why no better one, and all of it in words.
 */

/** The first version with pg_rewind. */
export const rewindsFrom: Major = "9.5";

/** What decides whether pg_rewind can be taken. */
export interface RewindFacts {
  readonly server: string;
  readonly primary: string;
  readonly version: Major;
  /** Path of the program on the server's host, and whether it is there. */
  readonly program: { readonly path: string; readonly host: string; readonly there: boolean };
  /** It was a standby; whether its control file names the timeline that it had reached. */
  readonly recovers: boolean;
  readonly namesTimeline: boolean;
  /** Data checksums, or wal_log_hints, in its control file. */
  readonly logsHints: boolean;
  /** On the primary. */
  readonly fullPageWrites: boolean;
  /** WAL since the fork that is gone: `000000010000000000000005 on server2`. */
  readonly missing: readonly string[];
}

/** Why pg_rewind cannot be taken; undefined where it can (PostgreSQL: "pg_rewind"). */
export function whyNoRewind(facts: RewindFacts): string | undefined {
  const { server, primary, version, program, missing } = facts;
  if (!atLeast(version, rewindsFrom)) return `it comes with ${rewindsFrom}`;
  if (!program.there) return `${program.host} has no ${program.path}`;
  if (!facts.logsHints) return `${server} has neither data checksums nor wal_log_hints`;
  if (!facts.fullPageWrites) return `full_page_writes is off on ${primary}`;
  // A standby's WAL does not end with its last checkpoint: pg_rewind of every minor version knows that from 14 on.
  if (facts.recovers && !atLeast(version, "14")) return `before 14 it may take a standby's last checkpoint for its end`;
  if (facts.recovers && !facts.namesTimeline)
    return `the control file of ${server} does not name the timeline that it had reached`;
  const [segment] = missing;
  return segment === undefined ? undefined : `the WAL since the fork is gone: ${segment}`;
}

/** The best way, and why it is none of those before. @param obstacles why a way does not go; undefined where it goes */
export function bestWay(obstacles: {
  readonly rewind: string | undefined;
  readonly delta: string | undefined;
}): Pick<Rejoin, "way" | "instead"> {
  const { rewind, delta } = obstacles;
  if (rewind === undefined) return { way: "pg_rewind", instead: [] };
  if (delta === undefined) return { way: "delta copy", instead: [`no pg_rewind: ${rewind}`] };
  return { way: "base backup", instead: [`no pg_rewind: ${rewind}`, `no delta copy: ${delta}`] };
}

type Actual = Readonly<Record<string, ActualServer>>;

/** Those that take writes beside the primary: they are stopped before anything else. */
export function supersededOf(actual: Actual): readonly string[] {
  return Object.keys(actual)
    .filter((name) => actual[name]?.rejoin?.end === "writes")
    .sort();
}

/** Why a rejoin cannot be carried out. */
export function refuseRejoin(actual: Actual): readonly string[] {
  return Object.keys(actual)
    .sort()
    .flatMap((name) => {
      const refusal = actual[name]?.rejoin?.refusal;
      return refusal === undefined ? [] : [`${name} cannot rejoin ${actual[name]?.rejoin?.primary}: ${refusal}`];
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

/** For the preview's plan: why a server rejoins, by which way, and where what it alone had is. */
export function describeRejoin({ instead, keep, kept, ...fork }: Rejoin): string {
  const { timeline, primary, primaryTimeline } = fork;
  const left = `${primary} had left it for ${primaryTimeline}`;
  const why =
    fork.end === "crashed"
      ? `it crashed on timeline ${timeline}, perhaps after ${left}`
      : `its timeline ${timeline} went on after ${left}`;
  const what = keep === "data" ? "its data are" : "its WAL since then is";
  return [why, `${what} kept in ${kept}`, ...instead].join("; ");
}

/** For the preview's plan: that two servers take writes, and what becomes of it. */
export function describeSuperseded(name: string, { timeline, primary, primaryTimeline, at }: Fork): string {
  return `${name}: stop: it takes writes NOW, beside ${primary}, on timeline ${timeline}, which ${primary} left at ${at} for ${primaryTimeline}; what it wrote since is kept aside, not merged`;
}
