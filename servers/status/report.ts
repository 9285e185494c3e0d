import type { ServerRole, Site } from "../../config/site.js";
import { defined } from "../../postgres/defined.js";
import type { Difference } from "../../postgres/differences.js";
import type { HoldUp, StopAct } from "../../postgres/holdUps.js";
import type { Slot } from "../../postgres/positions.js";
import type { PlanReport } from "../../postgres/rollout/model.js";
import type { ServerProblem, StreamProblem } from "../../postgres/serverProblems.js";
import { parseInteger } from "../../postgres/settings/quantities.js";
import { senderFor } from "../../postgres/streams.js";
import type { Phase, UpgradeCompared, UpgradePlan } from "../../postgres/upgrade/model.js";
import { replayedBy } from "../process/recoveryTitles.js";
import { bytesOfLsn } from "../sql/sql.js";
import { namesOf } from "../sql/versions.js";
import type { Observation, Seen, SqlAnswer, State } from "./observation.js";
import { problemsOf, streamProblem } from "./problems.js";
import { endName, withSenders } from "./unnamedSenders.js";

/**
 * What is known of a stack's servers: plain data, the one model of everything that shows them. Words are made from it last
 * (servers/words/), and nobody reads those back.
 */
export interface Report {
  readonly servers: readonly ServerReport[];
  /** Of servers in recovery that are declared to stream from another. */
  readonly streams: readonly Stream[];
  readonly slots: readonly (Slot & { readonly server: string })[];
  readonly problems: readonly (ServerProblem & { readonly server: string })[];
  /** Ways in which what is there differs from what is declared, each with what it takes to undo it. */
  readonly differences: readonly Difference[];
  /** What could not be looked at. */
  readonly unknown: readonly NotKnown[];
  /** What an `up` would do on the servers, in order, or why it refuses. */
  readonly plan: PlanReport;
}

/** Something could not be looked at. */
export interface NotKnown {
  /** Which of the ways to the truth failed. */
  readonly code: "host" | "SQL" | "other";
  /** The server; left out if it is a resource as a whole, which is then shown as it was last known. */
  readonly server?: string;
  /** What went wrong, in a sentence for people. */
  readonly message: string;
}

/** One part of a report, from whoever found it: a preview's resources tell what they find one by one. */
export type Finding =
  | { readonly kind: "difference"; readonly difference: Difference }
  | ({ readonly kind: "not known" } & NotKnown)
  /** `loud`: it is refused, or two servers take writes. */
  | { readonly kind: "plan"; readonly plan: PlanReport; readonly loud: boolean }
  /** What holds up the shutdown of a server that the plan stops. */
  | ({ readonly kind: "held up" } & HeldUp)
  /** How a server's data come to the declared major version, or why they do not. */
  | { readonly kind: "upgrade"; readonly plan: UpgradePlan }
  /** One was begun and has not come to its end: the next `up` goes on. */
  | {
      readonly kind: "upgrade under way";
      readonly server: string;
      readonly from: string;
      readonly to: string;
      readonly phase: Phase;
    }
  /** One has come to its end: what was said of it, and what it was. */
  | ({ readonly kind: "upgrade done"; readonly server: string } & UpgradeCompared)
  /** Standbys have data of an older version than their primary: they are set aside and seeded anew. */
  | { readonly kind: "upgrade of standbys"; readonly servers: readonly string[]; readonly to: string };

/** A running server that a plan stops, and what holds that up. */
export interface HeldUp {
  readonly server: string;
  readonly act: StopAct;
  readonly holdUps: readonly HoldUp[];
}

/** The parts of a report that are found by comparing with what is declared. */
export type Compared = Pick<Report, "differences" | "unknown" | "plan">;

const nothing: Compared = { differences: [], unknown: [], plan: { steps: [], refusals: [] } };

/** A server as it is now. Null: not known, or it does not apply. */
export interface ServerReport {
  readonly name: string;
  /** As declared; what it does is in `state`. */
  readonly role: ServerRole | "standalone";
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
  /** Why it replays later than it receives, where it is to: as declared (recovery_min_apply_delay), or somebody paused it. */
  readonly late?:
    | {
        readonly code: "delayed";
        readonly by: string;
        /** It does not stream yet: it replays what it has before it asks for more. */
        readonly replaysFirst?: true;
      }
    | { readonly code: "paused" };
  /** Names of the servers that stream from it; null where it cannot be asked. At 9.0 ADDRESS(PORT) of one outside the stack. */
  readonly walSenders: readonly string[] | null;
  /** ADDRESS(PORT) from which it receives, where walsenders have no names (9.0). */
  readonly receivesAt?: string;
  readonly systemIdentifier: string | null;
}

