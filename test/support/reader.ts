import pg from "pg";
import { until } from "./processes.js";

/** A client that asks one server again and again, each time over a connection that stood before, else a new one. */
export class Reader {
  answers = 0;
  /** From the first question that got no answer to the next that did, in milliseconds; 0 where each got one. */
  longestInterruption = 0;
  #failing = 0;
  #stopped = false;
  readonly #done: Promise<void>;

  private constructor(
    private readonly place: { readonly address: string; readonly port: number },
    private readonly login: { readonly user: string; readonly password: string },
  ) {
    this.#done = this.#run();
  }

  static async start(
    place: { readonly address: string; readonly port: number },
    login: { readonly user: string; readonly password: string },
  ): Promise<Reader> {
    const reader = new Reader(place, login);
    await until("an answer", () => reader.answers > 0, 30);
    return reader;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#done;
  }

  async #run(): Promise<void> {
    const { address: host, port } = this.place;
    while (!this.#stopped) {
      const client = new pg.Client({ host, port, database: "postgres", ...this.login, connectionTimeoutMillis: 2000 });
      client.on("error", () => undefined);
      try {
        await client.connect();
        while (!this.#stopped) {
          await client.query("select 1");
          this.#answered();
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
      } catch {
        if (this.#failing === 0) this.#failing = Date.now();
        await new Promise((resolve) => setTimeout(resolve, 20));
      } finally {
        await client.end().catch(() => undefined);
      }
    }
  }

  #answered(): void {
    this.answers++;
    if (this.#failing === 0) return;
    this.longestInterruption = Math.max(this.longestInterruption, Date.now() - this.#failing);
    this.#failing = 0;
  }
}
