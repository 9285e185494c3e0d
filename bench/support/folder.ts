import { chmodSync, chownSync, mkdtempSync, rmSync } from "node:fs";
import { unprivileged } from "./account.js";
import { endServers } from "./site.js";

/** A folder of the servers' user, 0700. */
export function makeFolder(): string {
  const folder = mkdtempSync("/var/tmp/pgsite-bench-");
  const { uid, gid } = unprivileged();
  chmodSync(folder, 0o700);
  if (uid !== undefined && gid !== undefined) chownSync(folder, uid, gid);
  return folder;
}

/** With all servers whose data lie in it. */
export function removeFolder(folder: string): void {
  endServers(folder);
  rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 200 });
}
