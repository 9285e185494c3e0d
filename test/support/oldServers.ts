import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "vitest";
import type { Major } from "../../postgres/versions.js";

/** Server programs of a version that no registry carries: somebody built them by hand. */
export interface OldServer {
  /** `9.0.3` */
  readonly version: string;
  readonly major: Major;
  readonly bin: string;
}

/** Names the folder of such programs: one subfolder a version, each with `bin`. */
export const oldServersVariable = "PGSITE_OLD_SERVERS";

/** Oldest first; none where nobody named a folder. @throws where what is named has no programs that run here */
export function oldServers(): readonly OldServer[] {
  const folder = process.env[oldServersVariable];
  if (folder === undefined || folder === "") return [];
  const found = readdirSync(folder).flatMap((name) => {
    const bin = join(folder, name, "bin");
    return existsSync(join(bin, "postgres")) ? [serverIn(bin)] : [];
  });
  if (found.length === 0) throw new Error(`${oldServersVariable}=${folder} has no VERSION/bin/postgres`);
  return found.sort((one, other) => one.version.localeCompare(other.version, "en", { numeric: true }));
}

/** Tests at each of these, or one line that says why there are none. */
export function atOldServers(what: string, tests: (server: OldServer) => void): void {
  const servers = oldServers();
  if (servers.length === 0) return void it.skip(`${what}: ${oldServersVariable} names no folder of old servers`);
  describe.each(servers)(`${what} at $version`, tests);
}

/** What a folder of server programs has. @throws where they do not run here */
export function serverIn(bin: string): OldServer {
  const { stdout, stderr } = spawnSync(join(bin, "postgres"), ["--version"], { encoding: "utf8" });
  const version = /\(PostgreSQL\) ((\d+)\.(\d+)[.\d]*)/.exec(stdout ?? "");
  if (version === null) throw new Error(`${bin}/postgres does not say its version: ${stdout}${stderr}`);
  const [, whole = "", first = "", second = ""] = version;
  return { version: whole, major: (Number(first) < 10 ? `${first}.${second}` : first) as Major, bin };
}
