import type { Endpoint, KnownServer, KnownSite, Passwords, ServerRole } from "../../config/site.js";
import type { Host, HostSpec } from "../../hosts/host.js";
import { hostOf } from "../../hosts/index.js";
import type { Major } from "../../postgres/versions.js";
import { inspectDataDirectory } from "../data/dataDirectory.js";
import { processState, refusedBefore } from "../process/process.js";
import { recoveryTitles } from "../process/recoveryTitles.js";
import { administratorOf } from "../sql/login.js";
import { type Login, type Session, SqlUnreachable, withSession } from "../sql/session.js";
import { bytesOfLsn } from "../sql/sql.js";
import { majorOfServer, namesOf } from "../sql/versions.js";
import type { Observation, Sender, SqlAnswer, State } from "./observation.js";
import { problemsOf } from "./problems.js";

/** A server as it is now. Null: not known, or it does not apply. */
export interface StatusRow {
  readonly name: string;
  /** As declared; what it does is in `state`. */
  readonly role: ServerRole;
  readonly address: string;
  readonly port: number;
  readonly dataDirectory: string;
  /** Of the running server (`15.18`), else of its data (`15`). */
  readonly version: string | null;
  readonly state: State;
  readonly timeline: number | null;
  /** Name of the server that it is declared to stream from. */
  readonly upstream: string | null;
  /** WAL that the writable server has written and this one has not replayed. */
  readonly lagBytes: number | null;
  /** How old the last replayed transaction is, or how long replay takes (10 and later); 0 where nothing is missing. */
  readonly lagSeconds: number | null;
  /** Names of the servers that stream from it; null where it cannot be asked. */
  readonly walSenders: readonly string[] | null;
  readonly systemIdentifier: string | null;
  readonly problems: readonly string[];
}

export interface StatusOptions {
  readonly site: KnownSite;
  readonly passwords: Passwords;
  /** Milliseconds for each thing that is asked of a server. @default 3000 */
  readonly timeout?: number;
  readonly signal?: AbortSignal;
  readonly hostOf?: (spec: HostSpec) => Host | Promise<Host>;
  readonly connect?: typeof withSession;
}

/** Looks at every server of a stack at once; never throws for what a server does not answer. */
export async function statusOf(options: StatusOptions): Promise<readonly StatusRow[]> {
  const { site } = options;
  const login = administratorOf(site, options.passwords);
  const outside = site.upstream === undefined ? [] : [askSql(site.upstream, login, options)];
  const [observed, others] = await Promise.all([
    Promise.all(site.servers.map((server) => observe(server, login, options))),
    Promise.all(outside),
  ]);
  const answers = [...observed.map(({ sql }) => sql), ...others];
  return observed.map((observation) => rowOf(site, observation, answers, observed));
}

async function observe(server: KnownServer, login: Login, options: StatusOptions): Promise<Observation> {
  const sql = askSql(server, login, options);
  const look = async () => {
    const host = await (options.hostOf ?? hostOf)(server.host);
    const [data, process, told] = await Promise.all([
      inspectDataDirectory(host, server),
      processState(host, server.dataDirectory),
      sql,
    ]);
    // A program on the host, for what a warm standby and old versions do not tell over SQL.
    const titles = told.timeline === undefined ? await recoveryTitles(host, server) : {};
    const superseded = process.kind === "running" ? undefined : await refusedBefore(host, server);
    return { data, process, titles, ...(superseded === undefined ? {} : { superseded }) };
  };
  const limit = options.timeout ?? 3000;
  const late = new Promise<never>((_resolve, reject) => {
    setTimeout(() => reject(new Error(`its host does not answer within ${limit / 1000} s`)), limit).unref();
  });
  try {
    return { server, ...(await Promise.race([look(), late])), sql: await sql };
  } catch (error) {
    return { server, titles: {}, hostProblem: (error as Error).message, sql: await sql };
  }
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
    "select current_setting('server_version_num') as number, current_setting('server_version') as version, pg_is_in_recovery()::text as recovery",
  );
  const major = majorOfServer(self?.number ?? "");
  const names = namesOf(major);
  const inRecovery = self?.recovery === "true";
  const position = inRecovery ? names.replayLsn : names.currentLsn;
  const age =
    inRecovery && names.replayTimestamp !== null
      ? `extract(epoch from clock_timestamp() - ${names.replayTimestamp})::text`
      : "null";
  const [now] = await session.query(`select ${position}::text as lsn, ${age} as age`);
  const recovery = await recoveryOf(session, major, inRecovery);
  const [control] = names.controlFunctions
    ? await session.query("select system_identifier::text as id from pg_control_system()")
    : [];
  const senders = names.replication === null ? undefined : await sendersOf(session, major);
  return {
    inRecovery,
    major,
    version: (self?.version ?? "").split(" ")[0] ?? "",
    ...recovery,
    ...(now?.lsn == null ? {} : { lsn: now.lsn }),
    ...(now?.age == null ? {} : { replayAge: Math.max(0, Number(now.age)) }),
    ...(control?.id == null ? {} : { systemIdentifier: BigInt.asUintN(64, BigInt(control.id)).toString() }),
    ...(senders === undefined ? {} : { senders }),
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
    `select application_name as name, state, ${names.replication?.replay}::text as replay, ${lag} as lag from pg_stat_replication order by 1`,
  );
  return rows
    .filter(({ name }) => name !== "pg_basebackup")
    .map(({ name, state, replay, lag: seconds }) => ({
      name: name ?? "",
      state: state ?? "",
      replay: replay ?? null,
      lag: seconds == null ? null : Number(seconds),
    }));
}

