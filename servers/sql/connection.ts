import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { ConnectionOptions } from "node:tls";
import pLimit from "p-limit";
import pg from "pg";
import { mostIterations } from "../../postgres/iterations.js";
import { shownInLine } from "../../postgres/shown.js";
import { type Judged, JudgedConnection } from "./judgedConnection.js";

export interface Login {
  readonly user: string;
  readonly password: string;
}

export type Row = Readonly<Record<string, string | null>>;

/** Every value arrives as PostgreSQL's own text, or null: pgsite decides itself what is a number. */
export interface Connection {
  query(sql: string, params?: readonly (string | number | boolean | null)[]): Promise<readonly Row[]>;
  /** Ends the connection; never throws, and may be called twice. */
  end(): Promise<void>;
}

export interface Asked extends Pick<Judged, "asks"> {
  readonly server: string;
  /** By the name that its certificate is to have. */
  readonly address: string;
  readonly login: Login;
  readonly database: string;
  readonly tls: ConnectionOptions | undefined;
  /** Milliseconds until the session must stand. */
  readonly timeout: number;
  /** Milliseconds that one query may take; 0 is for ever. */
  readonly queryTimeout: number;
  /** What the session begins with (`-c name=value`). */
  readonly begin?: string;
  readonly signal: AbortSignal | undefined;
}

/** With what a session failed, and how far the login had come by then. */
export type Failed = Error & Partial<Pick<JudgedConnection, "answered" | "accepted">>;

/**
 * Makes a session of a stream that leads to a server. Destroys the stream where it gets none.
 * @throws Failed, what `pg` throws
 */
export async function sessionThrough(stream: Duplex, asked: Asked): Promise<Connection> {
  const { server, address, login, database, tls, asks, timeout, queryTimeout, begin, signal } = asked;
  const connection = new JudgedConnection({ socket: standing(stream), tls, asks });
  const config = {
    host: address,
    user: login.user,
    password: login.password,
    database,
    application_name: "pgsite",
    connectionTimeoutMillis: timeout,
    scramMaxIterations: mostIterations,
    ...(begin === undefined ? {} : { options: begin }),
    ...(queryTimeout === 0 ? {} : { query_timeout: queryTimeout }),
    ssl: tls ?? false,
    connection,
    types: { getTypeParser: () => asText },
  };
  const client = new pg.Client(config);
  let broken: Error | undefined;
  client.on("error", (error) => {
    broken = error;
  });
  const abort = () => stream.destroy(new Error("stopped on request"));
  signal?.addEventListener("abort", abort, { once: true });
  try {
    await client.connect();
  } catch (error) {
    signal?.removeEventListener("abort", abort);
    stream.destroy();
    const { answered, accepted } = connection;
    throw Object.assign(error as Error, { answered, accepted });
  }
  const oneAtATime = pLimit(1);
  return {
    query: (sql, params) =>
      oneAtATime(async () => {
        if (broken !== undefined) throw new Error(`the session on ${server} broke off: ${broken.message}`);
        const result = await client.query<Row>(sql, params === undefined ? [] : [...params]).catch(fail);
        return result.rows;
      }),
    async end() {
      signal?.removeEventListener("abort", abort);
      await Promise.race([client.end().catch(() => undefined), new Promise((done) => setTimeout(done, 1000).unref())]);
      stream.destroy();
    },
  };
}

/** `pg` connects its stream itself: this one stands already, and is no socket where a program is in between. */
function standing(stream: Duplex): Socket {
  const nothing = () => stream;
  const { setNoDelay = nothing, setKeepAlive = nothing, ref = nothing, unref = nothing } = stream as Partial<Socket>;
  const connect = () => {
    process.nextTick(() => stream.emit("connect"));
    return stream;
  };
  return Object.assign(stream, { setNoDelay, setKeepAlive, ref, unref, connect }) as object as Socket;
}

/** A server's message may quote what anyone wrote. */
function fail(error: Error): never {
  error.message = shownInLine(error.message);
  throw error;
}

function asText(value: string): string {
  return value;
}
