import { join } from "node:path";
import type { KnownServer } from "../../config/site.js";
import type { Host } from "../../hosts/host.js";
import { commitsWaitFor, type HoldUp } from "../../postgres/holdUps.js";
import { atLeast, type Major } from "../../postgres/versions.js";
import { type Login, SqlUnreachable, type withSession } from "../sql/session.js";
import { bytesOfLsn } from "../sql/sql.js";
import { namesOf } from "../sql/versions.js";
import { processesOf, type ServerProcess, type Stuck, stuckAmong } from "./children.js";
import { processState } from "./process.js";
import { unarchivedOn } from "./unarchived.js";

/** Seconds for which archive_command may be at one segment before it counts as hanging. */
const archiving = 10;
/** Segments: fewer are archived in the time that a shutdown takes anyway. */
const fewSegments = 10;
/** Seconds without a word: a standby reports every 10 (wal_receiver_status_interval). */
const silence = 15;
/** Bytes that a shutdown has still to send. */
const muchWal = 16 * 1024 * 1024;
/** Bytes of WAL since the last checkpoint from which on the next one may take its time. */
const dueAfter = 1024 * 1024 * 1024;

/** A walsender. */
export interface SenderRow {
  readonly pid: number;
  readonly name: string;
  readonly from: string | null;
  readonly state: string;
  /** `sync`, `quorum`, `potential`, `async`. */
  readonly sync: string;
  readonly sent: string | null;
  /** What has come to the other end for good. */
  readonly flushed: string | null;
  /** Seconds since it connected. */
  readonly age: number;
  /** Seconds since its last word, from 12 on. */
  readonly silent: number | null;
}

/** What a server says of what its shutdown will wait for. */
export interface Answer {
  /** Where its WAL ends; of one in recovery, what it has replayed. */
  readonly now: string;
  readonly inRecovery: boolean;
  readonly senders: readonly SenderRow[];
  /** Sessions that have begun a base backup by the low-level API. */
  readonly backups: readonly { readonly name: string; readonly from: string | null; readonly age: number }[];
  readonly prepared: number;
  readonly paused: boolean;
  /** Where the next recovery would begin, from 10 on. */
  readonly redo?: string;
  readonly synchronous: string;
}

export interface Asking {
  readonly host: Host;
  readonly server: KnownServer;
  readonly login: Login;
  readonly signal?: AbortSignal;
  /** max_prepared_transactions with which it starts again. @default nothing is judged by it */
  readonly maxPrepared?: number;
  /** How a session is had. @default one of its own */
  readonly connect?: typeof withSession;
}

/** What holds up the shutdown of a server; nothing where it does not run. @throws HostError */
export async function holdUpsOf(asking: Asking): Promise<readonly HoldUp[]> {
  const { host, server } = asking;
  const process = await processState(host, server.dataDirectory);
  if (process.kind !== "running") return [];
  const look = () => processesOf(host, server.dataDirectory, process.pid);
  const [processes, segments, label, answer] = await Promise.all([
    look(),
    unarchivedOn(host, server),
    atLeast(server.version, "15") ? undefined : host.stat(join(server.dataDirectory, "backup_label")),
    ask(asking),
  ]);
  const stuck = processes === undefined ? [] : await stuckAmong(processes, look);
  const unseen = `/proc is not there on ${host.name}`;
  return [
    ...(processes === undefined ? [{ code: "notAsked", because: unseen } as const] : []),
    ...stuck.map(stuckAs),
    ...archiverIn(processes ?? [], segments),
    ...(label !== undefined && isAnswer(answer) && !answer.inRecovery ? [{ code: "exclusiveBackup" } as const] : []),
    ...(isAnswer(answer) ? holdUpsIn(answer, asking.maxPrepared) : answer),
  ];
}

function isAnswer(answer: Answer | readonly HoldUp[]): answer is Answer {
  return "senders" in answer;
}

async function ask({ server, login, signal, connect }: Asking): Promise<Answer | readonly HoldUp[]> {
  const open = connect ?? (await import("../sql/session.js")).withSession;
  try {
    return await open(server, login, signal === undefined ? {} : { signal }, (session) =>
      askItself(session, server.version),
    );
  } catch (error) {
    // A warm standby answers nobody, and nothing of what is asked for can be there.
    const isWarm = server.upstream !== undefined && !server.hotStandby;
    if (error instanceof SqlUnreachable) return isWarm ? [] : [{ code: "unanswered", because: error.message }];
    if (isRefused(error)) return [{ code: "unanswered", because: error.message }];
    throw error;
  }
}

/** Who asks is no superuser. */
export function isRefused(error: unknown): error is Error {
  return error instanceof Error && (error as { code?: unknown }).code === "42501";
}

function stuckAs({ pid, title, state, seconds }: Stuck): HoldUp {
  return { code: "processStuck", pid, title, in: state === "D" ? "call" : "stop", seconds };
}

/** By its title and its child: whether it runs says nothing of whether it gets on. */
function archiverIn(processes: readonly ServerProcess[], segments: number): readonly HoldUp[] {
  const hanging = processes.find(({ commandFor }) => commandFor !== undefined && commandFor >= archiving);
  if (hanging !== undefined) return [{ code: "archiverHangs", segments, seconds: hanging.commandFor ?? archiving }];
  if (segments === 0) return [];
  const failed = processes.map(({ title }) => failing.exec(title)?.[1]).find((segment) => segment !== undefined);
  if (failed !== undefined) return [{ code: "archiverFails", segments, segment: failed }];
  return segments >= fewSegments ? [{ code: "archiveBehind", segments }] : [];
}

/** The whole title, as above. */
const failing = /^postgres: (?:.*: )?archiver(?: process)? +failed on (\S+) *$/;

