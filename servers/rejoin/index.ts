import { setMaxListeners } from "node:events";
import type { KnownSite } from "../../config/site.js";
import type { Rejoin, RejoinWay } from "../../postgres/rollout/diverged.js";
import { type CopyProgress, noProgress } from "../baseBackup/progress.js";
import { readControlFile } from "../data/controlFile.js";
import { waitForWriters } from "../data/lock.js";
import { seal } from "../data/seal.js";
import { stopServer } from "../process/stop.js";
import type { Login } from "../sql/session.js";
import { branchOf } from "../wal/timelines.js";
import { rejoinObstacleInWords, rewindObstacleInWords } from "../words/rejoin.js";
import { type Begun, controlDigest, keepAside, readBegun, removeBegun, writeBegun } from "./aside.js";
import { deltaCopy, wholeCopy } from "./copy.js";
import { type Diverged, decideRejoin } from "./decide.js";
import { rewindIt } from "./pgRewind.js";
import { completeReport } from "./report.js";
import { bringToRest } from "./rest.js";
import { wholeOf } from "./whole.js";

export interface RejoinOptions extends Diverged {
  readonly site: Pick<KnownSite, "name" | "baseBackup">;
  readonly rejoin: Rejoin;
  readonly login: Login;
  readonly signal: AbortSignal;
  readonly report: (line: string) => void;
  /** Who is told how far it is, by what is done to the bytes: `copied`, `kept`. @default nobody */
  readonly progress?: (verb: string) => CopyProgress;
}

export interface Rejoined {
  /** The way that was taken in the end; undefined where an earlier attempt had come to its end meanwhile. */
  readonly way?: RejoinWay;
  readonly kept?: string;
}

/**
 * Makes the data of a diverged server those of the primary's standby, and leaves it stopped, with the least that makes it a
 * standby in place of its configuration. What it alone had is kept before anything of it changes. The caller holds its lock.
 *
 * Cut off anywhere, it can be run again: before something is changed by whoever reads its control file; in the middle of
 * pg_rewind by the same, since that file changes last, and what is kept is not kept twice; in the middle of a copy by any base
 * backup, which goes on with it.
 */
export async function rejoinServer(options: RejoinOptions): Promise<Rejoined> {
  const { member, signal } = options;
  const { server, host } = member;
  // Each program of a copy listens to it.
  setMaxListeners(0, signal);
  // What it has to recover, it recovers below.
  await stopServer(host, server, { deadline: 30_000, mayCrash: true });
  await waitForWriters(host, server);
  const begun = await readBegun(host, server);
  if (await isRewound(options)) {
    await removeBegun(host, server);
    return begun === undefined ? {} : { kept: begun.kept };
  }
  await bringToRest(member, signal);

  const known = begun !== undefined && (await isAsKept(options, begun)) ? begun : undefined;
  const kept = known?.kept ?? (await keep(options));
  // What is counted there is a help; it is no reason to fail.
  const what = { ...options.rejoin, keep: known?.keep ?? options.rejoin.keep };
  const counted = completeReport(host, server, what, { kept, user: options.login.user }).catch(() => undefined);
  const [way] = await Promise.all([takeWay(options, kept), counted]);
  await removeBegun(host, server);
  return { way, kept };
}

/** By the way of the plan, or the next best where pg_rewind finds that it cannot. */
async function takeWay(options: RejoinOptions, kept: string): Promise<RejoinWay> {
  const { member, rejoin, report } = options;
  const { name } = member.server;
  report(`${name}: ${rejoin.way}`);
  if (rejoin.way !== "pg_rewind") return copied(options, rejoin.way);
  const failure = await rewindIt(options);
  if (failure === undefined) return rejoin.way;
  const why = rewindObstacleInWords(failure);
  const next = await decideRejoin(options, failure);
  if (next.refusal !== undefined) {
    throw new Error(
      `${why}; what ${name} had is kept in ${kept}; ${rejoinObstacleInWords(name, next.refusal, next.keep)}`,
    );
  }
  report(`${name}: ${next.way}: ${why}`);
  return copied(options, next.way);
}

async function copied(options: RejoinOptions, way: RejoinWay): Promise<RejoinWay> {
  const { site, member } = options;
  const systemIdentifier = await (way === "delta copy" ? deltaCopy(options) : wholeCopy(options));
  await seal(member.host, site, member.server, systemIdentifier);
  return way;
}

async function keep({ member, rejoin, login, report, signal, progress }: RejoinOptions): Promise<string> {
  const { server, host } = member;
  report(`${server.name}: keeping what it alone has`);
  const whole = await wholeOf(host, server);
  const [missing] = whole.missing;
  if (missing !== undefined && rejoin.keep === "data") {
    throw new Error(rejoinObstacleInWords(server.name, missing, rejoin.keep));
  }
  const rename = rejoin.way === "base backup" && rejoin.keep === "data" && whole.atOnePlace;
  const keeping = { whole, rename, user: login.user, signal, progress: progress?.("kept") ?? noProgress };
  const kept = await keepAside(host, server, rejoin, keeping);
  if (!rename) await writeBegun(host, server, { kept, keep: rejoin.keep, control: await controlDigest(host, server) });
  return kept;
}

/** Whether what an earlier attempt kept is still all that the server has: it has not run since. */
async function isAsKept({ member: { server, host } }: RejoinOptions, begun: Begun): Promise<boolean> {
  return begun.control === (await controlDigest(host, server)) && (await host.stat(begun.kept)) !== undefined;
}

/** A pg_rewind that outlived whoever began it may have come to its end after we looked. */
async function isRewound({ member: { server, host }, fork }: RejoinOptions): Promise<boolean> {
  const control = await readControlFile(host, server.dataDirectory);
  const branch =
    control === undefined ? undefined : await branchOf(host, server.dataDirectory, server.version, control);
  // On one timeline nothing is rewound.
  return fork.timeline !== fork.primaryTimeline && branch?.timeline === fork.primaryTimeline;
}
