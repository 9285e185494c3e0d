import { Socket } from "node:net";
import type { ConnectionOptions } from "node:tls";
import pLimit from "p-limit";
import pg from "pg";
import { notMade, type Proof } from "../../config/site.js";
import { declaredLost, isLostServer } from "../../hosts/lost.js";
import { mostIterations } from "../../postgres/iterations.js";
import type { Unanswered, UnreachableKind } from "../../postgres/serverProblems.js";
import { shownInLine } from "../../postgres/shown.js";
import { JudgedConnection, Unproven } from "./judgedConnection.js";
import { brokenTls, isPlain, verifying } from "./verify.js";

/** Where a server listens; every `Endpoint` and `Server` of a site is one. */
export interface Address {
  /** The server's name, for messages. */
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly proof: Pick<Proof, "tls" | "asks">;
}

export interface Login {
  readonly user: string;
  readonly password: string;
}

export interface SessionOptions {
  /** @default "postgres" */
  readonly database?: string;
  /** Milliseconds until the connection must stand. @default 5000 */
  readonly timeout?: number;
  /** Milliseconds that one query may take; 0 is for ever. @default 30000 */
  readonly queryTimeout?: number;
  /** Breaks the connection off, whatever it is doing. */
  readonly signal?: AbortSignal;
}

export type Row = Readonly<Record<string, string | null>>;

/** One connection. Every value arrives as PostgreSQL's own text, or null: pgsite decides itself what is a number. */
export interface Session {
  query(sql: string, params?: readonly (string | number | boolean | null)[]): Promise<readonly Row[]>;
  /** Ends the connection; never throws, and may be called twice. */
  end(): Promise<void>;
}

/** A server gave no session. `kind` says what that tells about it. */
export class SqlUnreachable extends Error {
  constructor(
    readonly server: string,
    readonly kind: UnreachableKind,
    reason: string,
    options?: ErrorOptions,
  ) {
    super(shownInLine(reason), options);
    this.name = "SqlUnreachable";
  }

  get said(): Unanswered {
    return { kind: this.kind, because: this.message };
  }
}

/**
 * Connects as `application_name` pgsite.
 *
 * A warm standby answers "the database system is starting up" for ever before PostgreSQL 14, so `starting` may also
 * mean `recoveryRefusesQueries` there.
 *
 * Where TLS is required it is verify-full, and nothing else is ever tried. Where it is only offered, a server that says
 * it has none gets a plain session; one with a wrong certificate gets none. Whatever the session is, a password is only
 * given as the server's declared rules ask for it, in clear within TLS alone, and a server that proves nothing is not believed.
 * @throws SqlUnreachable
 */
export async function openSession(endpoint: Address, login: Login, options: SessionOptions = {}): Promise<Session> {
  if (isLostServer(endpoint.name)) {
    throw new SqlUnreachable(endpoint.name, "timeout", `${endpoint.name} is ${declaredLost}`);
  }
  // The state of an older pgsite does not say what is to be proven.
  const { tls, asks } = (endpoint.proof as Address["proof"] | undefined) ?? {};
  if (tls === undefined || asks === undefined) throw notAsked(endpoint, "what it must prove is recorded by the next");
  if (tls === "none") return open(endpoint, undefined, login, options);
  if (tls.authority === notMade) throw notAsked(endpoint, "its certificate's authority is made by the first");
  const verified = verifying(endpoint.address, tls);
  if (tls.required) return open(endpoint, verified, login, options);
  try {
    return await open(endpoint, verified, login, options);
  } catch (error) {
    if (!(error instanceof SqlUnreachable) || !isPlain(error.cause)) throw error;
    return open(endpoint, undefined, login, options);
  }
}

function notAsked({ name, address, port }: Address, why: string): SqlUnreachable {
  return new SqlUnreachable(name, "tls", `${name} (${address}:${port}) is not asked: ${why} pulumi up`);
}

