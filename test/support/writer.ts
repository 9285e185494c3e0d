import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { until } from "./processes.js";

/** From 10 on the functions of the WAL have its name. @param version server_version_num */
const insertAt = (version: number) =>
  `insert into written values ($1) returning ${version < 100_000 ? "pg_current_xlog_insert_location()" : "pg_current_wal_insert_lsn()"}::text as lsn`;

/** 9.0 has no `if not exists`. */
const madeAlready = "42P07";

/** Somewhere that may take writes. */
interface Place {
  readonly address: string;
  readonly port: number;
}

export interface WriterOptions {
  /** How long it waits for an answer, in milliseconds. @default for ever */
  readonly patience?: number;
  /** Milliseconds between two rows. @default none */
  readonly pause?: number;
  /** @default postgres */
  readonly database?: string;
}

/** How a writer comes in. */
export interface WriterLogin {
  readonly user: string;
  readonly password: string;
  /** Encrypted, by whatever certificate. @default false */
  readonly tls?: boolean;
}

/**
 * A client that writes one row after the other to whichever server takes them, and remembers what was acknowledged. It goes on
 * through switchovers until it is stopped, as a client with a multi-host connection string does.
 */
export class Writer {
  /** Numbers of the rows whose commit was acknowledged. */
  readonly acknowledged: number[] = [];
  /** By number: how far the WAL was when the row stood in it and was not committed yet. */
  readonly positions = new Map<number, string>();
  /** Of the time between two acknowledged commits, in milliseconds. */
  longestGap = 0;
  /** Sum of the times between two acknowledged commits that were longer than a second, in milliseconds. */
  withoutWrites = 0;
  #stopped = false;
  #last = 0;
  readonly #done: Promise<void>;

  private constructor(
    private readonly places: readonly Place[],
    private readonly logins: () => readonly WriterLogin[],
    private readonly options: WriterOptions,
  ) {
    this.#done = this.#run();
  }

  /** Makes the table on the server that takes writes, and begins. */
  static async start(
    places: readonly Place[],
    /** Where there are several, the first that is let in. */
    login: WriterLogin | (() => readonly WriterLogin[]),
    options: WriterOptions = {},
  ): Promise<Writer> {
    const writer = new Writer(places, typeof login === "function" ? login : () => [login], options);
    await writer.until(1);
    return writer;
  }

  /** Waits until so many more rows were acknowledged. */
  async until(more: number): Promise<void> {
    const wanted = this.acknowledged.length + more;
    await until(`${more} more rows acknowledged`, () => this.acknowledged.length >= wanted, 30);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#done;
  }

  async #run(): Promise<void> {
    let number = 0;
    while (!this.#stopped) {
      const client = await this.#connect();
      if (client === undefined) continue;
      try {
        await client.query("create table written (number int)").catch((error: { code?: string }) => {
          if (error.code !== madeAlready) throw error;
        });
        const asked = await client.query<{ server_version_num: string }>("show server_version_num");
        const insert = insertAt(Number(asked.rows[0]?.server_version_num));
        while (!this.#stopped) {
          // Of a row whose acknowledgement is lost nobody knows; its number is not used again.
          number++;
          const { rows } = await client.query<{ lsn: string }>(insert, [number]);
          this.positions.set(number, rows[0]?.lsn ?? "");
          this.#note(number);
          if (this.options.pause) await sleep(this.options.pause);
        }
      } catch {
        // The server went away, or became a standby.
      } finally {
        await leave(client);
      }
    }
  }

  #note(number: number): void {
    const now = Date.now();
    const gap = this.#last > 0 ? now - this.#last : 0;
    this.longestGap = Math.max(this.longestGap, gap);
    if (gap > 1000) this.withoutWrites += gap;
    this.#last = now;
    this.acknowledged.push(number);
  }

  async #connect(): Promise<pg.Client | undefined> {
    const { patience, database = "postgres" } = this.options;
    for (const { address: host, port } of this.places) {
      for (const { tls = false, ...login } of this.logins()) {
        const client = new pg.Client({
          ...{ host, port, database, ...login, ssl: tls && { rejectUnauthorized: false } },
          ...{ connectionTimeoutMillis: 2000, ...(patience === undefined ? {} : { query_timeout: patience }) },
        });
        client.on("error", () => undefined);
        try {
          await client.connect();
          const { rows } = await client.query<{ recovery: boolean }>("select pg_is_in_recovery() as recovery");
          if (rows[0]?.recovery === false) return client;
        } catch {
          // Not this one.
        }
        await leave(client);
      }
    }
    await sleep(20);
    return undefined;
  }
}

/** A server that does not answer does not say goodbye either. */
async function leave(client: pg.Client): Promise<void> {
  await Promise.race([client.end().catch(() => undefined), sleep(1000)]);
}
