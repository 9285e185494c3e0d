import type { ConnectionOptions } from "node:tls";
import { notMade, type Proof, type TlsDemand } from "../../config/site.js";
import type { HostSpec } from "../../hosts/host.js";
import { declaredLost, isLostServer } from "../../hosts/lost.js";
import type { Asks } from "../../postgres/files/hba/index.js";
import { knownBarred } from "./barred.js";
import { type Connection, type Login, sessionThrough } from "./connection.js";
import { type Heard, learn, listeningOf, pastLogin, streamOn } from "./stream.js";
import { failsAtLogin, NowhereListening, SqlUnreachable, unreachable } from "./unreachable.js";
import { isPlain, verifying } from "./verify.js";
import { type Barred, leadsOn, shownPlace, type Taken, type Way, waysTo } from "./way.js";

export type { Login, Row } from "./connection.js";
export { SqlUnreachable } from "./unreachable.js";

/** Milliseconds until a session must stand. */
const patience = 5000;

const standardDatabase = "postgres";

/** Where a server is; every `Endpoint` and `Server` of a site is one. */
export interface Address {
  /** The server's name, for messages. */
  readonly name: string;
  /** Where clients and other servers reach it. */
  readonly address: string;
  readonly port: number;
  readonly proof: Pick<Proof, "tls" | "asks">;
  /** Through which, and by what it says there, pgsite comes to it. The state of an older pgsite has neither: then by its address. */
  readonly host?: HostSpec | undefined;
  readonly dataDirectory?: string | undefined;
  /** Its password file, of a server of this stack's: it has the password of whoever replicates. */
  readonly passfile?: string | undefined;
}

export interface SessionOptions {
  /** @default "postgres" */
  readonly database?: string;
  /** Milliseconds until the connection must stand. @default 5000 */
  readonly timeout?: number;
  /** Milliseconds that one query may take; 0 is for ever. @default 30000 */
  readonly queryTimeout?: number;
  /** Whether what a question of the same refresh has found of the ways counts. @default false */
  readonly reading?: boolean;
  /** Breaks the connection off, whatever it is doing. */
  readonly signal?: AbortSignal;
}

/** One connection. */
export interface Session extends Connection {
  /** By which way, and why not by one before it. */
  readonly way: Taken;
}

/**
 * Connects as `application_name` pgsite, by the best way to the server that leads there (`waysTo`).
 *
 * Where TLS is required it is verify-full, and nothing else is ever tried. Where it is only offered, a server that says
 * it has none gets a plain session; one with a wrong certificate gets none. Whatever the session is, a password is only
 * given as the server's declared rules ask for it, in clear within TLS alone, and a server that proves nothing is not believed.
 * To its own OS user a server shows who it is by its Unix socket: there no password is given, and no TLS is needed.
 * Where what the server runs at each login is in the way, a superuser's session is made without it.
 * @throws SqlUnreachable, of the first way
 */
export async function openSession(endpoint: Address, login: Login, options: SessionOptions = {}): Promise<Session> {
  const { name } = endpoint;
  if (isLostServer(name)) throw new SqlUnreachable(name, "timeout", `${name} is ${declaredLost}`);
  // The state of an older pgsite does not say what is to be proven.
  const { tls, asks } = (endpoint.proof as Address["proof"] | undefined) ?? {};
  if (tls === undefined || asks === undefined) throw notAsked(endpoint, "what it must prove is recorded by the next");
  if (tls !== "none" && tls.authority === notMade) {
    throw notAsked(endpoint, "its certificate's authority is made by the first");
  }
  options.signal?.throwIfAborted();
  const { database = standardDatabase, reading = false } = options;
  const listening = await listeningOf(endpoint, reading).catch((error: unknown) => {
    throw unreachable(attemptOn(undefined, endpoint, login, options), error);
  });
  const { proof, host } = endpoint;
  const known = await knownBarred([name, host, proof, login.user, login.password, database], reading);
  const barred: Barred[] = [];
  let refusal: SqlUnreachable | undefined;
  for (const way of waysTo(endpoint, listening)) {
    const before = barred.at(-1);
    if (before !== undefined && !leadsOn(way, before)) continue;
    const down = listening === undefined && way.by === "forwarded";
    const wanted = { endpoint, login, options, tls, asks, barred, down };
    const first = known.of(way) ?? (await along(way, wanted));
    if (!(first instanceof SqlUnreachable)) {
      if (before !== undefined) await learn(endpoint, way, before);
      return first;
    }
    known.note(way, first);
    // Why the OS user is not let in either is of interest only where nobody else was asked.
    if (way.by !== "owner" || refusal === undefined) refusal = first;
    const atLogin = failsAtLogin(first, way);
    barred.push({ by: way.by, kind: first.kind, because: first.message, ...(atLogin ? { atLogin } : {}) });
    const begin = atLogin ? await pastLogin(endpoint) : undefined;
    const past = begin === undefined ? first : await along(way, { ...wanted, begin });
    if (!(past instanceof SqlUnreachable)) return past;
  }
  throw refusal ?? unreachable(attemptOn(undefined, endpoint, login, options), new NowhereListening());
}

