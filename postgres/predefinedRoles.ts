import { atLeast, type Major } from "./versions.js";

/** Roles that PostgreSQL has by itself, by the version that they came with ("Predefined Roles", earlier "Default Roles"). */
const predefined: readonly { readonly from: Major; readonly names: readonly string[] }[] = [
  { from: "9.6", names: ["pg_signal_backend"] },
  { from: "10", names: ["pg_monitor", "pg_read_all_settings", "pg_read_all_stats", "pg_stat_scan_tables"] },
  { from: "11", names: ["pg_read_server_files", "pg_write_server_files", "pg_execute_server_program"] },
  { from: "14", names: ["pg_database_owner", "pg_read_all_data", "pg_write_all_data"] },
  { from: "15", names: ["pg_checkpoint"] },
  { from: "16", names: ["pg_create_subscription", "pg_use_reserved_connections"] },
  { from: "17", names: ["pg_maintain"] },
  { from: "18", names: ["pg_signal_autovacuum_worker"] },
];

/** The owner of a database is its one member; no other can be made one. */
export const databaseOwner = "pg_database_owner";

export function predefinedRoles(version: Major): readonly string[] {
  return predefined.filter(({ from }) => atLeast(version, from)).flatMap(({ names }) => names);
}