async function open(
  endpoint: Address,
  tls: ConnectionOptions | undefined,
  login: Login,
  options: SessionOptions,
): Promise<Session> {
  const { database = "postgres", timeout = 5000, queryTimeout = 30_000, signal } = options;
  signal?.throwIfAborted();
  const socket = new Socket();
  const config = {
    host: endpoint.address,
    port: endpoint.port,
    user: login.user,
    password: login.password,
    database,
    application_name: "pgsite",
    connectionTimeoutMillis: timeout,
    scramMaxIterations: mostIterations,
    ...(queryTimeout === 0 ? {} : { query_timeout: queryTimeout }),
    ssl: tls ?? false,
    connection: new JudgedConnection({ socket, tls, asks: endpoint.proof.asks }),
    types: { getTypeParser: () => asText },
  };
  const client = new pg.Client(config);
  let broken: Error | undefined;
  client.on("error", (error) => {
    broken = error;
  });
  const abort = () => socket.destroy(new Error("stopped on request"));
  signal?.addEventListener("abort", abort, { once: true });
  try {
    await client.connect();
  } catch (error) {
    signal?.removeEventListener("abort", abort);
    socket.destroy();
    signal?.throwIfAborted();
    throw unreachable(endpoint, tls !== undefined, login, timeout, error);
  }
  const oneAtATime = pLimit(1);
  return {
    query: (sql, params) =>
      oneAtATime(async () => {
        if (broken !== undefined) throw new Error(`the session on ${endpoint.name} broke off: ${broken.message}`);
        const result = await client
          .query<Record<string, string | null>>(sql, params === undefined ? [] : [...params])
          .catch(fail);
        return result.rows;
      }),
    async end() {
      signal?.removeEventListener("abort", abort);
      await Promise.race([client.end().catch(() => undefined), new Promise((done) => setTimeout(done, 1000).unref())]);
      socket.destroy();
    },
  };
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

/** A server's message may quote what anyone wrote. */
function fail(error: Error): never {
  error.message = shownInLine(error.message);
  throw error;
}

function asText(value: string): string {
  return value;
}

function unreachable(
  endpoint: Address,
  encrypted: boolean,
  login: Login,
  timeout: number,
  error: unknown,
): SqlUnreachable {
  const { code, message } = error as { readonly code?: string; readonly message: string };
  const at = `${endpoint.name} (${endpoint.address}:${endpoint.port})`;
  const make = (kind: UnreachableKind, reason: string) =>
    new SqlUnreachable(endpoint.name, kind, `${at} ${reason}`, { cause: error });
  if (code === "ECONNREFUSED") return make("refused", "refuses connections: no server listens there");
  if (code === "ETIMEDOUT" || /timeout expired|Connection terminated due to connection timeout/.test(message)) {
    return make("timeout", `does not answer within ${timeout / 1000} s`);
  }
  if (code === "EHOSTUNREACH" || code === "ENETUNREACH" || code === "ENOTFOUND" || code === "EADDRNOTAVAIL") {
    return make("timeout", `cannot be reached (${code})`);
  }
  if (error instanceof Unproven) return make("unproven", unprovenBy(error, endpoint.proof.asks));
  const broken = encrypted ? brokenTls(error, endpoint.address) : undefined;
  if (broken !== undefined) return make("tls", broken);
  if (code === "57P03") return make(cannotConnectNow(message), `answers "${message}"`);
  if (code?.startsWith("28") === true) {
    return make("authentication", `does not let ${login.user} in: ${message}`);
  }
  return make("other", `gives no session: ${message}`);
}

/** SQLSTATE 57P03, cannot_connect_now, stands for four states that only the text tells apart (postmaster.c). */
function cannotConnectNow(message: string): UnreachableKind {
  if (/shutting down/.test(message)) return "stopping";
  if (/not accepting connections/.test(message)) return "recoveryRefusesQueries";
  return "starting";
}

function unprovenBy({ asked }: Unproven, asks: readonly string[]): string {
  if (asked === "half") return "breaks off the proof of who it is, and is not believed: it is no PostgreSQL server";
  const words = {
    password: "asks for the password in clear",
    md5: "asks for the password by md5",
    none: "asks for no password",
  };
  const says = `${words[asked as keyof typeof words]}, and gets none`;
  if (asked === "password" && asks.includes(asked)) {
    return `${says}: its rules (password, ldap, pam, radius, bsd) are answered within TLS alone; declare tls, or another method for pgsite`;
  }
  return `${says}: its declared rules ask by ${asks.join(", ")}. Another server answers there, or its pg_hba.conf or the role's verifier is not as declared`;
}
