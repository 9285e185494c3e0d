import type { Endpoint, KnownServer, KnownSite, Passwords } from "../../config/site.js";
import type { Host, HostSpec } from "../../hosts/host.js";
import { hostOf } from "../../hosts/index.js";
import type { UnreachableKind } from "../../postgres/serverProblems.js";
import { readSystemIdentifier } from "../data/dataDirectory.js";
import { markProven } from "../data/unproven.js";
import { administratorOf, endpointsOf } from "../sql/login.js";
import { type Address, type Login, type Session, type SqlUnreachable, withSession } from "../sql/session.js";
import { majorOfServer, namesOf } from "../sql/versions.js";
import { findWritable, type Writable } from "../sql/writable.js";
import { isFinal } from "../unlock/find.js";
import { movingInWords, notWorkingInWords, stillMovingInWords } from "../words/proof.js";
import { Lasting } from "./lasting.js";
import { type Cause, causesIn, type LogMark, logMark, logSince } from "./log.js";
import { Moving } from "./moving.js";
import { processState } from "./process.js";
import type { Shortfall } from "./shortfall.js";
import { lookAtStream, type ProvenBy, type StreamAsked } from "./streamProof.js";

export interface ProofOptions {
  readonly site: KnownSite;
  readonly server: KnownServer;
  readonly passwords: Passwords;
  /** Milliseconds. @default 60000 */
  readonly deadline?: number;
  /** Where its log ended before what is to be proven was done; lets an earlier cause be quoted. @default now */
  readonly mark?: LogMark;
  readonly signal?: AbortSignal;
  /** Milliseconds for which its upstream may go on refusing it. @default long enough for another try of its walreceiver: a rule may be on its way */
  readonly patience?: number;
  /** Who is told how one that is behind gets on. @default nobody */
  readonly progress?: (line: string) => Promise<void> | void;
  readonly hostOf?: (spec: HostSpec) => Host;
}

export interface Proof {
  readonly server: string;
  readonly systemIdentifier: string;
  /** What it was proven to do. */
  readonly state: "writes" | "streams";
  /** Of one that streams. `moving`: it was still behind after all the time that there was, and got on. */
  readonly by?: ProvenBy | "moving";
  /** Where the marker ended in the WAL of the writable server. */
  readonly marker: string;
  /** The server that it streams from. */
  readonly upstream?: string;
  /** Milliseconds that the proof took. */
  readonly took: number;
}

/** A server does not do what it is there for. The message has the cause from its log, and what to do. */
export class NotWorking extends Error {
  /** The message without the server's name. */
  readonly reason: string;

  constructor(
    readonly server: string,
    readonly why: Shortfall,
    causes: readonly Cause[] = [],
  ) {
    const reason = notWorkingInWords(why, causes);
    super(`${server} does not work: ${reason}`);
    this.name = "NotWorking";
    this.reason = reason;
  }
}

/**
 * Proves that a server works. One that takes writes: a marker is written on it. One in recovery: its system
 * identifier is the writable server's, it streams from its upstream, and it has replayed a marker written on the
 * writable server after the proof began; one that has a reason to replay late (`whyLate`) has it on its disk. A warm standby answers no
 * SQL: its upstream tells (pg_stat_replication), and at 9.0, which lacks that view, its process titles. One that is behind and
 * gets on has ten times the time, and works if it still gets on then.
 * @throws NotWorking at the deadline, or as soon as there is a cause that waiting cannot mend
 */
export async function proveWorking(options: ProofOptions): Promise<Proof> {
  const proof = await prove(options);
  await markProven((options.hostOf ?? hostOf)(options.server.host), options.server);
  return proof;
}

