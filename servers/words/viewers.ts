import type { Unmet } from "../../postgres/differences.js";

/** What the web viewers need, as the subject of a sentence. */
export function needInWords(unmet: Unmet, host: string): string {
  switch (unmet.why) {
    case "missing":
      return `${unmet.path} on ${host}, which ${unmet.by} needs,`;
    case "owner":
      return `the owner of ${unmet.path} on ${host}`;
    case "no folder":
      return `what stands at ${unmet.path} on ${host}, in the place of a folder,`;
    case "network":
      return `the file system of ${unmet.path} on ${host}`;
  }
}

/** Why nothing was changed: all causes on one line, each with its remedy. */
export function unmetInWords(host: string, user: string, unmet: readonly Unmet[]): string {
  return `the web viewers on ${host}: ${unmet.map((one) => cause(one, user)).join("; ")}. httpd goes on with what it has`;
}

function cause(unmet: Unmet, user: string): string {
  switch (unmet.why) {
    case "missing":
      return `${unmet.path}, which ${unmet.by} needs, is not there: install it, or declare where it is`;
    case "owner":
      return `${unmet.path} belongs to ${unmet.is} and not to ${user}: chown ${user} ${unmet.path}`;
    case "no folder":
      return `${unmet.path} is no folder: move away what is there`;
    case "network":
      return `${unmet.path} is on ${unmet.is}, where locks do not hold: declare viewers.logs on a local disk`;
  }
}
