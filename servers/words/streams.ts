import prettyBytes from "pretty-bytes";
import type { StreamProblem } from "../../postgres/serverProblems.js";
import type { ServerReport } from "../status/report.js";

/** Words about how WAL comes to a server, short enough for a line of a drawing; the whole sentence of a problem is `problemInWords`. */

/** How far behind: `4.1 kB, 0.25 s behind`; nothing where nobody knows. */
export function behindInWords({
  lagBytes,
  lagSeconds,
}: Pick<ServerReport, "lagBytes" | "lagSeconds">): string | undefined {
  if (lagBytes === null) return undefined;
  const seconds = lagBytes === 0 || lagSeconds === null ? "" : `, ${lagSeconds} s`;
  return `${prettyBytes(lagBytes)}${seconds} behind`;
}

/** Why it does not stream. */
export function offInWords(off: StreamProblem): string {
  return off.code === "notStreaming" ? "does not stream" : `does not stream yet (${off.state})`;
}
