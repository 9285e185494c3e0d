import prettyMilliseconds from "pretty-ms";
import type { Proof } from "../process/proof.js";

/** What a server that works was seen to do. */
export function provenInWords({ state, upstream, marker, by, took }: Proof): string {
  const inTime = `(proven in ${prettyMilliseconds(took)})`;
  return state === "writes" ? `takes writes ${inTime}` : `${comesInWords(by, upstream, marker)} ${inTime}`;
}

function comesInWords(by: Proof["by"], upstream: string | undefined, marker: string): string {
  switch (by) {
    case "delayed":
      return `gets its WAL from ${upstream}, and replays it late, as declared (recovery_min_apply_delay)`;
    case "paused":
      return `streams from ${upstream} and has received ${marker}; its replay is paused`;
    case "query":
      return `streams from ${upstream} and has received ${marker}; a query on it keeps its replay waiting`;
    case "archive":
      return `has replayed up to ${marker}, from its archive`;
    case "moving":
      return `streams from ${upstream}, is behind and gets on`;
    default:
      return `streams from ${upstream} and has replayed up to ${marker}`;
  }
}
