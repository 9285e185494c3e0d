import { join } from "node:path";
import { controlPath } from "../../config/controlDirectory.js";
import type { KnownServer, Server } from "../../config/site.js";
import { placesOfSockets } from "../../config/socketFolders.js";
import { type Host, HostError, isOfHost } from "../../hosts/host.js";
import { hostOf } from "../../hosts/index.js";
import { guardOf, refusedToStart, supersededIn } from "../../installed/runbook/render.js";
import { makeSocketFolders } from "../../installed/service/socketFolders.js";
import { startOptions } from "../../postgres/files/places.js";
import { isDefinite, type Superseded } from "../../postgres/serverProblems.js";
import { atLeast } from "../../postgres/versions.js";
import { controlFileOf } from "../data/controlFile.js";
import { readPidFile } from "../data/pidFile.js";
import { openSession, SqlUnreachable } from "../sql/session.js";
import { disarm } from "../takeover/triggerFile.js";
import { supersededWords } from "../words/problems.js";
import { causesIn, type LogMark, logMark, logSince, startLogOf } from "./log.js";
import { endRemains, freeTakenNumber, hasRemains, noticing } from "./remains.js";
import { startUnit, stopTrying, unitOf, untilUnitKnows } from "./unit.js";
import { until } from "./until.js";

/**
 * Whether a server runs in a data directory. `stale`: postmaster.pid is there and its process is not (a crash, a
 * power cut); PostgreSQL itself deals with that at the next start. pgsite deletes the file only if another process has its number.
 */
export type ProcessState =
  | { readonly kind: "stopped" }
  | { readonly kind: "stale"; readonly pid: number }
  | {
      readonly kind: "running";
      readonly pid: number;
      /** From 10 on: what the postmaster says of itself (miscinit.h, PM_STATUS_…). `standby`: up, and no queries. */
      readonly status?: "starting" | "stopping" | "ready" | "standby";
    };

const statuses = ["starting", "stopping", "ready", "standby"] as const;

/** Looks at postmaster.pid and the process that it names. */
export async function processState(
  host: Host,
  dataDirectory: string,
  pidFile = readPidFile(host, dataDirectory),
): Promise<ProcessState> {
  const content = await pidFile;
  const lines = content?.toString("utf8").split("\n") ?? [];
  const pid = Number(lines[0]);
  if (!Number.isInteger(pid) || pid <= 0) return { kind: "stopped" };
  if (!(await isPostmaster(host, pid, dataDirectory))) return { kind: "stale", pid };
  const status = statuses.find((known) => known === lines[7]?.trim());
  return { kind: "running", pid, ...(status === undefined ? {} : { status }) };
}

/** A postmaster's working directory is its data directory: that tells it from a process that was given its old number. */
async function isPostmaster(host: Host, pid: number, dataDirectory: string): Promise<boolean> {
  // A process that ends while it is looked at fails to be read, like one that is not there.
  const comm = await host.readFile(`/proc/${pid}/comm`).catch(() => undefined);
  if (comm !== undefined) {
    if (!/^(postgres|postmaster)$/.test(comm.toString("utf8").trim())) return false;
    // Not by a program: every preview asks this of every server, twice.
    const cwd = await host.realPath(`/proc/${pid}/cwd`).catch(() => undefined);
    if (cwd !== undefined) return cwd === (await host.realPath(dataDirectory));
  }
  if ((await host.stat("/proc/self")) !== undefined) return notTold(host, pid, dataDirectory);
  const { code, stdout } = await host.run(["ps", "-p", `${pid}`, "-o", "comm="]);
  if (code > 1)
    throw new HostError(`${host.name} has neither /proc nor ps: nobody can say whether process ${pid} is a server`);
  return /(postgres|postmaster)$/.test(stdout.trim());
}

/**
 * That no postmaster of these data is such a process, which /proc does not show us, or not all of: it has ended, or is another
 * user's. Of our own we see all. @throws HostError where the data are that user's too
 */
async function notTold(host: Host, pid: number, dataDirectory: string): Promise<false> {
  const [process, data, first] = await Promise.all(
    [`/proc/${pid}`, dataDirectory, "/proc/1"].map((path) => host.stat(path)),
  );
  if (data === undefined || data.owner === host.user) return false;
  // /proc may hide other users' processes: hidepid.
  if (process === undefined ? first === undefined : process.owner === data.owner) {
    throw new HostError(
      `${host.user} may not look at process ${pid} on ${host.name}: nobody can say whether a server of ${data.owner}'s runs in ${dataDirectory}`,
    );
  }
  return false;
}

export interface StartOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Milliseconds until the server must answer. @default 60000 */
  readonly deadline?: number;
  readonly signal?: AbortSignal;
}

