import prettyBytes from "pretty-bytes";
import { type Streaming, senderFor } from "../../postgres/streams.js";
import { withLock } from "../data/lock.js";
import { CannotStop, type Fit, makeFit, refusePausedNext } from "../process/canStop.js";
import type { SenderRow } from "../process/holdUps.js";
import { processState, startServer } from "../process/process.js";
import { stopServer } from "../process/stop.js";
import { until } from "../process/until.js";
import { type Login, withSession } from "../sql/session.js";
import { bytesOfLsn } from "../sql/sql.js";
import { namesOf } from "../sql/versions.js";
import { endOfWal, hasWal } from "../wal/shutdownCheckpoint.js";
import { endedInWords, waitingInWords } from "../words/stop.js";
import { type Member, promote } from "./promotion.js";

export interface SwitchoverOptions {
  /** The primary, which may be shut down already. */
  readonly from: Member;
  /** The standby that takes over. */
  readonly to: Member;
  /** All servers of the stack: under whose names others stream. */
  readonly servers: readonly Streaming[];
  readonly login: Login;
  readonly signal?: AbortSignal;
  readonly report?: (line: string) => Promise<void> | void;
}

/** The switchover was given up, and the old primary takes writes again, or nothing was changed. The message says why. */
export class SwitchoverRefused extends Error {
  constructor({ from, to }: SwitchoverOptions, reason: string) {
    super(`${to.server.name} does not take over from ${from.server.name}: ${reason}`);
    this.name = "SwitchoverRefused";
  }
}

/** Bytes that a standby may be behind when its primary is shut down: it gets them while nobody can write. */
const allowedLag = 16n * 1024n * 1024n;
/** Milliseconds. A shutdown waits for standbys that do not answer until wal_sender_timeout, a minute. */
const stopping = 90_000;
const receiving = 30_000;

/**
 * Has a standby take over from its primary without losing a row: the primary is shut down, the standby is proven to have
 * all of its WAL to the last byte, and only then promoted. Where it has not, the old primary is started again. Run again
 * after being cut off, it goes on; it leaves the old primary stopped.
 * @throws SwitchoverRefused
 */
export async function switchOver(options: SwitchoverOptions): Promise<void> {
  const { from, to, report = () => undefined } = options;
  await withLock(from.host, from.server, `switchover to ${to.server.name}`, () =>
    withLock(to.host, to.server, `switchover from ${from.server.name}`, async () => {
      if ((await processState(from.host, from.server.dataDirectory)).kind === "running") {
        await refuseLag(options);
        const fit = await makeItFit(options);
        await report(`${from.server.name}: shutting down`);
        const waiting = (seconds: number, held: readonly string[]) =>
          report(waitingInWords(from.server.name, seconds, held));
        const { ended } = await stopServer(from.host, from.server, {
          deadline: stopping,
          mayCrash: true,
          waiting,
          ...fit,
        });
        if (ended !== undefined) await report(endedInWords(from.server.name, ended));
      }
      await report(`${to.server.name}: has it all?`);
      await proveAll(options);
      await report(`${to.server.name}: promoting`);
      await promote(options, from.server.name);
    }),
  );
}

/** A standby that is far behind would keep everybody waiting. */
async function refuseLag(options: SwitchoverOptions): Promise<void> {
  const { from, to, login, signal } = options;
  const names = namesOf(from.server.version);
  const { replication } = names;
  if (replication === null) return;
  const limits = signal === undefined ? {} : { signal };
  await withSession(from.server, login, limits, async (session) => {
    const rows = await session.query(
      `select application_name as name, host(client_addr) as "from", state, ${replication.sent}::text as sent, ${names.currentLsn}::text as now from pg_stat_replication`,
    );
    const senders = rows.map(({ name, from: address, state, sent, now }) => {
      return { name: name ?? "", from: address ?? null, state: state ?? "", sent, now };
    });
    const others = options.servers.filter(({ name }) => name !== from.server.name);
    const sender = senderFor(senders, to.server, others);
    const { sent, now } = sender ?? {};
    const state = sender?.state ?? "no connection";
    if (state !== "streaming" || sent == null || now == null) {
      throw new SwitchoverRefused(options, `it does not stream (${state}); nothing was changed`);
    }
    const behind = bytesOfLsn(now) - bytesOfLsn(sent);
    if (behind > allowedLag) {
      throw new SwitchoverRefused(
        options,
        `it is ${prettyBytes(Number(behind))} behind: wait until it has caught up; nothing was changed`,
      );
    }
  });
}

/** Can it be stopped, and soon? @throws SwitchoverRefused, and nothing was changed */
async function makeItFit(options: SwitchoverOptions): Promise<Fit> {
  const { from, to, servers, login, signal, report = () => undefined } = options;
  const { host, server } = from;
  const others = servers.filter(({ name }) => name !== server.name);
  const isIt = (rows: readonly SenderRow[]) => senderFor(rows, to.server, others);
  const given = signal === undefined ? {} : { signal };
  try {
    await refusePausedNext(server.name, to.server, login, signal);
    return await makeFit({
      ...{ host, server, login, report, act: "hand over", next: { name: to.server.name, isIt } },
      ...given,
    });
  } catch (error) {
    if (error instanceof CannotStop) throw new SwitchoverRefused(options, error.message);
    throw error;
  }
}

/** @throws SwitchoverRefused, after the old primary was put back */
async function proveAll(options: SwitchoverOptions): Promise<void> {
  const { from, to, signal } = options;
  const place = ({ host, server: { dataDirectory } }: Member) => ({ host, dataDirectory });
  const { version } = from.server;
  let reason: string;
  try {
    const end = await endOfWal(from.host, from.server.dataDirectory, version);
    if (end === undefined) reason = `${from.server.name} did not shut down: its control file says that it crashed`;
    else {
      const has = () => hasWal(place(from), place(to), version, end);
      if (await until(has, { deadline: receiving, ...(signal === undefined ? {} : { signal }) })) return;
      reason = `within ${receiving / 1000} s it did not get all that ${from.server.name} wrote before it was shut down`;
    }
  } catch (error) {
    reason = error instanceof Error ? error.message : String(error);
  }
  await startServer(from.host, from.server);
  throw new SwitchoverRefused(options, `${reason}; ${from.server.name} was started again and takes writes as before`);
}
