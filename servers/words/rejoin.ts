import prettyBytes from "pretty-bytes";
import type {
  Behind,
  Fork,
  Instead,
  KeepDiverged,
  NoRoad,
  Rejoin,
  RejoinObstacle,
  RewindObstacle,
} from "../../postgres/rollout/diverged.js";
import { followsFrom } from "../../postgres/rollout/promotion.js";
import { readsStandbysFrom, rewindsFrom } from "../../postgres/rollout/rejoin.js";

/** Sentences about servers that went their own way, and about how they come back. */

/** Why a server rejoins, where what it alone had is kept, and why no better way goes. */
export function rejoinInWords({ instead, keep, kept, ...fork }: Rejoin): string {
  const why = isOneTimeline(fork) ? besideInWords(fork) : leftInWords(fork);
  const what = keep === "data" ? "its data are" : "its WAL since then is";
  return [why, `${what} kept in ${kept}`, ...instead.map(insteadInWords)].join("; ");
}

/** No promotion gave it a timeline of its own. */
export function isOneTimeline({ timeline, primaryTimeline }: Pick<Fork, "timeline" | "primaryTimeline">): boolean {
  return timeline === primaryTimeline;
}

function besideInWords({ timeline, primary, at, end }: Fork): string {
  const since = at === undefined ? "and nobody can tell since where" : `since ${at}`;
  const did =
    end === "writes"
      ? "it took writes"
      : end === "crashed"
        ? "it took writes, until it crashed,"
        : "it took writes, until it was shut down,";
  return `${did} on timeline ${timeline} beside ${primary}, which is on the same, ${since}: it was started without what makes it a standby`;
}

function leftInWords({ timeline, primary, primaryTimeline, at, end }: Fork): string {
  const left = `${primary} had left it for ${primaryTimeline}`;
  if (end === "crashed") return `it crashed on timeline ${timeline}, perhaps after ${left}`;
  const went = `its timeline ${timeline} went on`;
  return at === undefined ? `${went}, perhaps after ${left}: nobody can tell where` : `${went} after ${left}`;
}

/** Why a server is seeded again, and that nothing is lost with its data. */
export function behindInWords({ primary, timelines, instead }: Behind): string {
  const where =
    timelines === undefined
      ? `${primary} goes on on a timeline of its own`
      : `it is behind on timeline ${timelines.own}, which ${primary} left for ${timelines.primary}`;
  const why = `${where}, and before ${followsFrom} no standby follows that over the line`;
  const alone = `it has nothing that ${primary} has not, so nothing of it is kept`;
  return [why, alone, ...instead.map(insteadInWords)].join("; ");
}

function insteadInWords(instead: Instead): string {
  switch (instead.way) {
    case "pg_rewind":
      return `no pg_rewind: ${rewindObstacleInWords(instead.why)}`;
    case "delta copy":
      return `no delta copy: ${noRoadInWords(instead.why)}`;
  }
}

export function rewindObstacleInWords(obstacle: RewindObstacle): string {
  switch (obstacle.code) {
    case "oneTimeline":
      return "both are on one timeline, and it looks for where two parted";
    case "noSuchVersion":
      return `it comes with ${rewindsFrom}`;
    case "noProgram":
      return `${obstacle.host} has no ${obstacle.path}`;
    case "noHints":
      return `${obstacle.server} has neither data checksums nor wal_log_hints`;
    case "noFullPages":
      return `full_page_writes is off on ${obstacle.server}`;
    case "standbyEnd":
      return `before ${readsStandbysFrom} it may take a standby's last checkpoint for its end`;
    case "timelineNotRecorded":
      return `the control file of ${obstacle.server} does not name the timeline that it had reached`;
    case "linked":
      return `${obstacle.path} is a link on ${obstacle.server}`;
    case "newTablespace":
      return `${obstacle.server} has not the tablespace in ${obstacle.location} yet`;
    case "walGone":
      return `the WAL since the fork is gone: ${obstacle.segment} on ${obstacle.server}`;
    case "failed": {
      const { exitCode, said, through } = obstacle;
      const why =
        said.length === 0 ? `pg_rewind says nothing (exit code ${exitCode})` : `pg_rewind says "${said.join("; ")}"`;
      return through === undefined ? why : `${why}; ${through}`;
    }
  }
}

export function noRoadInWords(obstacle: NoRoad): string {
  switch (obstacle.code) {
    case "noRsync":
      return `${obstacle.hosts.join(" and ")} has no rsync`;
    case "noSsh":
      return obstacle.tried
        .map(({ user, host, peer, why }) => `${user} of ${host} does not get to ${peer} by ssh (${why})`)
        .join(", ");
  }
}

/** By whom rsync goes. */
export function roadInWords({
  user,
  host,
  peer,
}: {
  readonly user: string;
  readonly host: string;
  readonly peer: string;
}): string {
  return `${user} of ${host} gets to ${peer} by ssh`;
}

/** What stands against a rejoin, and the ways out. @param keep what is kept of its data; nothing of one that is seeded again */
export function rejoinObstacleInWords(server: string, obstacle: RejoinObstacle, keep?: KeepDiverged): string {
  if ("why" in obstacle) {
    const { host, path, says, why } = obstacle;
    const where = why === "nowhere" ? "where nothing is" : "which has the data directory in it";
    const remedy = why === "nowhere" ? "mount what it leads to, or remove it" : "remove it";
    return `${path} on ${host} is a link to ${says}, ${where}, and all that ${server} has is kept: ${remedy}. Nothing was changed`;
  }
  const { host, directory, free, needed } = obstacle;
  const less =
    keep === "data"
      ? `, or declare servers.${server}.keepDiverged: wal, which keeps the WAL since the fork and not all data`
      : "";
  const what = keep === undefined ? "what is copied" : "what is kept of it and copied";
  return `${directory} on ${host} has ${prettyBytes(free)} free, and ${what} takes ${prettyBytes(needed)}: make room${less}. Nothing was changed`;
}

/** That two servers take writes, and what becomes of the one that is not the site's. */
export function supersededInWords(name: string, fork: Fork): string {
  const { timeline, primary, primaryTimeline, at } = fork;
  const beside = `${name}: stop: it takes writes NOW, beside ${primary}, on`;
  const kept = "what it wrote since is kept aside, not merged";
  if (isOneTimeline(fork)) {
    const since =
      at === undefined ? "and nobody can tell since where" : `and since ${at} what they write is not the same`;
    return `${beside} the same timeline ${timeline}, ${since}; ${kept}`;
  }
  const where = at === undefined ? "" : ` at ${at}`;
  return `${beside} timeline ${timeline}, which ${primary} left${where} for ${primaryTimeline}; ${kept}`;
}