/** How WAL comes to a server in recovery; lags are the server's. */
export interface Stream extends Pick<ServerReport, "lagBytes" | "lagSeconds"> {
  readonly server: string;
  /** As declared. */
  readonly from: string;
  /** Left out if WAL streams. */
  readonly off?: StreamProblem;
}

/** A server, and what is wrong with it. */
export interface StatusRow extends ServerReport {
  readonly problems: readonly ServerProblem[];
}

export function reportOf(
  site: Pick<Site, "primary" | "standalone">,
  found: Seen,
  compared: Compared = nothing,
): Report {
  const { servers: all, answers } = withSenders(found);
  const seen = all.map((observation) => {
    const found = serverReport(observation, answers, all);
    const server = site.standalone === true ? { ...found, role: "standalone" as const } : found;
    const stream = streamOf(server, observation, answers, all);
    const off = stream?.off === undefined ? {} : { stream: stream.off };
    const problems = problemsOf({ site, observation, state: server.state, answers, all, ...off });
    return { server, stream, slots: observation.sql.slots ?? [], problems };
  });
  return {
    servers: seen.map(({ server }) => server),
    streams: seen.flatMap(({ stream }) => stream ?? []),
    slots: seen.flatMap(({ server, slots }) => slots.map((slot) => ({ server: server.name, ...slot }))),
    problems: seen.flatMap(({ server, problems }) => problems.map((problem) => ({ server: server.name, ...problem }))),
    ...compared,
  };
}

/** Findings put together, each once: both a refresh and the comparison after it may tell of the same. */
export function comparedBy(findings: readonly Finding[]): Compared {
  const plans = findings.flatMap((one) => (one.kind === "plan" ? [one.plan] : []));
  return {
    differences: once(findings.flatMap((one) => (one.kind === "difference" ? [one.difference] : []))),
    unknown: once(
      findings.flatMap((one) => {
        if (one.kind !== "not known") return [];
        const { code, server, message } = one;
        return [{ code, ...defined({ server }), message }];
      }),
    ),
    plan: {
      steps: plans.flatMap(({ steps }) => steps),
      refusals: plans.flatMap(({ refusals }) => refusals),
    },
  };
}

function once<T>(all: readonly T[]): readonly T[] {
  return [...new Map(all.map((one) => [JSON.stringify(one), one])).values()];
}

/** Each server with its problems beside it. */
export function rowsOf({ servers, problems }: Pick<Report, "servers" | "problems">): readonly StatusRow[] {
  return servers.map((server) => ({ ...server, problems: problemsWith(problems, server.name) }));
}

/** The problems of one server. */
export function problemsWith(problems: Report["problems"], name: string): readonly ServerProblem[] {
  return problems.flatMap(({ server, ...problem }) => (server === name ? [problem as ServerProblem] : []));
}

function serverReport(
  observation: Observation,
  answers: readonly SqlAnswer[],
  all: readonly Observation[],
): ServerReport {
  const { server, data, sql, titles, ownEnd } = observation;
  const state = stateOf(observation);
  const writable = answers.find(({ inRecovery }) => inRecovery === false);
  const sender = senderOf(observation, answers, all);
  const ofTitles = namesOf(server.version).replication === null ? replayedBy(titles) : undefined;
  const replayed = state === "read-write" ? undefined : (sender?.replay ?? sql.lsn ?? ofTitles);
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
    upstream: followedBy(observation, answers, all) ?? null,
    lagBytes,
    lagSeconds: lagSeconds === null ? null : Math.round(lagSeconds * 1000) / 1000,
    ...defined({
      late: lateOf(observation, state),
      receivesAt: ownEnd && endName({ from: ownEnd.address, port: ownEnd.port }),
    }),
    walSenders: sql.senders === undefined ? null : namesOfSenders(sql.senders, observation, all),
    systemIdentifier: data?.systemIdentifier ?? sql.systemIdentifier ?? null,
  };
}

