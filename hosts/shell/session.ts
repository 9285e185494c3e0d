import { randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import { HostTimeout, HostUnreachable, maximalError, maximalFile, NotThatUser, TooLong } from "../host.js";
import { rootByAnotherName } from "../root.js";
import { type Frame, Frames } from "./frames.js";
import { whenOver } from "./over.js";
import { pingSeconds, sessionScript } from "./script.js";
import type { Transport } from "./transport.js";

/** What a request brought. */
export interface Answer {
  readonly code: number;
  readonly stdout: Buffer;
  readonly stderr: string;
}

interface Pending {
  readonly what: string;
  /** What its answer may hold, in bytes. */
  readonly limit: number;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

/** What an answer may hold, in bytes: a file, and what tells that it is longer. */
const defaultLimit = maximalFile + 1024;

/**
 * A shell of the OS user's on the host that lives as long as we need it: what is small and frequent (stat, a file's content, a
 * list of names) costs a round trip instead of a channel. Requests are answered in order, and sent without waiting.
 * It ends with our process, and takes with it what was started through `track`.
 */
export class Session {
  readonly #child: ReturnType<Transport["start"]>;
  readonly #pending: Pending[] = [];
  readonly #stdout: Frames;
  readonly #stderr: Frames;
  readonly #answers: Frame[] = [];
  readonly #errors: Frame[] = [];
  readonly #ping: NodeJS.Timeout;
  #over: Error | undefined;

  private constructor(
    private readonly transport: Transport,
    token: string,
  ) {
    this.#child = transport.start();
    // One stream may be a frame ahead of the other: each is at the request that it has not answered yet.
    const limit = () => this.#pending[this.#answers.length]?.limit ?? defaultLimit;
    this.#stdout = new Frames(
      token,
      limit,
      (frame) => this.#take(this.#answers, frame),
      () => this.#tooLong(this.#answers, limit()),
    );
    this.#stderr = new Frames(
      token,
      () => maximalError,
      (frame) => this.#take(this.#errors, frame),
      () => this.#tooLong(this.#errors, maximalError),
    );
    this.#child.stdout.on("data", (chunk: Buffer) => this.#stdout.push(chunk));
    this.#child.stderr.on("data", (chunk: Buffer) => this.#stderr.push(chunk));
    this.#child.stdin.on("error", () => undefined);
    this.#child.once("error", (error) => this.#stderr.push(Buffer.from(error.message)));
    whenOver(this.#child).then(() => this.#end(transport.unreachable(this.#stderr.rest().toString("utf8"))));
    this.#ping = setInterval(() => this.tell("ping"), pingSeconds * 1000).unref();
  }

  /** @param within milliseconds @throws HostUnreachable */
  static async open(transport: Transport, within: number): Promise<Session> {
    const token = randomBytes(16).toString("hex");
    const session = new Session(transport, token);
    const greeting = session.#answer("the login", within);
    session.tell(sessionScript(token));
    try {
      session.#check(token, await greeting);
    } catch (error) {
      session.close();
      if (error instanceof HostTimeout) throw transport.slow(within);
      throw error;
    }
    return session;
  }

  get isOver(): boolean {
    return this.#over !== undefined;
  }

  /**
   * What a line of shell prints, and its exit code. It reads nothing, and may neither end the shell nor change it.
   * @param what it does, for messages @param limit of its answer, in bytes
   * @throws HostUnreachable @throws HostTimeout @throws TooLong; then the session is over
   */
  ask(line: string, what: string, timeout: number, limit = defaultLimit): Promise<Answer> {
    const answer = this.#answer(what, timeout, limit);
    this.tell(`{ ${line}; } </dev/null; frame $?`);
    return answer;
  }

  /** Has a line of shell done of which nothing is to be known. */
  tell(line: string): void {
    if (this.#over === undefined) this.#child.stdin.write(`${line}\n`);
  }

  close(): void {
    this.#end(new HostUnreachable(this.transport.name, "the connection was closed by us"));
  }

  #answer(what: string, timeout: number, limit = defaultLimit): Promise<Answer> {
    if (this.#over !== undefined) return Promise.reject(this.#over);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#end(new HostTimeout(this.transport.name, what, timeout)), timeout);
      this.#pending.push({ what, limit, resolve, reject, timer });
      this.#hold();
    });
  }

  /** Both streams end every answer; which of them comes first is chance. */
  #take(frames: Frame[], frame: Frame): void {
    frames.push(frame);
    if (frames.length > this.#pending.length) {
      this.#end(new HostUnreachable(this.transport.name, "its shell answers what nobody asked"));
      return;
    }
    const [answer, errors] = [this.#answers[0], this.#errors[0]];
    if (answer === undefined || errors === undefined) return;
    this.#answers.shift();
    this.#errors.shift();
    const pending = this.#pending.shift();
    if (pending === undefined) return;
    clearTimeout(pending.timer);
    this.#hold();
    pending.resolve({ code: answer.code, stdout: answer.body, stderr: errors.body.toString("utf8") });
  }

  #check(token: string, { stdout }: Answer): void {
    const text = stdout.toString("utf8");
    const [noise = "", said = ""] = text.split(`hello ${token} `).map((part) => part.trim());
    const [, uid, user] = /^(\d+) (.*)$/.exec(said) ?? [];
    if (noise !== "") {
      throw new HostUnreachable(
        this.transport.name,
        `its login shell prints on standard output (${JSON.stringify(noise.slice(0, 40))}), which breaks every program that uses ssh: have its start files (.bashrc) print nothing where no terminal is`,
      );
    }
    if (this.transport.user !== "" && user !== this.transport.user) {
      throw new NotThatUser(
        this.transport.name,
        `we are ${user} there, and its OS user is ${this.transport.user}: ${this.transport.becoming}`,
        "refused",
      );
    }
    if (uid === "0" && !["", "root"].includes(this.transport.user)) {
      throw new HostUnreachable(this.transport.name, rootByAnotherName(`its OS user ${this.transport.user}`));
    }
  }

  #tooLong(frames: readonly Frame[], limit: number): void {
    this.#end(new TooLong(this.transport.name, this.#pending[frames.length]?.what ?? "its shell", limit));
  }

  #end(error: Error): void {
    if (this.#over !== undefined) return;
    this.#over = error;
    clearInterval(this.#ping);
    this.#child.stdin.destroy();
    this.#child.kill();
    for (const { reject, timer } of this.#pending.splice(0)) {
      clearTimeout(timer);
      reject(error);
    }
  }

  /** Keeps our process alive while it waits for an answer, and only then. */
  #hold(): void {
    const { stdin, stdout, stderr } = this.#child;
    const act = this.#pending.length > 0 ? "ref" : "unref";
    for (const held of [this.#child, stdin as Socket, stdout as Socket, stderr as Socket]) held[act]();
  }
}
