import type { ServerReport } from "../status/report.js";

/** Why a server replays later than it receives. */
export function lateInWords(late: NonNullable<ServerReport["late"]>): string {
  if (late.code === "paused") return "replay is paused";
  const first = late.replaysFirst === true ? "; it replays what it has before it streams" : "";
  return `delayed by ${late.by}, as declared${first}`;
}
