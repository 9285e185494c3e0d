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
    case "noWalreceiver":
      return "it has no walreceiver";
    case "notInRecovery":
      return "it is not in recovery";
    case "replaysBehind":
      return `it has replayed up to ${why.replayed ?? "nothing"} and not yet the marker at ${why.marker}`;
    case "receivesBehind":
      return `it has received up to ${why.received} and not yet the marker at ${why.marker}`;
    default:
      return problemInWords(why);
  }
}
