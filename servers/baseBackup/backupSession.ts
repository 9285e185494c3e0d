import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import type { Endpoint } from "../../config/site.js";
import type { Host } from "../../hosts/host.js";
import type { Major } from "../../postgres/versions.js";
import { type Login, openSession, type Session, withSession } from "../sql/session.js";
import { majorOfServer, namesOf } from "../sql/versions.js";
import { quietSeconds } from "./methods.js";

/** What the server says about itself before a backup begins. */
export interface SourceFacts {
  readonly version: Major;
  readonly dataDirectory: string;
  readonly logDirectory: string;
  /** Bytes of a WAL segment. */
  readonly segmentSize: number;
}

export interface BackupFiles {
  /** Content for backup_label in the copy. */
  readonly label: Buffer;
  /** Tablespaces by OID, where the server lists them (tablespace_map, 9.5 and later). */
  readonly firstSegment: string;
  readonly lastSegment: string;
  /** Where the backup ended in the WAL. */
  readonly stopLsn: string;
}

/** A base backup in progress: the server keeps what the copy needs until `end`. */
export interface RunningBackup {
  readonly facts: SourceFacts;
  /** False where nothing but wal_keep_segments keeps the WAL of the time of the copy. */
  readonly walReserved: boolean;
  /** Fires when the session is lost: the backup is void then. */
  readonly lost: AbortSignal;
  /** Ends the backup on the server; the WAL stays reserved until `end`. */
  stop(): Promise<BackupFiles>;
  /** Ends the session; a backup that was not stopped is aborted. Never throws. */
  end(): Promise<void>;
}

/** What every label of ours begins with: it tells our own interrupted backup from another program's. */
const labelPrefix = "pgsite";
/** pg_advisory_lock(key): an exclusive backup is one at a time, also from another stack. "pgsite" in ASCII. */
const advisoryKey = "123563520881765";
const heartbeat = 10_000;

/**
 * Begins a base backup ("Making a Base Backup Using the Low Level API"): non-exclusive from 9.6 on, in a session that
 * stays open from start to stop; exclusive before. A backup of ours that an earlier pgsite left in progress there is
 * ended first; another program's is not ours to end.
 * @throws SqlUnreachable, or where somebody else's exclusive backup is in progress
 */
export async function beginBackup(options: {
  readonly endpoint: Endpoint;
  readonly host: Host;
  readonly login: Login;
  readonly target: string;
  readonly report: (line: string) => void;
  readonly signal?: AbortSignal;
}): Promise<RunningBackup> {
  const { endpoint, host, login, target, report, signal } = options;
  const session = await openSession(endpoint, login, { queryTimeout: 0, ...(signal === undefined ? {} : { signal }) });
  const lost = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let abortExclusive = false;
  const end = async () => {
    clearInterval(timer);
    await session.end();
    if (abortExclusive) await stopExclusive(endpoint, login).catch(() => undefined);
  };
  try {
    const facts = await askFacts(session);
    const names = namesOf(facts.version);
    await session.query("set statement_timeout = 0");
    const exclusive = names.backup.mode === "exclusive";
    if (exclusive) await waitForTurn(session, endpoint, report, signal);
    const walReserved = await reserveWal(session, names.backup.temporarySlot, report);
    const label = `${labelPrefix} base backup for ${target}`;
    try {
      await session.query(names.backup.start, [label]);
    } catch (error) {
      if (!exclusive || (error as { readonly code?: string }).code !== "55000") throw error;
      await endOurInterruptedBackup(session, endpoint, host, facts, report, error as Error);
      await session.query(names.backup.start, [label]);
    }
    abortExclusive = exclusive;
    const exclusiveLabel = exclusive ? await host.readFile(join(facts.dataDirectory, "backup_label")) : undefined;
    timer = setInterval(() => {
      Promise.race([session.query("select 1"), silence()]).catch((error: unknown) => {
        clearInterval(timer);
        lost.abort(
          new Error(
            `the session on ${endpoint.name} that holds the base backup was lost (${(error as Error).message}); run again`,
          ),
        );
      });
    }, heartbeat);
    return {
      facts,
      walReserved,
      lost: lost.signal,
      end,
      async stop() {
        clearInterval(timer);
        const [row] = await session.query(names.backup.stop);
        abortExclusive = false;
        const content = exclusiveLabel ?? Buffer.from(row?.labelfile ?? "", "utf8");
        const firstSegment = /^START WAL LOCATION: .*\(file ([0-9A-F]{24})\)/m.exec(content.toString("latin1"))?.[1];
        if (firstSegment === undefined || row?.lsn == null) {
          throw new Error(
            `${endpoint.name} gave no backup label that pgsite understands; nothing was made of the copy`,
          );
        }
        const [last] = await session.query(`select ${names.walFileName}('${row.lsn}') as name`);
        return { label: content, firstSegment, lastSegment: last?.name ?? firstSegment, stopLsn: row.lsn };
      },
    };
  } catch (error) {
    await end();
    throw error;
  }
}

