import { setMaxListeners } from "node:events";
import type { Behind } from "../../postgres/rollout/diverged.js";
import { readControlFile } from "../data/controlFile.js";
import { waitForWriters } from "../data/lock.js";
import { seal } from "../data/seal.js";
import { stopServer } from "../process/stop.js";
import { withSession } from "../sql/session.js";
import { whoAreYou } from "../sql/writable.js";
import { branchOf } from "../wal/timelines.js";
import { type Copy, deltaCopy, wholeCopy } from "./copy.js";
import { standingOf } from "./standing.js";

export interface SeedAgainOptions extends Copy {
  readonly behind: Behind;
}

/** It is not what the plan took it for. Nothing was changed but that it is stopped. */
class NotBehind extends Error {
  constructor(server: string, primary: string) {
    super(
      `${server} is not seeded again: it may have something that ${primary} has not; its data are as they were, and it is stopped. Run again: it rejoins then, and what it alone has is kept`,
    );
    this.name = "NotBehind";
  }
}

/**
 * Replaces the data of a server that is merely behind by its primary's, and leaves it stopped, with the least that makes it a
 * standby. Nothing of it is kept, so that is proven once more when it writes nothing any more, and that the primary is there
 * before anything of it goes. The caller holds its lock. Cut off in the middle of the copy, any base backup goes on with it.
 */
export async function seedAgain(options: SeedAgainOptions): Promise<void> {
  const { site, member, primary, behind, login, signal, report } = options;
  const { server, host } = member;
  // Each program of a copy listens to it.
  setMaxListeners(0, signal);
  const { inRecovery } = await withSession(primary.server, login, { signal }, whoAreYou);
  if (inRecovery) throw new Error(`${primary.server.name} takes no writes: ${server.name} is left as it is`);
  await stopServer(host, server, { deadline: 30_000, mayCrash: true });
  await waitForWriters(host, server);
  if (!(await isBehind(options))) throw new NotBehind(server.name, primary.server.name);
  report(`${server.name}: ${behind.way}`);
  const systemIdentifier = await (behind.way === "delta copy" ? deltaCopy(options) : wholeCopy(options));
  await seal(host, site, server, systemIdentifier);
}

async function isBehind({ member: { server, host }, primary }: SeedAgainOptions): Promise<boolean> {
  const { version, dataDirectory } = server;
  const [control, theirs] = await Promise.all([
    readControlFile(host, dataDirectory),
    readControlFile(primary.host, primary.server.dataDirectory),
  ]);
  if (control === undefined || theirs === undefined) return false;
  const [own, site] = await Promise.all([
    branchOf(host, dataDirectory, version, control),
    branchOf(primary.host, primary.server.dataDirectory, version, theirs),
  ]);
  if (own === undefined || site === undefined) return false;
  const place = { host, dataDirectory, version };
  return (
    (await standingOf(own, site, primary.server.name, { version, placeOf: async () => place })).behind !== undefined
  );
}