interface Wanted {
  readonly endpoint: Address;
  readonly login: Login;
  readonly options: SessionOptions;
  readonly tls: TlsDemand | "none";
  readonly asks: readonly Asks[];
  readonly barred: readonly Barred[];
  /** Whether no server is known to run: a forwarded connection that ends unheard says just that. */
  readonly down: boolean;
  /** What the session begins with. */
  readonly begin?: string;
}

/** A session by one way, or why it leads to none. */
async function along(way: Way, wanted: Wanted): Promise<Session | SqlUnreachable> {
  const { tls, endpoint } = wanted;
  if (way.by === "owner") return open(way, { ...wanted, asks: ["none"] }, undefined);
  if (tls === "none") return open(way, wanted, undefined);
  const encrypted = await open(way, wanted, verifying(endpoint.address, tls));
  if (tls.required || !(encrypted instanceof SqlUnreachable) || !isPlain(encrypted.cause)) return encrypted;
  return open(way, wanted, undefined);
}

async function open(
  way: Way,
  { endpoint, login, options, asks, barred, down, begin }: Wanted,
  tls: ConnectionOptions | undefined,
): Promise<Session | SqlUnreachable> {
  const { database = standardDatabase, timeout = patience, queryTimeout = 30_000, signal } = options;
  let stream: Heard | undefined;
  try {
    stream = await streamOn(endpoint, way, timeout, signal);
    const { name: server, address } = endpoint;
    const start = begin === undefined ? {} : { begin };
    const asked = { server, address, login, database, tls, asks, timeout, queryTimeout, ...start, signal };
    const session = await sessionThrough(stream, asked);
    return { ...session, way: { by: way.by, at: shownPlace(way.to), role: login.user, barred } };
  } catch (error) {
    signal?.throwIfAborted();
    const attempt = attemptOn(way, endpoint, login, options);
    return unreachable(
      { ...attempt, asks, down, encrypted: tls !== undefined, heard: stream === undefined || stream.bytesRead !== 0 },
      error,
    );
  }
}

/** Runs `act` with a session that is ended whatever happens. @throws SqlUnreachable */
export async function withSession<T>(
  endpoint: Address,
  login: Login,
  options: SessionOptions,
  act: (session: Session) => Promise<T>,
): Promise<T> {
  const session = await openSession(endpoint, login, options);
  try {
    return await act(session);
  } finally {
    await session.end();
  }
}

function attemptOn(way: Way | undefined, endpoint: Address, { user }: Login, { timeout = patience }: SessionOptions) {
  const { name: server, address, port, host } = endpoint;
  const declared = shownPlace({ address, port });
  const place = way === undefined ? declared : shownPlace(way.to);
  const at = `${server} (${place === declared || host === undefined ? place : `${place} on ${host.name}`})`;
  return {
    server,
    host: host?.name,
    address,
    at,
    by: way?.by,
    user,
    timeout,
    asks: [],
    encrypted: false,
    heard: true,
    down: false,
  };
}

function notAsked({ name, address, port }: Address, why: string): SqlUnreachable {
  return new SqlUnreachable(name, "tls", `${name} (${address}:${port}) is not asked: ${why} pulumi up`);
}
