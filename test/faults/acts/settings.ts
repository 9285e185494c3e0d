import type { Settings } from "../model.js";

interface Setting {
  readonly name: string;
  /** A change restarts servers. @default a reload does */
  readonly restarts?: true;
  readonly values: readonly unknown[];
  readonly more?: Settings;
}

const restarts = true;
const library = { shared_preload_libraries: "pg_stat_statements" };

/** Settings of every context, with values that servers take. */
export const allowed: readonly Setting[] = [
  // user, superuser, sighup: a reload
  { name: "work_mem", values: ["4MB", "8MB", "16MB"] },
  { name: "random_page_cost", values: [1.1, 2, 4] },
  { name: "log_min_duration_statement", values: [-1, "1s", "5s"] },
  { name: "log_statement", values: ["none", "ddl"] },
  { name: "checkpoint_timeout", values: ["2min", "5min"] },
  { name: "autovacuum_naptime", values: ["30s", "1min"] },
  { name: "log_connections", values: [true, false] },
  { name: "max_standby_streaming_delay", values: ["1s", "30s"] },
  { name: "wal_keep_segments", values: [4, 8] },
  { name: "DateStyle", values: ["ISO, MDY", "German, DMY"] },
  { name: "timezone", values: ["UTC", "Europe/Berlin"] },
  // postmaster: a restart
  { name: "shared_buffers", values: ["8MB", "16MB"], restarts },
  { name: "wal_buffers", values: ["1MB", "4MB"], restarts },
  { name: "track_commit_timestamp", values: [true, false], restarts },
  { name: "autovacuum_max_workers", values: [2, 3], restarts },
  // floors: in an order
  { name: "max_connections", values: [40, 50, 60], restarts },
  { name: "max_prepared_transactions", values: [0, 5, 10], restarts },
  { name: "max_locks_per_transaction", values: [64, 96], restarts },
  { name: "max_wal_senders", values: [8, 10, 12], restarts },
  { name: "max_worker_processes", values: [8, 10], restarts },
  // of an extension: what takes a restart only the running server knows
  { name: "pg_stat_statements.max", values: [5000, 6000, 7000], restarts, more: library },
  { name: "pg_stat_statements.track", values: ["top", "all"], restarts, more: library },
];

/** Values that no server can start with, or take, and that pgsite cannot know of offline. */
export const refused: readonly { readonly name: string; readonly value: unknown }[] = [
  { name: "shared_preload_libraries", value: "no_such_library" },
  { name: "log_timezone", value: "Nowhere/Nothing" },
  { name: "unix_socket_directories", value: "/proc/nowhere" },
  { name: "shared_buffers", value: "8TB" },
];
