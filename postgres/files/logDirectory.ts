import { isAbsolute, join } from "node:path";
import { atLeast, type Major } from "../versions.js";

/** Where logging_collector puts a server's log: log_directory, whose default is another from 10 on. */
export function logFolderOf(server: {
  readonly version: Major;
  readonly dataDirectory: string;
  readonly settings: Readonly<Record<string, string>>;
}): string {
  const folder = server.settings.log_directory ?? (atLeast(server.version, "10") ? "log" : "pg_log");
  return isAbsolute(folder) ? folder : join(server.dataDirectory, folder);
}
