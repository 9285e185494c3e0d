import type { Socket } from "node:net";
import type { ConnectionOptions } from "node:tls";
import pg from "pg";
import type { Asks } from "../../postgres/files/hba/index.js";

/** The other end asked for what it shall not get, or proved nothing. It got no answer. */
export class Unproven extends Error {
  constructor(readonly asked: Asks | "half") {
    super(`unproven: ${asked}`);
    this.name = "Unproven";
  }
}

export interface Judged {
  readonly socket: Socket;
  readonly tls: ConnectionOptions | undefined;
  /** How the server may ask for a proof. A password goes out in clear within TLS alone. */
  readonly asks: readonly Asks[];
}

/** Messages by which a server asks, and what is asked by each. */
const questions: Readonly<Record<string, Asks>> = {
  authenticationCleartextPassword: "password",
  authenticationMD5Password: "md5",
  authenticationSASL: "scram-sha-256",
};

/** Those after which the server has all that it asked for. */
const lastQuestions: ReadonlySet<string> = new Set([
  ...["authenticationCleartextPassword", "authenticationMD5Password", "authenticationSASLContinue"],
]);

/**
 * A connection of `pg` that judges each message before `pg`, which answers whatever it is asked and takes any end of that
 * for a success, hears of it. After an objection nothing passes any more.
 */
export class JudgedConnection extends pg.Connection {
  readonly #asks: readonly Asks[];
  #asked: Asks = "none";
  #proven = false;
  #accepted = false;
  #answered = false;
  #admitted = false;
  #failed = false;

  constructor({ socket, tls, asks }: Judged) {
    // Types say that a connection is told where to go; it is told by connect().
    const options: object = { stream: socket, ssl: tls ?? false, keepAlive: true };
    super(options);
    this.#asks = asks.filter((one) => one !== "password" || tls !== undefined);
  }

  /** Whether the server has the whole answer to what it asked: it says that it accepts it once a session stands, or fails. */
  get answered(): boolean {
    return this.#answered;
  }

  /** Whether the server has accepted the login. */
  get accepted(): boolean {
    return this.#admitted;
  }

  override emit(event: string | symbol, ...given: readonly unknown[]): boolean {
    if (event === "error") this.#failed = true;
    else if (this.#failed && event !== "end") return false;
    const objection = this.#judge(`${String(event)}`);
    if (objection !== undefined) {
      this.#failed = true;
      return super.emit("error", new Unproven(objection));
    }
    if (event === "authenticationOk") this.#admitted = true;
    const heard = super.emit(event, ...given);
    if (lastQuestions.has(`${String(event)}`)) this.#answered = true;
    // By now `pg` has compared the server's signature, and failed where it is another.
    if (event === "authenticationSASLFinal" && !this.#failed) this.#proven = true;
    return heard;
  }

  #judge(event: string): Asks | "half" | undefined {
    const question = questions[event];
    if (question !== undefined) {
      if (this.#asked !== "none" || this.#accepted) return "half";
      this.#asked = question;
      return question === "scram-sha-256" || this.#asks.includes(question) ? undefined : question;
    }
    if (event === "authenticationOk") {
      this.#accepted = true;
      if (this.#asked === "none") return this.#asks.includes("none") ? undefined : "none";
      return this.#asked === "scram-sha-256" && !this.#proven ? "half" : undefined;
    }
    return event === "readyForQuery" && !this.#accepted ? "half" : undefined;
  }
}
