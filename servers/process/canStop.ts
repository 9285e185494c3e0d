import type { KnownServer } from "../../config/site.js";
import { forbidding, type HoldUp, type StopAct, worthWaiting } from "../../postgres/holdUps.js";
import { type Login, type Session, SqlUnreachable, withSession } from "../sql/session.js";
import { bytesOfLsn } from "../sql/sql.js";
import { checkpointingInWords, notStoppedInWords, putOffInWords, senderEndedInWords } from "../words/stop.js";
import { type Asking, askItself, holdUpsOf, type SenderRow } from "./holdUps.js";
import { pauseOf } from "./paused.js";

/** Milliseconds. */
const backupPatience = 60_000;
/** All of shared_buffers to a slow disk. The server serves everybody meanwhile, so there is time. */
const checkpointPatience = 3_600_000;
/** Until a standby has confirmed what it was sent; one that moves is only slow. */
const confirming = 5_000;
const progressEvery = 10_000;

/** A server is not stopped. Nothing was changed of it. */
export class CannotStop extends Error {
  constructor(
    readonly server: string,
    readonly act: StopAct,
    readonly holdUps: readonly HoldUp[],
  ) {
    super(notStoppedInWords(server, act, holdUps));
    this.name = "CannotStop";
  }
}

export interface StopAsked extends Asking {
  readonly act: StopAct;
  /** What is done about what holds it up, for whoever waits. */
  readonly report: (line: string) => Promise<void> | void;
  /** With a hand-over: whether a walsender is that to the server which takes over, and its name. */
  readonly next?: { readonly name: string; readonly isIt: (rows: readonly SenderRow[]) => SenderRow | undefined };
}

/** How long what is left may take, once a server is at rest. */
export interface Fit {
  readonly patience: number;
}

/** Looks whether a server can be stopped. @throws CannotStop */
export async function refuseStop(asked: StopAsked): Promise<readonly HoldUp[]> {
  const found = await holdUpsOf(asked);
  const forbids = forbidding(asked.act, found);
  if (forbids.length > 0) throw new CannotStop(asked.server.name, asked.act, forbids);
  return found;
}

/**
 * Sees to it that a running server can be stopped, and soon: waits for base backups, makes the checkpoint while it serves, and ends
 * walsenders at whose other end nobody answers. @throws CannotStop, and it runs as before
 */
export async function makeFit(asked: StopAsked): Promise<Fit> {
  const { server, act, login, signal } = asked;
  const found = await withoutBackups(asked);
  const hangs = found.some(({ code }) => code === "archiverHangs");
  const fit = { patience: hangs ? 3000 : 20_000 };
  // A warm standby gives no session either, and needs none.
  if (found.some(({ code }) => code === "unanswered")) return fit;
  const limits = { queryTimeout: checkpointPatience, ...(signal === undefined ? {} : { signal }) };
  try {
    await withSession(server, login, limits, async (session) => {
      await checkpoint(asked, session);
      await endSilent(asked, session);
    });
  } catch (error) {
    if (!(error instanceof SqlUnreachable) || act === "hand over") throw error;
  }
  return fit;
}

async function withoutBackups(asked: StopAsked): Promise<readonly HoldUp[]> {
  const { server, act, signal, report } = asked;
  const began = Date.now();
  for (let said = 0; ; ) {
    const found = await refuseStop(asked);
    const waits = worthWaiting(act, found);
    if (waits.length === 0) return found;
    const waited = Date.now() - began;
    if (waited > backupPatience) throw new CannotStop(server.name, act, waits);
    if (waited >= said) {
      await report(putOffInWords(server.name, Math.round(waited / 1000), act, waits));
      said += progressEvery;
    }
    await new Promise((done) => setTimeout(done, 500));
    signal?.throwIfAborted();
  }
}

/** What it writes now, its shutdown need not write while nobody can work. */
async function checkpoint(asked: StopAsked, session: Session): Promise<void> {
  const { server, act, report } = asked;
  const began = Date.now();
  const seconds = () => Math.round((Date.now() - began) / 1000);
  let end: "done" | Error | undefined;
  const done = session.query("checkpoint").then(
    () => {
      end = "done";
    },
    (error: unknown) => {
      end = error instanceof Error ? error : new Error(`${error}`);
    },
  );
  while (end === undefined) {
    await Promise.race([done, new Promise((after) => setTimeout(after, progressEvery).unref())]);
    if (end !== undefined) break;
    await report(checkpointingInWords(server.name, seconds()));
    // Whoever is to write it may be stuck by now.
    await refuseStop(asked);
  }
  asked.signal?.throwIfAborted();
  if (end === "done") return;
  if (end instanceof SqlUnreachable) throw end;
  const because = end.message;
  const holdUp: HoldUp =
    seconds() * 1000 >= checkpointPatience
      ? { code: "checkpointHangs", seconds: seconds() }
      : { code: "checkpointFails", because };
  throw new CannotStop(server.name, act, [holdUp]);
}

/** A shutdown waits until each standby has confirmed its last checkpoint, for as long as wal_sender_timeout lets it. */
async function endSilent({ server, act, next, report, signal }: StopAsked, session: Session): Promise<void> {
  const { now, inRecovery, senders } = await askItself(session, server.version);
  const target = bytesOfLsn(inRecovery ? lastSent(senders, now) : now);
  const began = Date.now();
  const before = new Map(senders.map(({ pid, flushed }) => [pid, flushed]));
  const waits = (one: SenderRow) => one.state !== "backup" && one.flushed !== null && bytesOfLsn(one.flushed) < target;
  let rows = senders;
  while (rows.some(waits) && Date.now() - began < confirming) {
    await new Promise((done) => setTimeout(done, 20));
    signal?.throwIfAborted();
    rows = (await askItself(session, server.version)).senders;
  }
  const silent = rows.filter((one) => waits(one) && before.get(one.pid) === one.flushed);
  const seconds = Math.round((Date.now() - began) / 1000);
  const it = next?.isIt(rows);
  if (next !== undefined && it !== undefined && silent.includes(it)) {
    throw new CannotStop(server.name, act, [{ code: "nextSilent", next: next.name, seconds }]);
  }
  for (const { pid, name, from } of silent) {
    await session.query("select pg_terminate_backend($1)", [pid]);
    await report(senderEndedInWords(server.name, name, from ?? undefined, seconds));
  }
}

function lastSent(senders: readonly SenderRow[], otherwise: string): string {
  const sent = senders
    .flatMap((one) => one.sent ?? [])
    .sort((one, other) => (bytesOfLsn(one) < bytesOfLsn(other) ? -1 : 1));
  return sent.at(-1) ?? otherwise;
}

/** Refuses a server whose replay somebody paused to take over: until 12 its promotion waits for ever. @throws CannotStop */
export async function refusePausedNext(
  from: string,
  next: KnownServer,
  login: Login,
  signal?: AbortSignal,
): Promise<void> {
  if ((await pauseOf(next, login, signal)) !== undefined) {
    throw new CannotStop(from, "hand over", [{ code: "nextPaused", next: next.name }]);
  }
}