/** A cable that is cut says nothing. */
async function silence(): Promise<never> {
  await setTimeout(quietSeconds * 1000, undefined, { ref: false });
  throw new Error(`no answer for ${quietSeconds} s`);
}

async function askFacts(session: Session): Promise<SourceFacts> {
  const [row] = await session.query(
    "select current_setting('server_version_num') as version, current_setting('data_directory') as data," +
      " current_setting('log_directory') as log, pg_is_in_recovery()::text as recovery," +
      " (select setting || ' ' || unit from pg_settings where name = 'wal_segment_size') as segment",
  );
  if (row?.recovery !== "false") throw new Error("the server went into recovery: run again");
  const [amount = "16777216", unit = "B"] = (row.segment ?? "").split(" ");
  return {
    version: majorOfServer(row.version ?? ""),
    dataDirectory: row.data ?? "",
    logDirectory: row.log ?? "",
    segmentSize: Number(amount) * (unit === "8kB" ? 8192 : 1),
  };
}

/** A temporary slot keeps the WAL from now until the session ends; where there is none, the setting must do. */
async function reserveWal(session: Session, sql: string | null, report: (line: string) => void): Promise<boolean> {
  if (sql === null) return false;
  try {
    await session.query(sql, [`pgsite_${randomBytes(6).toString("hex")}`]);
    return true;
  } catch (error) {
    report(
      `no replication slot can hold the WAL during the copy (${(error as Error).message}): relying on wal_keep_segments (wal_keep_size)`,
    );
    return false;
  }
}

async function waitForTurn(
  session: Session,
  endpoint: Endpoint,
  report: (line: string) => void,
  signal: AbortSignal | undefined,
): Promise<void> {
  for (let tries = 0; ; tries += 1) {
    signal?.throwIfAborted();
    const [row] = await session.query(`select pg_try_advisory_lock(${advisoryKey})::text as mine`);
    if (row?.mine === "true") return;
    if (tries === 0) report(`waiting for another base backup from ${endpoint.name}: this version does one at a time`);
    await setTimeout(500);
  }
}

async function endOurInterruptedBackup(
  session: Session,
  endpoint: Endpoint,
  host: Host,
  facts: SourceFacts,
  report: (line: string) => void,
  cause: Error,
): Promise<void> {
  const label = (await host.readFile(join(facts.dataDirectory, "backup_label")))?.toString("utf8") ?? "";
  const name = /^LABEL: (.*)$/m.exec(label)?.[1];
  if (name?.startsWith(labelPrefix) !== true) {
    throw new Error(
      `${endpoint.name} has a base backup of another program in progress (${name ?? "it has no label"}): wait until it has ended, or end it there with select pg_stop_backup()`,
      { cause },
    );
  }
  report(`ending the base backup that an interrupted pgsite left in progress on ${endpoint.name}`);
  await session.query("select pg_stop_backup()");
}

async function stopExclusive(endpoint: Endpoint, login: Login): Promise<void> {
  await withSession(endpoint, login, {}, (session) => session.query("select pg_stop_backup()"));
}
