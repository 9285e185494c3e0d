import { atLeast, type Major } from "./versions.js";

/**
 * Settings by which a server keeps the text of statements, or of what it made of them, and the value of each at which it
 * keeps none (PostgreSQL's documentation, "Error Reporting and Logging", "Run-time Statistics", "Developer Options").
 */
export interface Keeping {
  readonly name: string;
  readonly value: string;
  /** @default every version */
  readonly from?: Major;
  /** A library's: there where that is loaded. */
  readonly library?: true;
  /** Decided when a transaction begins: later is too late for it. */
  readonly beforeTransaction?: true;
}

export const keepings: readonly Keeping[] = [
  { name: "log_transaction_sample_rate", value: "0", from: "12", beforeTransaction: true },
  { name: "log_statement", value: "none" },
  { name: "log_min_duration_statement", value: "-1" },
  { name: "log_min_duration_sample", value: "-1", from: "13" },
  // The STATEMENT beside any message: an error, a wait for a lock, statistics, what debugging says.
  { name: "log_min_error_statement", value: "panic" },
  { name: "debug_print_parse", value: "off" },
  { name: "debug_print_rewritten", value: "off" },
  { name: "debug_print_plan", value: "off" },
  // pg_stat_activity; and from there other processes log it: a deadlock's report, the postmaster of a backend that crashed.
  { name: "track_activities", value: "off" },
  { name: "pg_stat_statements.track", value: "none", library: true },
  { name: "pgaudit.log", value: "none", library: true },
];

/** Options of `postgres --single` by which a server of this version keeps no text. */
export function unloggedOptions(version: Major): readonly string[] {
  return keepings
    .filter(({ library, from }) => library === undefined && (from === undefined || atLeast(version, from)))
    .flatMap(({ name, value }) => ["-c", `${name}=${value}`]);
}