function lateOf({ server, sql, delay: filed, replaysFirst }: Observation, state: State): ServerReport["late"] {
  if (!state.startsWith("in recovery")) return undefined;
  if (sql.paused === true) return { code: "paused" };
  const by = filed ?? server.settings.recovery_min_apply_delay;
  const delay = by === undefined ? undefined : parseInteger(server.version, "ms", by);
  return by !== undefined && delay?.ok === true && delay.value > 0
    ? { code: "delayed", by, ...defined({ replaysFirst }) }
    : undefined;
}

function streamOf(
  { name, state, upstream: from, lagBytes, lagSeconds }: ServerReport,
  observation: Observation,
  answers: readonly SqlAnswer[],
  all: readonly Observation[],
): Stream | undefined {
  if (from === null || !state.startsWith("in recovery")) return undefined;
  const off = streamProblem(observation, senderOf(observation, answers, all), upstreamOf(observation, answers));
  return { server: name, from, lagBytes, lagSeconds, ...(off === undefined ? {} : { off }) };
}

function upstreamOf({ server }: Observation, answers: readonly SqlAnswer[]): SqlAnswer | undefined {
  return answers.find(({ endpoint }) => endpoint.name === server.upstream);
}

/** The server that it streams from; of one that streams from none, the declared one. */
function followedBy(observation: Observation, answers: readonly SqlAnswer[], all: readonly Observation[]) {
  return streamsOf(observation, answers, all)[0]?.from ?? observation.server.upstream;
}

function senderOf(observation: Observation, answers: readonly SqlAnswer[], all: readonly Observation[]) {
  return streamsOf(observation, answers, all)[0]?.sender;
}

/** Its walsenders on the servers that it may follow. */
function streamsOf({ server }: Observation, answers: readonly SqlAnswer[], all: readonly Observation[]) {
  return [server.upstream, ...(server.alternatives ?? [])].flatMap((from) => {
    const upstream = answers.find(({ endpoint }) => endpoint.name === from);
    if (from === undefined || upstream?.senders === undefined) return [];
    const others = all.filter((one) => one.server.name !== from).map((one) => one.server);
    const sender = senderFor(upstream.senders, server, others);
    return sender === undefined ? [] : [{ from, sender }];
  });
}

/** By the servers of the stack, whatever they stream under; any other by its application_name. */
function namesOfSenders(
  senders: NonNullable<SqlAnswer["senders"]>,
  { server }: Observation,
  all: readonly Observation[],
): readonly string[] {
  const followers = all.flatMap((one) => (one.server.name === server.name ? [] : [one.server]));
  const known = followers
    .filter(({ upstream }) => upstream === server.name)
    .map((one) => [senderFor(senders, one, followers), one.name] as const);
  return senders.map((sender) => known.find(([found]) => found === sender)?.[1] ?? sender.name).sort();
}

function behind(written: string | undefined, replayed: string | undefined | null): number | null {
  if (written === undefined || replayed == null) return null;
  const bytes = bytesOfLsn(written) - bytesOfLsn(replayed);
  return bytes < 0n ? 0 : Number(bytes);
}

/** SQL tells most; what it cannot, the host does. */
function stateOf(observation: Observation): State {
  const { server, data, process, sql } = observation;
  if (server.lost !== undefined) return "lost";
  if (sql.inRecovery === false) return "read-write";
  if (sql.inRecovery === true) return "in recovery, read-only";
  if (data?.kind === "absent" || data?.kind === "empty" || data?.kind === "incomplete") return "no data";
  if (process !== undefined && process.kind !== "running") return "stopped";
  return sql.unreachable?.kind === "cannotConnectNow" ? takesNobodyIn(observation) : "unreachable";
}

/** What a server is that lives and takes nobody in: by its postmaster's own word (10 and later), by its replay, by what is declared. */
function takesNobodyIn({ server, process, titles }: Observation): State {
  const isWarm = server.upstream !== undefined && !server.hotStandby;
  const status = process?.kind === "running" ? process.status : undefined;
  if (status === "stopping") return "unreachable";
  const recovers = status === "standby" || (isWarm && (process === undefined || titles.recovering !== undefined));
  return recovers ? "in recovery, refuses queries" : "starting";
}
