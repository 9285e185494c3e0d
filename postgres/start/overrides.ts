import { atLeast, type Major } from "../versions.js";

/** Begins each of the program's lines: whatever the files say, its words are read in this form. */
export const lineHead = "tried: ";

interface Override {
  readonly name: string;
  readonly value: string;
  readonly from?: Major;
  readonly until?: Major;
}

/**
 * What a dry start is told in place of what the files say; these are read and judged all the same. It shall touch nothing outside
 * of its folder, speak English with SQLSTATEs on its standard error, and leave shared memory to those that use it.
 */
const overrides: readonly Override[] = [
  { name: "listen_addresses", value: "" },
  { name: "external_pid_file", value: "" },
  { name: "bonjour", value: "off" },
  { name: "fsync", value: "off" },
  { name: "huge_pages", value: "off", from: "9.4" },
  { name: "min_dynamic_shared_memory", value: "0", from: "14" },
  { name: "stats_temp_directory", value: "pg_stat_tmp", until: "14" },
  // Nothing shall feed the recovery that the planted file asks for.
  { name: "restore_command", value: "", from: "12" },
  { name: "logging_collector", value: "off" },
  { name: "log_destination", value: "stderr" },
  { name: "log_line_prefix", value: lineHead },
  { name: "log_min_messages", value: "debug3" },
  { name: "log_error_verbosity", value: "verbose" },
  { name: "lc_messages", value: "C" },
];

/** @param sharedBuffers in bytes */
export function overridesOf(major: Major, sharedBuffers: number): Readonly<Record<string, string>> {
  const known = overrides.filter(
    ({ from, until }) => (from === undefined || atLeast(major, from)) && (until === undefined || atLeast(until, major)),
  );
  return {
    ...Object.fromEntries(known.map(({ name, value }) => [name, value])),
    shared_buffers: `${Math.ceil(sharedBuffers / 1024)}kB`,
  };
}

/** A recovery that begins in the startup process and that nothing feeds: it ends there, with an error. */
export function recoveryFile(major: Major): { readonly name: string; readonly text: string } {
  return atLeast(major, "12")
    ? { name: "recovery.signal", text: "" }
    : { name: "recovery.conf", text: "standby_mode = 'off'\n" };
}

/** Folders that a postmaster looks into before it starts the startup process, at any version. */
export const dataFolders = [
  ...["global", "base", "pg_tblspc", "pg_notify", "pg_stat", "pg_stat_tmp", "pg_dynshmem", "pg_logical", "pg_replslot"],
  ...[
    "pg_wal",
    "pg_xlog",
    "pg_clog",
    "pg_xact",
    "pg_subtrans",
    "pg_multixact",
    "pg_serial",
    "pg_snapshots",
    "pg_twophase",
  ],
  "pg_commit_ts",
];