export interface Started {
  readonly alreadyRunning: boolean;
  readonly pid: number;
  /** Titles of processes that were left of it and kept it from starting, and were ended. */
  readonly ended?: readonly string[];
}

/** A server did not start. The message has the reason from its own log. */
export class StartFailed extends Error {
  constructor(
    server: string,
    readonly reason: string,
  ) {
    super(`${server} does not start: ${reason}`);
    this.name = "StartFailed";
  }
}

/**
 * Starts a server so that it outlives us, and waits until it answers (a warm standby: until it refuses queries
 * because it recovers). `pg_ctl -w` is not trusted: it errs in both directions. A server that
 * answers need not work yet; that is what `proveWorking` is for.
 * @throws StartFailed with the reason from start.log and from the server's log
 */
export async function startServer(host: Host, server: KnownServer, options: StartOptions = {}): Promise<Started> {
  const { deadline = 60_000, signal } = options;
  const before = await processState(host, server.dataDirectory);
  await host.makeDirectory(server.controlDirectory);
  const postgres = join(server.binDirectory, "postgres");
  const root = () => hostOf({ ...server.host, user: "root" });
  await makeSocketFolders(host, root, placesOfSockets(server), postgres).catch((error: unknown) => {
    throw isOfHost(error) || !(error instanceof Error) ? error : new StartFailed(server.name, error.message);
  });
  if (before.kind === "running" && before.status !== "stopping") {
    const failure = await answer(host, server, Date.now() + deadline, signal, await logMark(host, server));
    if (failure !== undefined) throw new StartFailed(server.name, failure);
    return { alreadyRunning: true, pid: before.pid };
  }
  await disarm(host, server);
  if (before.kind === "stale") await freeTakenNumber(host, server.dataDirectory, before.pid);
  const began = Date.now();
  const end = began + deadline;
  const ended: string[] = [];
  for (;;) {
    // Of a server that was killed: what failed beside them may pass without them.
    const hadRemains = await hasRemains(host, server.dataDirectory);
    const failure = await attempt(host, server, options, end);
    if (failure === undefined) break;
    if (!hadRemains || Date.now() > end) throw new StartFailed(server.name, failure);
    if (Date.now() - began > noticing) ended.push(...(await endRemains(host, server.dataDirectory)));
    await until(async () => (await processState(host, server.dataDirectory)).kind !== "running", {
      deadline: Math.max(0, end - Date.now()),
      ...(signal === undefined ? {} : { signal }),
    });
    await new Promise((done) => setTimeout(done, 500));
    signal?.throwIfAborted();
  }
  const state = await processState(host, server.dataDirectory);
  if (state.kind !== "running") throw new StartFailed(server.name, "it ended again at once");
  return { alreadyRunning: false, pid: state.pid, ...(ended.length === 0 ? {} : { ended }) };
}

/** One start. Returns why it failed, or undefined once the server answers. */
async function attempt(
  host: Host,
  server: KnownServer,
  { env = {}, signal }: StartOptions,
  end: number,
): Promise<string | undefined> {
  const unit = await unitOf(host, server);
  const refusal = await askGuard(host, server, unit === undefined ? "yes" : "unit");
  if (refusal !== undefined) return refusal;
  const mark = await logMark(host, server);
  const failure = await (unit === undefined ? startByPgCtl(host, server, env) : startUnit(unit));
  if (failure !== "") return failure;
  const grace = unit === undefined ? 3000 : unit.isOurs ? 8000 : 15_000;
  const reason = await answer(host, server, end, signal, mark, grace);
  if (unit === undefined) return reason;
  if (reason !== undefined) await stopTrying(unit);
  else if (!unit.isOurs) await untilUnitKnows(host, unit);
  return reason === undefined || unit.isOurs ? reason : `${reason} (journalctl -u ${unit.name} may say more)`;
}

/**
 * Why the guard of its runbook does not let it start; undefined where it does, or there is none. Whoever starts a server here has
 * asked the site who takes writes: a guard that cannot ask goes by that, `unit` also when a unit asks it once more.
 */
async function askGuard(host: Host, server: KnownServer, asked: "yes" | "unit"): Promise<string | undefined> {
  const argv = ["sh", "-c", '[ ! -x "$0" ] || exec "$0"', guardOf(server.controlDirectory)];
  // It waits a minute for a network that is not there, and four for a peer that still recovers.
  const { code, stderr } = await host.run(argv, { timeout: 360_000, env: { PGSITE_ASKED: asked } });
  if (code === 0) return undefined;
  const superseded = code === refusedToStart ? await refusedBefore(host, server) : undefined;
  return superseded === undefined ? `its guard refuses it: ${stderr.trim()}` : supersededWords(superseded);
}

/**
 * Why a stopped server did not start the last time, if the guard of its runbook refused it: the guard's word is then the last
 * line of start.log. An older pgsite's guard, until an `up` renews it, says so to people alone. It is that no more once the data
 * are others, or have been started: a server writes its control file then, and what it says may go to a log of its own.
 */
