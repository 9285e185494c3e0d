import type { Endpoint, KnownServer, KnownSite, Passwords } from "../../config/site.js";
import { type Host, HostUnreachable } from "../../hosts/host.js";
import { defined } from "../../postgres/defined.js";
import { filedSettings } from "../../postgres/files/facts.js";
import type { LockedOut } from "../../postgres/lockedOut.js";
import type { HostProblem } from "../../postgres/serverProblems.js";
import { atLeast, type Major } from "../../postgres/versions.js";
import { replaysFirst } from "../process/lateReplay.js";
import { ownEndOf } from "../process/ownEnd.js";
import { type ProcessState, refusedBefore } from "../process/process.js";
import { recoveryIn, sendersIn } from "../process/recoveryTitles.js";
import { titlesBelow } from "../process/titles.js";
import { runsOutside } from "../process/unit.js";
import { administratorOf, endpointsOf } from "../sql/login.js";
import { type Login, type Session, SqlUnreachable, withSession } from "../sql/session.js";
import { majorOfServer, namesOf } from "../sql/versions.js";
import { isAsDeclared } from "./live.js";
import { type LookAt, newLooks } from "./look.js";
import type { Observation, Sender, SqlAnswer } from "./observation.js";
import { type Report, reportOf, rowsOf, type StatusRow } from "./report.js";
import { slotsIn } from "./slots.js";

export interface StatusOptions {
  readonly site: KnownSite;
  readonly passwords: Passwords;
  /** Milliseconds for each thing that is asked of a server. @default 3000 */
  readonly timeout?: number;
  readonly signal?: AbortSignal;
  /** @default looks of its own, which begin now */
  readonly lookAt?: LookAt;
  readonly connect?: typeof withSession;
}

/** Looks at every server of a stack at once; never throws for what a server does not answer. */
export async function reportOn(options: StatusOptions): Promise<Report> {
  const { site } = options;
  const login = administratorOf(site, options.passwords);
  const outside = endpointsOf({ ...site, servers: [] }).map((endpoint) => askSql(endpoint, login, options));
  const [observed, others] = await Promise.all([
    Promise.all(site.servers.map((server) => observe(server, login, options))),
    Promise.all(outside),
  ]);
  const answers = [...observed.map(({ sql }) => sql), ...others];
  return reportOf(site, { servers: observed, answers });
}

/** The same as one row a server. */
export async function statusOf(options: StatusOptions): Promise<readonly StatusRow[]> {
  return rowsOf(await reportOn(options));
}

async function observe(server: KnownServer, login: Login, options: StatusOptions): Promise<Observation> {
  const { timeout: limit = 3000, lookAt = newLooks() } = options;
  const [sql, seen] = await Promise.all([
    askSql(server, login, options),
    inTime(limit, async () => {
      const look = await lookAt(server);
      const [data, process] = await Promise.all([look.data(), look.process()]);
      return { look, data, process };
    }),
  ]);
  if ("code" in seen) return { server, titles: {}, hostProblem: seen, sql };
  const { look, data, process } = seen;
  // Where this is late it is the server that is silent: its host has answered.
  const more = await inTime(limit, async () => {
    // A program on the host, for what a warm standby and old versions do not tell over SQL.
    const isUnnamed = namesOf(server.version).replication === null;
    const lines =
      process.kind === "running" && (sql.timeline === undefined || isUnnamed)
        ? await titlesBelow(look.host, server.dataDirectory, process.pid)
        : [];
    const titles = sql.timeline === undefined ? recoveryIn(lines) : {};
    const ownEnd =
      isUnnamed && titles.receiver !== undefined && process.kind === "running"
        ? await ownEndOf(look.host, process.pid)
        : undefined;
    const isOff = sql.inRecovery === true && sql.receives !== true && titles.receiver === undefined;
    const isFirst = isOff && (await replaysFirst(look.host, server, sql.lsn));
    const isOld = sql.inRecovery === true && !atLeast(server.version, "12");
    const { "recovery.conf": recovery = "" } = isOld ? (await look.files(["recovery.conf"])).files : {};
    const superseded = process.kind === "running" ? undefined : await refusedBefore(look.host, server);
    const locked = await lockOf(look.host, server, login, process, sql, options.signal);
    const { unit } = server;
    const isOutside =
      process.kind === "running" && unit !== undefined && (await runsOutside(look.host, unit, process.pid));
    return {
      titles,
      ...defined({
        senders: isUnnamed && process.kind === "running" ? sendersIn(lines) : undefined,
        ownEnd,
        delay: filedSettings({ "recovery.conf": recovery }).get("recovery_min_apply_delay")?.value,
        replaysFirst: isFirst ? (true as const) : undefined,
        superseded,
        locked,
        outside: isOutside ? unit : undefined,
      }),
    };
  });
  if (!("code" in more)) return { server, data, process, ...more, sql };
  const failed = more.code === "hostSilent" ? {} : { hostProblem: more };
  return { server, data, process, titles: {}, ...failed, sql };
}

