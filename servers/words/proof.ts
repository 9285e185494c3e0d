import prettyBytes from "pretty-bytes";
import type { Late } from "../process/lateReplay.js";
import type { Cause } from "../process/log.js";
import type { Shortfall } from "../process/shortfall.js";
import { problemInWords } from "./problems.js";

/** Why a server does not work, and what its log says to that. */
export function notWorkingInWords(why: Shortfall, causes: readonly Cause[]): string {
  const said = causes.map(({ line, remedy }) => `its log says "${line}"${remedy === undefined ? "" : `: ${remedy}`}`);
  return [shortfallInWords(why), ...said].join("; ");
}

function shortfallInWords(why: Shortfall): string {
  switch (why.code) {
    case "noData":
      return `there is no data in ${why.dataDirectory}`;
    case "stopped":
      return "it is not running";
    case "nobodyWrites":
      return `no server of the site takes writes${why.own === undefined ? "" : ` (${why.own.because})`}`;
    case "anotherCluster": {
      const { systemIdentifier, writing, dataDirectory } = why;
      return `its system identifier is ${systemIdentifier}, and that of ${writing.server}, which takes writes, is ${writing.systemIdentifier}: it is another cluster. Move ${dataDirectory} away and seed it again`;
    }
    case "noWalreceiver": {
      if (why.fed === undefined) return "it has no walreceiver";
      const at = why.fed === null ? "" : `, of which it is at ${why.fed}`;
      return `it has no walreceiver, and its archive (restore_command${at}) has not given it the marker yet`;
    }
    case "notInRecovery":
      return "it is not in recovery";
    case "replaysBehind":
      return `it has replayed up to ${why.replayed ?? "nothing"} and not yet the marker at ${why.marker}${why.received === undefined ? "" : ` (received: ${why.received})`}`;
    case "receivesBehind":
      return `it has received up to ${why.received} and not yet the marker at ${why.marker}`;
    default:
      return problemInWords(why);
  }
}

/** How a server that is behind gets on. @param bytes what it lacks @param rate bytes a second */
export function movingInWords(
  server: string,
  { bytes, rate }: { readonly bytes: number; readonly rate: number },
): string {
  const left = rate > 0 ? `, about ${Math.ceil(bytes / rate)} s more` : "";
  return `${server} is behind and gets on: it lacks ${prettyBytes(bytes)}, ${prettyBytes(rate)}/s${left}`;
}

/** A server that streams and is still behind after all the time that there was. */
export function stillMovingInWords(server: string, bytes: number): string {
  return `${server} streams and gets on, and lacks ${prettyBytes(bytes)} still: its line, or its disk, is slow; nobody waits for that any longer`;
}

/** Why a standby that works cannot be restarted with lower floors yet. */
export function floorsLateInWords(server: string, why: Late | undefined): string {
  const ways: { readonly [why in Late]: string } = {
    delayed: "take its recovery_min_apply_delay away in an up of its own, and lower them then",
    paused: "somebody paused its replay: let it go on (select pg_wal_replay_resume()), and run again",
    query: "a query on it keeps its replay waiting: let it end, or end it, and run again",
  };
  const way = why === undefined ? "run again when it has replayed them" : ways[why];
  return `${server} has received its primary's lower values and has not replayed them: ${way}`;
}