function rowOf(
  site: KnownSite,
  observation: Observation,
  answers: readonly SqlAnswer[],
  all: readonly Observation[],
): StatusRow {
  const { server, data, sql, titles } = observation;
  const state = stateOf(observation);
  const writable = answers.find(({ inRecovery }) => inRecovery === false);
  const upstream = answers.find(({ endpoint }) => endpoint.name === server.upstream);
  const sender = upstream?.senders?.find(({ name }) => name === server.name);
  const replayed = state === "read-write" ? undefined : (sender?.replay ?? sql.lsn);
  const lagBytes = state === "read-write" ? null : behind(writable?.lsn, replayed);
  const lagSeconds = state === "read-write" ? null : lagBytes === 0 ? 0 : (sender?.lag ?? sql.replayAge ?? null);
  const fromTitle = titles.recovering === undefined ? undefined : Number.parseInt(titles.recovering.slice(0, 8), 16);
  return {
    name: server.name,
    role: server.role,
    address: server.address,
    port: server.port,
    dataDirectory: server.dataDirectory,
    version: sql.version ?? data?.version ?? null,
    state,
    timeline: sql.timeline ?? fromTitle ?? null,
    upstream: server.upstream ?? null,
    lagBytes,
    lagSeconds: lagSeconds === null ? null : Math.round(lagSeconds * 1000) / 1000,
    walSenders: sql.senders === undefined ? null : sql.senders.map(({ name }) => name),
    systemIdentifier: data?.systemIdentifier ?? sql.systemIdentifier ?? null,
    problems: problemsOf({ site, observation, state, answers, all, ...(sender === undefined ? {} : { sender }) }),
  };
}

function behind(written: string | undefined, replayed: string | undefined | null): number | null {
  if (written === undefined || replayed == null) return null;
  const bytes = bytesOfLsn(written) - bytesOfLsn(replayed);
  return bytes < 0n ? 0 : Number(bytes);
}

/** SQL tells most; what it cannot, the host does. */
function stateOf({ server, data, process, sql, titles }: Observation): State {
  if (server.lost !== undefined) return "lost";
  if (sql.inRecovery === false) return "read-write";
  if (sql.inRecovery === true) return "in recovery, read-only";
  if (data?.kind === "absent" || data?.kind === "empty" || data?.kind === "incomplete") return "no data";
  if (sql.unreachable?.kind === "recoveryRefusesQueries") return "in recovery, refuses queries";
  if (process === undefined) return sql.unreachable?.kind === "starting" ? "starting" : "unreachable";
  if (process.kind !== "running") return "stopped";
  if (sql.unreachable?.kind === "starting") {
    // Until 13 a warm standby says the same as one that is starting; replay shows which it is.
    const warm = server.upstream !== undefined && !server.hotStandby;
    return warm && (process.status === "standby" || titles.recovering !== undefined)
      ? "in recovery, refuses queries"
      : "starting";
  }
  return "unreachable";
}