export async function refusedBefore(
  host: Host,
  { controlDirectory, dataDirectory }: Pick<Server, "controlDirectory" | "dataDirectory">,
): Promise<Superseded | undefined> {
  const log = controlPath({ controlDirectory }, "startLog");
  const last = (await host.readTail(log, 1000))?.trimEnd().split("\n").at(-1);
  const superseded = last === undefined ? undefined : supersededIn(last, controlDirectory);
  if (superseded === undefined) return undefined;
  const [said, data] = await Promise.all([host.stat(log), host.stat(controlFileOf(dataDirectory))]);
  return said !== undefined && data !== undefined && data.changed > said.changed ? undefined : superseded;
}

/** What it says of why the server does not start, or nothing. */
async function startByPgCtl(host: Host, server: KnownServer, env: StartOptions["env"]): Promise<string> {
  const options = startOptions(server);
  const pgCtl = [
    join(server.binDirectory, "pg_ctl"),
    "start",
    "-W",
    "-D",
    server.dataDirectory,
    "-l",
    startLogOf(server),
    ...(options === undefined ? [] : ["-o", options]),
  ];
  const environment = { PGPASSFILE: server.passfile, ...env };
  // A session of its own, so that neither a Ctrl-C nor the end of pulumi reaches the server.
  let result = await host.run(["setsid", ...pgCtl], { env: environment });
  if (result.code === 127) result = await host.run(pgCtl, { env: environment });
  return result.code === 0 ? "" : `pg_ctl says: ${(result.stderr + result.stdout).trim()}`;
}

/** Why a server that was started does not answer, or undefined once it does. */
async function answer(
  host: Host,
  server: KnownServer,
  end: number,
  signal: AbortSignal | undefined,
  mark: LogMark,
  grace = 3000,
): Promise<string | undefined> {
  try {
    await waitForAnswer(host, server, end, signal, mark, grace);
    return undefined;
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error;
    const causes = causesIn(await logSince(host, server, mark), server);
    const said = causes.map(({ line, remedy }) => (remedy === undefined ? line : `${line} (${remedy})`));
    return said.length > 0 ? said.join("; ") : `${error.message}; its log says nothing of why`;
  }
}

class NoAnswer extends Error {}

/**
 * Waits until the server runs and says something of itself.
 * @param mark from before it was started @param grace milliseconds until its process is there: its unit asks the guard first
 * @throws NoAnswer, also where its log has a cause that waiting cannot mend
 */
async function waitForAnswer(
  host: Host,
  server: KnownServer,
  end: number,
  signal: AbortSignal | undefined,
  mark: LogMark,
  grace: number,
): Promise<void> {
  let seen = false;
  let looked = Date.now();
  for (;;) {
    signal?.throwIfAborted();
    const state = await processState(host, server.dataDirectory);
    if (state.kind === "running") {
      seen = true;
      if (await answers(server, state.status, signal)) return;
    } else if (seen || Date.now() - mark.at > grace) {
      throw new NoAnswer("its process ended");
    }
    if (Date.now() > end) throw new NoAnswer("it does not answer in time");
    if (Date.now() - looked > 1000) {
      looked = Date.now();
      const causes = causesIn(await logSince(host, server, mark), server);
      if (causes.some(({ final }) => final)) throw new NoAnswer("its log says that it cannot");
    }
    await new Promise((done) => setTimeout(done, 100));
  }
}

async function answers(
  server: KnownServer,
  status: (typeof statuses)[number] | undefined,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  if (atLeast(server.version, "10")) return status === "ready" || status === "standby";
  try {
    const nobody = { user: "pgsite_probe", password: "" };
    const session = await openSession(server, nobody, {
      timeout: 2000,
      ...(signal === undefined ? {} : { signal }),
    });
    await session.end();
    return true;
  } catch (error) {
    if (!(error instanceof SqlUnreachable)) throw error;
    if (isDefinite(error.kind) || error.kind === "full" || error.kind === "other") return true;
    // Before 10 only its log would tell a warm standby from one that is still starting; the proof tells them apart.
    return error.kind === "cannotConnectNow" && server.upstream !== undefined && !server.hotStandby;
  }
}

/** Makes a running server read its configuration files again. @throws where it does not run */
export async function reloadServer(
  host: Host,
  server: Pick<Server, "name" | "dataDirectory" | "binDirectory">,
): Promise<void> {
  const result = await host.run([join(server.binDirectory, "pg_ctl"), "reload", "-D", server.dataDirectory]);
  if (result.code !== 0) {
    throw new Error(`${server.name} cannot be reloaded: ${(result.stderr + result.stdout).trim()}`);
  }
}
