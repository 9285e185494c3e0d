import { atLeast, type Major } from "./versions.js";

/**
 * Settings by which a server starts on a copy of another one's data, with a copy of its configuration, beside that one: it
 * writes nowhere but into the copy, it reaches nobody, nothing in it acts by itself, and nobody but its OS user gets in.
 * Given on its command line, where they count for more than any file.
 */
interface Beside {
  readonly name: string;
  readonly value: string;
  readonly from?: Major;
  readonly until?: Major;
}

/** @param data the copy, as a shell knows it: `$look` */
const rows = (data: string): readonly Beside[] => [
  // A copied configuration may name the places of the one that it comes from.
  { name: "data_directory", value: data },
  { name: "hba_file", value: `${data}/look.hba` },
  { name: "external_pid_file", value: "" },
  { name: "unix_socket_directories", value: data, from: "9.3" },
  { name: "unix_socket_directory", value: data, until: "9.2" },
  { name: "unix_socket_permissions", value: "0700" },
  { name: "listen_addresses", value: "" },
  { name: "port", value: "5555" },
  { name: "ssl", value: "off" },
  // Statistics, logs and archived WAL would go where the other one's go.
  { name: "stats_temp_directory", value: "pg_stat_tmp", until: "14" },
  { name: "logging_collector", value: "off" },
  { name: "log_destination", value: "stderr" },
  { name: "archive_mode", value: "off" },
  // Libraries with workers (a scheduler of jobs), and subscriptions, which would take what is the other one's.
  { name: "shared_preload_libraries", value: "" },
  { name: "max_logical_replication_workers", value: "0", from: "10" },
  // Standbys that never come are not waited for.
  { name: "synchronous_standby_names", value: "", from: "9.1" },
  // The other one has its memory already.
  { name: "shared_buffers", value: "64MB" },
  { name: "huge_pages", value: "off", from: "9.4" },
];

/** As options of `postgres`, for a shell within double quotes. */
export function besideOptions(version: Major, data: string): string {
  return rows(data)
    .filter(({ from = "9.0", until = "18" }) => atLeast(version, from) && atLeast(until, version))
    .map(({ name, value }) => `-c ${name}='${value}'`)
    .join(" ");
}
