import { join } from "node:path";
import type { Host } from "../../hosts/host.js";
import { controlLength } from "../../postgres/wal/controlFile.js";

/** Where a data directory has its control file. */
export function controlFileOf(dataDirectory: string): string {
  return join(dataDirectory, "global", "pg_control");
}

/** What `postgres/wal/controlFile.ts` reads of a control file; undefined where there is none. */
export function readControlFile(host: Host, dataDirectory: string): Promise<Buffer | undefined> {
  return host.readBytes(controlFileOf(dataDirectory), 0, controlLength);
}