/** @param limit milliseconds */
async function inTime<T extends object>(limit: number, look: () => Promise<T>): Promise<T | HostProblem> {
  const late = new Promise<HostProblem>((resolve) => {
    setTimeout(() => resolve({ code: "hostSilent", seconds: limit / 1000 }), limit).unref();
  });
  return Promise.race([look(), late]).catch(hostProblemOf);
}

async function lockOf(
  host: Host,
  address: KnownServer,
  { user: administrator }: Login,
  process: ProcessState,
  { unreachable, entry }: SqlAnswer,
  signal: AbortSignal | undefined,
): Promise<LockedOut | undefined> {
  if (entry !== undefined && isAsDeclared(entry)) return undefined;
  const { findLock, takesWrites } = await import("../unlock/find.js");
  const visitor = { address, administrator, takesWrites: () => takesWrites(host, address.dataDirectory) };
  return findLock(visitor, process, unreachable ?? entry, signal);
}

function hostProblemOf(error: Error): HostProblem {
  return error instanceof HostUnreachable
    ? { code: "hostUnreachable", host: error.host, because: error.reason }
    : { code: "hostFailed", because: error.message };
}

async function askSql(
  endpoint: Endpoint,
  login: Login,
  { timeout = 3000, signal, connect = withSession }: StatusOptions,
): Promise<SqlAnswer> {
  try {
    const given = { timeout, queryTimeout: timeout, ...(signal === undefined ? {} : { signal }) };
    return { endpoint, ...(await connect(endpoint, login, given, ask)) };
  } catch (error) {
    signal?.throwIfAborted();
    const unreachable =
      error instanceof SqlUnreachable
        ? error
        : new SqlUnreachable(endpoint.name, "other", `${endpoint.name} does not answer: ${(error as Error).message}`);
    return { endpoint, unreachable };
  }
}

async function ask(session: Session): Promise<Omit<SqlAnswer, "endpoint" | "unreachable">> {
  const [self] = await session.query(
    "select current_setting('server_version_num') as number, current_setting('server_version') as version, pg_is_in_recovery()::text as recovery, current_setting('is_superuser') as superuser",
  );
  const major = majorOfServer(self?.number ?? "");
  const names = namesOf(major);
  const inRecovery = self?.recovery === "true";
  const position = inRecovery ? names.replayLsn : names.currentLsn;
  const age =
    inRecovery && names.replayTimestamp !== null
      ? `extract(epoch from clock_timestamp() - ${names.replayTimestamp})::text`
      : "null";
  const paused = inRecovery && names.replayPaused !== null ? `${names.replayPaused}::text` : "null";
  const [now] = await session.query(`select ${position}::text as lsn, ${age} as age, ${paused} as paused`);
  const recovery = await recoveryOf(session, major, inRecovery);
  const [control] = names.controlFunctions
    ? await session.query("select system_identifier::text as id from pg_control_system()")
    : [];
  const senders = names.replication === null ? undefined : await sendersOf(session, major);
  const slots = await slotsIn(session, major);
  return {
    inRecovery,
    major,
    version: (self?.version ?? "").split(" ")[0] ?? "",
    ...recovery,
    ...(now?.lsn == null ? {} : { lsn: now.lsn }),
    ...(now?.age == null ? {} : { replayAge: Math.max(0, Number(now.age)) }),
    ...(now?.paused === "true" ? { paused: true } : {}),
    ...(control?.id == null ? {} : { systemIdentifier: BigInt.asUintN(64, BigInt(control.id)).toString() }),
    ...(senders === undefined ? {} : { senders }),
    slots,
    entry: { superuser: self?.superuser === "on", way: session.way },
  };
}

async function recoveryOf(
  session: Session,
  major: Major,
  inRecovery: boolean,
): Promise<Pick<SqlAnswer, "timeline" | "receives">> {
  const names = namesOf(major);
  if (!inRecovery) {
    const [row] = await session.query(`select substr(${names.walFileName}(${names.currentLsn}), 1, 8) as timeline`);
    return row?.timeline == null ? {} : { timeline: Number.parseInt(row.timeline, 16) };
  }
  if (!names.walReceiverView) return {};
  const [row] = await session.query(
    `select coalesce(max(received_tli), (select timeline_id from pg_control_checkpoint()))::text as timeline,
            coalesce(bool_or(status = 'streaming'), false)::text as receives from pg_stat_wal_receiver`,
  );
  return { ...(row?.timeline == null ? {} : { timeline: Number(row.timeline) }), receives: row?.receives === "true" };
}

async function sendersOf(session: Session, major: Major): Promise<readonly Sender[]> {
  const names = namesOf(major);
  const lag = names.replayLag ? "extract(epoch from replay_lag)::text" : "null";
  const rows = await session.query(
    `select application_name as name, host(client_addr) as "from", state, ${names.replication?.replay}::text as replay, ${lag} as lag from pg_stat_replication order by 1`,
  );
  return rows
    .filter(({ name }) => name !== "pg_basebackup")
    .map(({ name, from, state, replay, lag: seconds }) => ({
      name: name ?? "",
      from: from ?? null,
      state: state ?? "",
      replay: replay ?? null,
      lag: seconds == null ? null : Number(seconds),
    }));
}