async function prove(options: ProofOptions): Promise<Proof> {
  const { site, server, signal, deadline = 60_000 } = options;
  const login = administratorOf(site, options.passwords);
  const host = (options.hostOf ?? hostOf)(server.host);
  const began = Date.now();
  const mark = options.mark ?? (await logMark(host, server));
  const given = signal === undefined ? {} : { signal };
  let marker: Marker | undefined;
  let found: Writable<Endpoint> | undefined;
  let asked = 0;
  let missing: Shortfall = { code: "nobodyWrites" };
  let looked = 0;
  const refused = new Lasting();
  const streamRefused = new Lasting();
  const moving = new Moving();
  let hasSwitched = false;
  for (;;) {
    signal?.throwIfAborted();
    const identifier = await readSystemIdentifier(host, server.dataDirectory);
    if (identifier === undefined) {
      throw new NotWorking(server.name, { code: "noData", dataDirectory: server.dataDirectory });
    }
    if (found === undefined || found.writable === undefined || Date.now() - asked > askAgain) {
      asked = Date.now();
      found = await findWritable(endpointsOf(site), login, given);
    }
    const { writable, states } = found;
    if (writable === undefined) {
      const own = states.find(({ endpoint }) => endpoint.name === server.name);
      missing = {
        code: "nobodyWrites",
        ...(own?.unreachable === undefined ? {} : { own: own.unreachable.said }),
      };
      const primary = states.find(({ endpoint }) => endpoint.name === site.primary);
      // A warm standby takes nobody in for ever: of its primary that says nothing.
      const isWarm = server.upstream !== undefined && !server.hotStandby;
      const refusal = refusalAmong([isWarm ? undefined : own, primary]);
      // Its log has the same refusal, and nobody knows there whose it was.
      const lasts = refused.for(refusal !== undefined);
      if (refusal !== undefined && lasts > refusalStays) {
        throw new NotWorking(server.name, { code: "nobodyWrites", own: refusal.said });
      }
    } else {
      if (marker === undefined || marker.on !== writable.name) marker = await writeMarker(writable, login, options);
      await checkIdentifier(server, identifier, writable, marker, options);
      const done = (more: Pick<Proof, "state" | "upstream" | "by">): Proof => ({
        server: server.name,
        systemIdentifier: identifier,
        marker: marker?.lsn ?? "",
        took: Date.now() - began,
        ...more,
      });
      if (writable.name === server.name) return done({ state: "writes" });
      const mayFollow = server.alternatives?.includes(writable.name) === true;
      const upstream =
        (mayFollow ? undefined : endpointsOf(site).find(({ name }) => name === server.upstream)) ?? writable;
      const at = { site, server, host, upstream, login, marker: marker.lsn, ...given };
      const seen = await lookAtStream(at);
      if ("proven" in seen) return done({ state: "streams", upstream: upstream.name, by: seen.proven });
      missing = seen.missing;
      moving.note(seen.come, marker.lsn);
      if (missing.code === "noWalreceiver" && missing.fed !== undefined && !hasSwitched) {
        hasSwitched = true;
        await finishSegment(writable, at);
      }
      const keepsOut = missing.code === "unanswered" && ownRefusals.has(missing.kind);
      if (refused.for(keepsOut) > refusalStays) throw new NotWorking(server.name, missing);
    }
    const took = Date.now() - began;
    const isMoving = moving.isMoving();
    if (isMoving && took > deadline * patienceWithMoving && marker !== undefined && streamMoves.has(missing.code)) {
      await options.progress?.(stillMovingInWords(server.name, moving.lacks()));
      return {
        ...{
          server: server.name,
          systemIdentifier: identifier,
          marker: marker.lsn,
          took,
          state: "streams",
          by: "moving",
        },
        ...(server.upstream === undefined ? {} : { upstream: server.upstream }),
      };
    }
    if (isMoving && moving.isToBeTold()) await options.progress?.(movingInWords(server.name, moving.figures()));
    const late = took > deadline && !isMoving;
    if (late || Date.now() - looked > 500) {
      looked = Date.now();
      const causes = causesIn(await logSince(host, server, mark), server);
      // What was refused once may stream by now.
      const isRefused = streamless.has(missing.code) && causes.some((cause) => cause.refused === true);
      const stays = streamRefused.for(isRefused) > (options.patience ?? anotherTry);
      const final = causes.find((cause) => cause.final || (stays && cause.refused === true));
      const stopped = (await processState(host, server.dataDirectory)).kind !== "running";
      if (late || final !== undefined || (stopped && causes.length > 0)) {
        const why: Shortfall = stopped ? { code: "stopped" } : missing;
        throw new NotWorking(server.name, why, final === undefined ? causes : [final]);
      }
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** How many times the deadline one that is behind and gets on has. */
const patienceWithMoving = 10;

/** What it lacks that it may get in time, and streams. */
const streamMoves: ReadonlySet<Shortfall["code"]> = new Set(["replaysBehind", "receivesBehind", "walsenderWaits"]);

/** Milliseconds that pgsite's own session may be refused in a way that waiting does not mend. */
const refusalStays = 1000;

/** Milliseconds: a walreceiver tries again after 5 s (wal_retrieve_retry_interval). */
const anotherTry = 7000;

/** A standby that its upstream refuses lacks nothing else. */
const streamless: ReadonlySet<Shortfall["code"]> = new Set(["notStreaming", "noWalreceiver", "unanswered"]);

/** What a standby refuses pgsite by on its own account. Roles and their passwords come by replication, and may be on their way. */
const ownRefusals: ReadonlySet<UnreachableKind> = new Set(["noRule", "authentication", "tls", "unproven"]);

/** Why pgsite's session is refused, by a server that could tell who takes writes; undefined where that may change by itself. */
function refusalAmong(
  states: readonly (Writable<Endpoint>["states"][number] | undefined)[],
): SqlUnreachable | undefined {
  const unanswered = states.flatMap((state) => state?.unreachable ?? []);
  return unanswered.some(({ kind }) => kind === "cannotConnectNow") ? undefined : unanswered.find(isFinal);
}

/** Milliseconds: which server takes writes may change while we wait, but not often. */
const askAgain = 3000;

interface Marker {
  readonly on: string;
  readonly lsn: string;
  readonly systemIdentifier?: string;
}

/**
 * Writes something to the WAL that no user's data sees, and flushes it: a restore point (9.1 and later), and a
 * transaction of its own. Synchronous replication is not waited for: it may be this very standby that is missing.
 */
async function writeMarker(writable: Address, login: Login, { signal }: ProofOptions): Promise<Marker> {
  return withSession(writable, login, signal === undefined ? {} : { signal }, async (session) => {
    const [row] = await session.query("select current_setting('server_version_num') as version");
    const names = namesOf(majorOfServer(row?.version ?? ""));
    // Reading alone may be what sessions begin with.
    await session.query("begin read write");
    let lsn: string | null | undefined;
    if (names.createRestorePoint !== null) {
      await session.query("set local synchronous_commit = local");
      const [made] = await session.query(`select ${names.createRestorePoint}('pgsite proof')::text as lsn`);
      lsn = made?.lsn;
    }
    await session.query("select txid_current()");
    await session.query("commit");
    lsn ??= (await session.query(`select ${names.currentLsn}::text as lsn`))[0]?.lsn;
    const systemIdentifier = names.controlFunctions ? await systemIdentifierOf(session) : undefined;
    return { on: writable.name, lsn: lsn ?? "", ...(systemIdentifier === undefined ? {} : { systemIdentifier }) };
  });
}

/** An archive gets whole segments: the one with the marker in it is ended. */
async function finishSegment(writable: Address, { login, signal }: StreamAsked): Promise<void> {
  await withSession(writable, login, signal === undefined ? {} : { signal }, async (session) => {
    const [row] = await session.query("select current_setting('server_version_num') as version");
    await session.query(`select ${namesOf(majorOfServer(row?.version ?? "")).switchWal}`);
  });
}

async function systemIdentifierOf(session: Session): Promise<string | undefined> {
  const [row] = await session.query("select system_identifier::text as id from pg_control_system()");
  return row?.id == null ? undefined : BigInt.asUintN(64, BigInt(row.id)).toString();
}

async function checkIdentifier(
  server: KnownServer,
  identifier: string,
  writable: Endpoint,
  marker: Marker,
  options: ProofOptions,
): Promise<void> {
  const theirs =
    marker.systemIdentifier ??
    (await readSystemIdentifier((options.hostOf ?? hostOf)(writable.host), writable.dataDirectory).catch(
      () => undefined,
    ));
  if (theirs !== undefined && theirs !== identifier) {
    throw new NotWorking(server.name, {
      code: "anotherCluster",
      systemIdentifier: identifier,
      writing: { server: writable.name, systemIdentifier: theirs },
      dataDirectory: server.dataDirectory,
    });
  }
}
