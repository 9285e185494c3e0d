import type { Endpoint, KnownServer, KnownSite } from "../../config/site.js";
import type { Host } from "../../hosts/host.js";
import { parseConninfo } from "../../postgres/files/conninfo.js";
import { senderFor } from "../../postgres/streams.js";
import { type Login, type Session, SqlUnreachable, withSession } from "../sql/session.js";
import { bytesOfLsn } from "../sql/sql.js";
import { namesOf } from "../sql/versions.js";
import { filedOn, type Late, replaysFirst, whyLate } from "./lateReplay.js";
import { recoveryTitles } from "./recoveryTitles.js";
import type { Shortfall } from "./shortfall.js";

export interface StreamAsked {
  readonly site: KnownSite;
  readonly server: KnownServer;
  readonly host: Host;
  readonly upstream: Endpoint;
  readonly login: Login;
  /** Where the marker ends. */
  readonly marker: string;
  readonly signal?: AbortSignal;
}

/** How a server in recovery was proven to get and keep what its primary writes. */
export type ProvenBy =
  /** It has replayed the marker. */
  | "replayed"
  /** It has the marker on its disk, and has a reason to replay later. */
  | Late
  /** It has replayed the marker, and gets its WAL from an archive. */
  | "archive";

/** What is seen of a server in recovery. */
export type StreamSeen =
  | { readonly proven: ProvenBy }
  | {
      readonly missing: Shortfall;
      /** How far it has come with what it does, as positions in the WAL; another sum is progress. */
      readonly come: readonly (string | null | undefined)[];
    };

/** Whether a server in recovery gets its WAL, and has what it takes to say so; otherwise what is missing. */
export async function lookAtStream(asked: StreamAsked): Promise<StreamSeen> {
  const { server, upstream } = asked;
  const sender =
    namesOf(server.version).replication === null
      ? null
      : await senderOf(asked).catch((error: unknown) => unanswered(error));
  if (sender === null) return server.hotStandby ? byItself(asked, false) : byTitles(asked);
  if (sender === undefined) {
    const missing = { code: "notStreaming", upstream: upstream.name } as const;
    const own = server.hotStandby ? await byItself(asked, true) : undefined;
    if (own === undefined) return { missing, come: [] };
    const isFed = "missing" in own && own.missing.code === "noWalreceiver" && own.missing.fed !== undefined;
    return "proven" in own || isFed ? own : { ...own, missing };
  }
  // A warm upstream answers nothing; then only the server itself can tell.
  if ("code" in sender) return server.hotStandby ? byItself(asked, false) : { missing: sender, come: [] };
  const { state, sent, flush, replay } = sender;
  if (state !== "streaming") {
    return { missing: { code: "walsenderWaits", upstream: upstream.name, state }, come: [sent, flush, replay] };
  }
  // What was sent may lie in a buffer of a line that is dead.
  return reached(asked, replay, flush, [flush, replay]);
}

/** Replayed is proof, and so is received where it has a reason to replay late. */
async function reached(
  { host, server, login, marker, signal }: StreamAsked,
  replayed: string | null | undefined,
  received: string | null | undefined,
  come: readonly (string | null | undefined)[],
): Promise<StreamSeen> {
  const target = bytesOfLsn(marker);
  const has = (lsn: string | null | undefined) => lsn != null && bytesOfLsn(lsn) >= target;
  if (has(replayed)) return { proven: "replayed" };
  const late = has(received) ? await whyLate(host, server, login, signal) : undefined;
  if (late !== undefined) return { proven: late };
  const missing: Shortfall = {
    code: "replaysBehind",
    replayed: replayed ?? null,
    ...(received == null ? {} : { received }),
    marker,
  };
  return { missing, come };
}

/** What a hot standby says of itself. @param unknown whether its upstream answers, and knows nothing of it */
async function byItself(asked: StreamAsked, unknown: boolean): Promise<StreamSeen> {
  const { server, host, login, upstream, marker, signal } = asked;
  try {
    const { replayed, from } = await withSession(
      server,
      login,
      signal === undefined ? {} : { signal },
      ownWord(server),
    );
    const { receiver, recovering } = await recoveryTitles(host, server);
    const come = [receiver, replayed];
    if (receiver === undefined) {
      if (await replaysFirst(host, server, replayed ?? undefined)) return { proven: "delayed" };
      const isFed = (await filedOn(host, server)).has("restore_command");
      if (isFed && replayed != null && bytesOfLsn(replayed) >= bytesOfLsn(marker)) return { proven: "archive" };
      return { missing: { code: "noWalreceiver", ...(isFed ? { fed: recovering ?? null } : {}) }, come };
    }
    // It may stream from the one that it is to leave.
    const isFrom = from?.host === upstream.address && from?.port === `${upstream.port}`;
    if (unknown && !isFrom) return { missing: { code: "notStreaming", upstream: upstream.name }, come };
    return reached(asked, replayed, receiver, come);
  } catch (error) {
    return { missing: unanswered(error), come: [] };
  }
}

const ownWord = (server: KnownServer) => async (session: Session) => {
  const names = namesOf(server.version);
  const [row] = await session.query(`select ${names.replayLsn}::text as lsn`);
  const [receiver] = names.walReceiverView ? await session.query("select conninfo from pg_stat_wal_receiver") : [];
  const { host, port } = parseConninfo(receiver?.conninfo ?? "") ?? {};
  return { replayed: row?.lsn, from: { host, port } };
};

/** 9.0, warm: received is all that can be seen, and that recovery works on the segment. */
async function byTitles({ host, server, marker }: StreamAsked): Promise<StreamSeen> {
  const { receiver, recovering } = await recoveryTitles(host, server);
  if (receiver === undefined) return { missing: { code: "noWalreceiver" }, come: [] };
  const come = [receiver];
  if (recovering === undefined) return { missing: { code: "notInRecovery" }, come };
  if (bytesOfLsn(receiver) >= bytesOfLsn(marker)) return { proven: "replayed" };
  return { missing: { code: "receivesBehind", received: receiver, marker }, come };
}

function unanswered(error: unknown): Shortfall {
  if (error instanceof SqlUnreachable) return { code: "unanswered", ...error.said };
  throw error;
}

interface Sender {
  readonly name: string;
  readonly from: string | null;
  readonly state: string;
  readonly sent: string | null;
  readonly flush: string | null;
  readonly replay: string | null;
}

/** The walsender of a server on its upstream, by a name that is declared, or that its files have. */
async function senderOf({ site, server, host, upstream, login, signal }: StreamAsked): Promise<Sender | undefined> {
  const senders = await withSession(upstream, login, signal === undefined ? {} : { signal }, async (session) => {
    const { replication } = namesOf(server.version);
    const rows = await session.query(
      `select application_name as name, host(client_addr) as "from", state, ${replication?.sent}::text as sent, ${replication?.flush}::text as flush, ${replication?.replay}::text as replay from pg_stat_replication`,
    );
    return rows.map(({ name, from, state, sent, flush, replay }) => ({
      name: name ?? "",
      from: from ?? null,
      state: state ?? "",
      sent: sent ?? null,
      flush: flush ?? null,
      replay: replay ?? null,
    }));
  });
  const others = site.servers.filter(({ name }) => name !== upstream.name);
  const found = senderFor(senders, server, others);
  if (found !== undefined || senders.length === 0) return found;
  const conninfo = parseConninfo((await filedOn(host, server)).get("primary_conninfo") ?? "") ?? {};
  const { application_name: applicationName } = conninfo;
  return applicationName === undefined ? undefined : senderFor(senders, { ...server, applicationName }, others);
}
