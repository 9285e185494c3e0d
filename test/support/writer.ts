import pg from "pg";
import { until } from "./processes.js";

const insert = "insert into written values ($1) returning pg_current_wal_insert_lsn()::text as lsn";

/** Somewhere that may take writes. */
interface Place {
  readonly address: string;
  readonly port: number;
}

/**
 * A client that writes one row after the other to whichever server takes them, and remembers what was acknowledged. It goes on
 * through switchovers until it is stopped, as a client with a multi-host connection string does.
 */
export class Writer {
  /** Numbers of the rows whose commit was acknowledged. */
  readonly acknowledged: number[] = [];
  /** By number, of 10 and later: how far the WAL was when the row stood in it and was not committed yet. */
  readonly positions = new Map<number, string>();
  /** Of the time between two acknowledged commits, in milliseconds. */
  longestGap = 0;
  #stopped = false;
  #last = 0;
  readonly #done: Promise<void>;

  private constructor(
    private readonly places: readonly Place[],
    private readonly login: { readonly user: string; readonly password: string },
  ) {
    this.#done = this.#run();
  }

  /** Makes the table on the server that takes writes, and begins. */
  static async start(places: readonly Place[], login: { user: string; password: string }): Promise<Writer> {
    const writer = new Writer(places, login);
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
        await client.query("create table if not exists written (number int)");
        while (!this.#stopped) {
          // Of a row whose acknowledgement is lost nobody knows; its number is not used again.
          number++;
          const { rows } = await client.query<{ lsn: string }>(insert, [number]);
          this.positions.set(number, rows[0]?.lsn ?? "");
          this.#note(number);
        }
      } catch {
        // The server went away, or became a standby.
      } finally {
        await client.end().catch(() => undefined);
      }
    }
  }

  #note(number: number): void {
    const now = Date.now();
    if (this.#last > 0) this.longestGap = Math.max(this.longestGap, now - this.#last);
    this.#last = now;
    this.acknowledged.push(number);
  }

  async #connect(): Promise<pg.Client | undefined> {
    for (const { address: host, port } of this.places) {
      const client = new pg.Client({ host, port, database: "postgres", ...this.login, connectionTimeoutMillis: 2000 });
      client.on("error", () => undefined);
      try {
        await client.connect();
        const { rows } = await client.query<{ recovery: boolean }>("select pg_is_in_recovery() as recovery");
        if (rows[0]?.recovery === false) return client;
      } catch {
        // Not this one.
      }
      await client.end().catch(() => undefined);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
    return undefined;
  }
}
