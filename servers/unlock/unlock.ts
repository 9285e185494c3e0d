import type { KnownServer } from "../../config/site.js";
import type { Host } from "../../hosts/host.js";
import { type LockedOut, type Mended, mendOf, type Opened } from "../../postgres/lockedOut.js";
import { withLock } from "../data/lock.js";
import type { Files } from "../data/staging.js";
import { processState, reloadServer, startServer } from "../process/process.js";
import { stopServer } from "../process/stop.js";
import { until } from "../process/until.js";
import { type Login, type Row, type Session, withSession } from "../sql/session.js";
import { askLive, type LiveAnswer } from "../status/live.js";
import { lockedOutInWords } from "../words/lockedOut.js";
import { openForAdministrator, type Sql } from "./administrator.js";
import { endIdleSession } from "./connections.js";
import { installRules, installWayIn } from "./files.js";
import { findLock, takesWrites } from "./find.js";
import { runSingleUser } from "./singleUser.js";

export interface Unlocking {
  readonly host: Host;
  readonly server: KnownServer;
  /** What its files are declared to hold. */
  readonly files: Files;
  readonly login: Login;
  readonly signal?: AbortSignal | undefined;
  /** Hears of each thing that is done, before pgsite goes on. */
  readonly report: (mended: Mended) => Promise<void>;
}

/** pgsite is kept out, and what the host can do does not help, or may not be done. */
export class StillLockedOut extends Error {
  constructor(
    readonly server: string,
    readonly lock: LockedOut,
    why: string,
  ) {
    super(`${server}: ${lockedOutInWords(lock)}. ${why}`);
    this.name = "StillLockedOut";
  }
}

/**
 * Sees to it that a server that runs lets pgsite in, by what its host can do; the mildest first, and nothing where it does already.
 * A restart is left to the rollout, and roles to the server that takes writes.
 * @throws StillLockedOut @throws Locked
 */
export async function unlock(unlocking: Unlocking): Promise<void> {
  const lock = await lockNow(unlocking);
  if (lock === undefined) return;
  const { host, server } = unlocking;
  await withLock(host, server, `letting pgsite into ${server.name}`, () => unlockHeld(unlocking, lock));
}

async function unlockHeld(unlocking: Unlocking, found: LockedOut): Promise<void> {
  const { host, server, files, report } = unlocking;
  // Rules may be in the way of every way in; they are the declared ones from here on.
  const rules = await installRules(host, server, files, mendOf(found) === "rules");
  let lock = await lockNow(unlocking);
  if (lock !== undefined && (rules || mendOf(lock) === "rules")) {
    await reloadServer(host, server);
    lock = await lockAfterReload(unlocking);
    if (rules || lock === undefined) await report({ by: "rules" });
  }
  if (lock !== undefined && (await installWayIn(host, server, files))) {
    await reloadServer(host, server);
    lock = await lockAfterReload(unlocking);
    await report({ by: "settings" });
  }
  for (let ended = 0; lock?.code === "full" && ended < mostEnded; ended += 1) {
    const process = await processState(host, server.dataDirectory);
    if (process.kind !== "running" || !(await endIdleSession(host, process.pid))) {
      throw new StillLockedOut(
        server.name,
        lock,
        "No session is idle, so that none could be ended: end one of its clients",
      );
    }
    await report({ by: "connections" });
    lock = await lockAfterReload(unlocking);
  }
  if (lock === undefined || mendOf(lock) === "restart") return;
  if (mendOf(lock) !== "catalogue") throw new StillLockedOut(server.name, lock, rulesAreNotEnough(server, lock));
  // A standby has its catalogue from the server that takes writes, whose turn it is.
  const { by } = lock;
  if (by === "primary") return;
  await mendCatalogue(unlocking, by);
  const left = await lockNow(unlocking);
  if (left !== undefined) {
    throw new StillLockedOut(server.name, left, "Its role, password and database are as declared, and its rules too");
  }
}

function rulesAreNotEnough({ host }: KnownServer, { code }: LockedOut): string {
  const inForce = "The declared rules are in force";
  if (code !== "noRule" || host.sessions !== "direct") return inForce;
  return `${inForce}, and none is for the address that pgsite comes from: declare one (access), or have its sessions go through SSH (hosts.${host.name}.sessions)`;
}

/** Sessions of clients that one `up` ends at most. */
const mostEnded = 5;

/** Milliseconds that a server may take to read its files. */
const rereading = 1500;

/** What is left of a lock once the server has had time to read its files, or to notice that a session is gone. */
async function lockAfterReload(unlocking: Unlocking): Promise<LockedOut | undefined> {
  let lock: LockedOut | undefined;
  await until(
    async () => {
      lock = await lockNow(unlocking);
      return lock === undefined;
    },
    { deadline: rereading, interval: 200 },
  );
  return lock;
}

async function lockNow({ host, server, login, signal }: Unlocking): Promise<LockedOut | undefined> {
  const process = await processState(host, server.dataDirectory);
  const quiet = signal ?? new AbortController().signal;
  const access = { address: server, administrator: login.user, administratorPassword: login.password };
  const answer: LiveAnswer = await askLive(access, quiet, false);
  const visitor = { ...access, takesWrites: () => takesWrites(host, server.dataDirectory) };
  return findLock(visitor, process, answer, quiet);
}

async function mendCatalogue(unlocking: Unlocking, by: Exclude<LockedOut["by"], "primary">): Promise<void> {
  const { server, login, report, signal } = unlocking;
  if (by === "stop") return mendWhileStopped(unlocking);
  const options = signal === undefined ? {} : { signal };
  const opened = await withSession(server, login, options, (session) =>
    openForAdministrator((statements) => lastOf(session, statements), server.version, login),
  );
  await report({ by: "catalogue", opened, as: by });
}

async function lastOf(session: Session, statements: readonly string[]): Promise<readonly Row[]> {
  let rows: readonly Row[] = [];
  for (const statement of statements) rows = await session.query(statement);
  return rows;
}

async function mendWhileStopped({ host, server, login, report, signal }: Unlocking): Promise<void> {
  const single: Sql = (statements) => runSingleUser(host, server, statements);
  await stopServer(host, server);
  let opened: readonly Opened[];
  try {
    opened = await openForAdministrator(single, server.version, login);
  } finally {
    await startServer(host, server, signal === undefined ? {} : { signal });
  }
  await report({ by: "catalogue", opened, as: "stop" });
}
