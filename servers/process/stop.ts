import { join } from "node:path";
import type { KnownServer } from "../../config/site.js";
import type { Host } from "../../hosts/host.js";
import { shownInLine } from "../../postgres/shown.js";
import { isAtRest } from "../../postgres/wal/controlFile.js";
import { readControlFile } from "../data/controlFile.js";
import { processState } from "./process.js";
import { titlesBelow } from "./titles.js";
import { unarchivedOn } from "./unarchived.js";
import { stopByUnit, unitOf } from "./unit.js";
import { until } from "./until.js";

/** `smart` waits for sessions to end, `fast` ends them, `immediate` is a crash (recovery at the next start). */
export type StopMode = "smart" | "fast" | "immediate";

export interface StopOptions {
  /** @default "fast" */
  readonly mode?: StopMode;
  /** Milliseconds until it must have written its last checkpoint. @default a minute */
  readonly deadline?: number;
  /** Milliseconds that what is left may take after that: its archiver, and walsenders. @default 20 s */
  readonly patience?: number;
  /**
   * Whether a server that has not written its last checkpoint by the deadline is ended all the same: it recovers at its next
   * start, and nothing that was committed is lost. @default false
   */
  readonly mayCrash?: boolean;
  /** Who is told what a shutdown waits for that takes its time. @default nobody */
  readonly waiting?: (seconds: number, held: readonly string[]) => Promise<void> | void;
}

/** How a server was stopped. */
export interface Stopped {
  readonly wasRunning: boolean;
  /** Present where it did not end by itself. */
  readonly ended?: Ended;
}

export interface Ended {
  /** `at rest`: its last checkpoint was written, and nothing was left to recover. */
  readonly when: "at rest" | "before its checkpoint";
  /** Titles of the processes that it waited for, as the server gave them. */
  readonly held: readonly string[];
  /** Segments of its WAL that its archive has not got. */
  readonly unarchived: number;
}

/**
 * Stops a server; one that does not run is fine. A fast shutdown ends with a checkpoint, after which the archiver and the
 * walsenders finish what they are at, for as long as they like: an archive_command that hangs keeps a server there that takes no
 * writes any more. It is ended then. @throws where it still runs
 */
export async function stopServer(host: Host, server: KnownServer, options: StopOptions = {}): Promise<Stopped> {
  const { mode = "fast", deadline = 60_000, patience = 20_000, mayCrash = false, waiting } = options;
  const before = await processState(host, server.dataDirectory);
  if (before.kind !== "running") return { wasRunning: false };
  const gone = async () => {
    const now = await processState(host, server.dataDirectory);
    return now.kind !== "running" || now.pid !== before.pid;
  };
  const unit = mode === "fast" ? await unitOf(host, server) : undefined;
  const complaint =
    (unit === undefined ? undefined : await stopByUnit(host, unit)) ?? (await stopByPgCtl(host, server, mode));
  if (complaint !== "" && !(await gone())) throw new Error(`${server.name} cannot be stopped: ${complaint}`);
  // While it works, its control file says so.
  const atRest = async () => {
    const control = await readControlFile(host, server.dataDirectory);
    return control !== undefined && isAtRest(control);
  };
  const done = async () => (await gone()) || (mode === "fast" && (await atRest()));
  const holding = () => titlesBelow(host, server.dataDirectory, before.pid);
  const began = Date.now();
  let told = began;
  const telling = (condition: () => Promise<boolean>) => async () => {
    if (waiting !== undefined && Date.now() - told > tellEvery) {
      told = Date.now();
      await waiting(Math.round((told - began) / 1000), await holding());
    }
    return condition();
  };
  const isDone = await until(telling(done), { deadline, interval: 50 });
  if (isDone && (await until(telling(gone), { deadline: patience, interval: 50 }))) return { wasRunning: true };
  const held = await holding();
  if (mode !== "fast" || (!isDone && !mayCrash)) throw new StillRuns(server.name, before.pid, mode, deadline, held);
  const unarchived = await unarchivedOn(host, server);
  await stopByPgCtl(host, server, "immediate");
  // A postmaster kills what does not end within five seconds of it.
  if (!(await until(gone, { deadline: 15_000, interval: 50 }))) {
    throw new StillRuns(server.name, before.pid, "immediate", 15_000, held);
  }
  return { wasRunning: true, ended: { when: isDone ? "at rest" : "before its checkpoint", held, unarchived } };
}

/** Milliseconds. */
const tellEvery = 10_000;

/** A server did not stop in time. */
export class StillRuns extends Error {
  constructor(server: string, pid: number, mode: StopMode, deadline: number, held: readonly string[]) {
    const waits =
      held.length === 0 ? "its log tells what it waits for" : `it waits for: ${held.map(shownInLine).join("; ")}`;
    super(
      `${server} (process ${pid}) still runs ${Math.round(deadline / 1000)} s after a ${mode} stop was asked for; ${waits}`,
    );
    this.name = "StillRuns";
  }
}

/** What it says of why it cannot, or nothing. */
async function stopByPgCtl(host: Host, server: KnownServer, mode: StopMode): Promise<string> {
  const pgCtl = join(server.binDirectory, "pg_ctl");
  const { code, stdout, stderr } = await host.run([pgCtl, "stop", "-W", "-m", mode, "-D", server.dataDirectory]);
  return code === 0 ? "" : (stderr + stdout).trim();
}