/** What of an answer holds up a shutdown. */
export function holdUpsIn(answer: Answer, maxPrepared = Number.POSITIVE_INFINITY): readonly HoldUp[] {
  const { senders, backups, prepared, now, redo, inRecovery, paused } = answer;
  const who = ({ name, from }: { readonly name: string; readonly from: string | null }) => ({
    name,
    ...(from === null ? {} : { from }),
  });
  const copying = senders.filter(({ state }) => state === "backup");
  const since = redo === undefined || inRecovery ? 0 : Number(bytesOfLsn(now) - bytesOfLsn(redo));
  return [
    ...(prepared === 0 ? [] : [{ code: "preparedTransactions", count: prepared } as const]),
    ...(prepared > maxPrepared ? [{ code: "preparedTooMany", count: prepared, declared: maxPrepared } as const] : []),
    ...[...copying, ...backups].map(
      (one): HoldUp => ({ code: "baseBackup", ...who(one), seconds: Math.round(one.age) }),
    ),
    ...senders.flatMap((one): readonly HoldUp[] => {
      if (one.state === "backup") return [];
      const { silent } = one;
      if (silent !== null && silent >= silence)
        return [{ code: "receiverSilent", ...who(one), seconds: Math.round(silent) }];
      const bytes = one.flushed === null ? 0 : Number(bytesOfLsn(now) - bytesOfLsn(one.flushed));
      return bytes > muchWal ? [{ code: "receiverBehind", ...who(one), bytes }] : [];
    }),
    ...(since > dueAfter ? [{ code: "checkpointDue", bytes: since } as const] : []),
    ...(inRecovery && paused ? [{ code: "replayPaused" } as const] : []),
  ];
}

/** Whether commits on a server wait for that standby of its, which streams as `isIt` tells, and no other stands in. */
export function waitsFor({ senders, synchronous }: Answer, isIt: (one: SenderRow) => boolean): boolean {
  const it = senders.find(isIt);
  const others = senders.filter((one) => one !== it).map(({ sync }) => sync);
  return it !== undefined && commitsWaitFor(synchronous, it.sync, others);
}

interface Asked {
  query(sql: string): Promise<readonly Readonly<Record<string, string | null>>[]>;
}

/** One question for all of it. */
export async function askItself(session: Asked, version: Major): Promise<Answer> {
  const rows = await session.query(questionOf(version));
  const of = (what: string) => rows.filter((row) => row.what === what);
  const [own] = of("own");
  const redo = of("redo")[0]?.at;
  return {
    now: own?.at ?? "0/0",
    inRecovery: own?.state === "true",
    paused: own?.other === "true",
    synchronous: own?.name ?? "",
    prepared: Number(own?.number ?? 0),
    ...(redo == null ? {} : { redo }),
    senders: of("sender").map((row) => ({
      pid: Number(row.pid),
      name: row.name ?? "",
      from: row.place ?? null,
      state: row.state ?? "",
      sync: row.other ?? "",
      sent: row.at ?? null,
      flushed: row.flushed ?? null,
      age: Number(row.age ?? 0),
      silent: row.number == null ? null : Number(row.number),
    })),
    backups: of("backup").map(({ name, place, age }) => ({
      name: name ?? "",
      from: place ?? null,
      age: Number(age ?? 0),
    })),
  };
}

const since = (time: string) => `extract(epoch from clock_timestamp() - ${time})::text`;

function questionOf(version: Major): string {
  const { replayLsn, currentLsn, replayPaused, replication } = namesOf(version);
  const activity = atLeast(version, "9.2")
    ? { pid: "pid", query: "query" }
    : { pid: "procpid", query: "current_query" };
  const columns = (values: Readonly<Record<string, string>>) =>
    ["what", "pid", "name", "place", "state", "other", "at", "flushed", "age", "number"]
      .map((name) => `${values[name] ?? "null"}::text as ${name}`)
      .join(", ");
  const inRecovery = "pg_is_in_recovery()";
  const own = {
    what: "'own'",
    state: inRecovery,
    // Each of the two is for one kind of server only, and an error for the other.
    at: `(case when ${inRecovery} then ${replayLsn} else ${currentLsn} end)`,
    other: replayPaused === null ? "false" : `(case when ${inRecovery} then ${replayPaused} else false end)`,
    name: replication === null ? "''" : "current_setting('synchronous_standby_names')",
    number: "(select count(*) from pg_prepared_xacts)",
  };
  // A session that works at something else by now has ended it, or will not end it.
  const begun = `${activity.query} ~* 'pg_(backup_start|start_backup)[[:space:]]*[(]'`;
  const backup = {
    ...{ what: "'backup'", pid: activity.pid, name: "application_name", place: "host(client_addr)" },
    age: since("query_start"),
  };
  const sender = {
    ...{ what: "'sender'", name: "application_name", place: "host(client_addr)", state: "state", other: "sync_state" },
    age: since("backend_start"),
    ...(atLeast(version, "12") ? { number: since("reply_time") } : {}),
  };
  const queries = [
    `select ${columns(own)}`,
    `select ${columns(backup)} from pg_stat_activity where ${begun} and ${activity.pid} <> pg_backend_pid()`,
    ...(replication === null
      ? []
      : [
          `select ${columns({
            ...sender,
            pid: replication.pid,
            at: replication.sent,
            flushed: `coalesce(${replication.flush}, ${replication.write})`,
          })} from pg_stat_replication`,
        ]),
    ...(atLeast(version, "10")
      ? [`select ${columns({ what: "'redo'", at: "redo_lsn" })} from pg_control_checkpoint()`]
      : []),
  ];
  return queries.join(" union all ");
}
