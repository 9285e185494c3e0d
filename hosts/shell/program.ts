import { randomBytes } from "node:crypto";
import { PassThrough, pipeline } from "node:stream";
import { maximalError, type RunningProgram, type SpawnOptions } from "../host.js";
import { exportLine, quote, quoteAll } from "../quote.js";
import { Tail } from "../tail.js";
import { whenOver } from "./over.js";
import type { Session } from "./session.js";
import type { Transport } from "./transport.js";

/** Milliseconds for a channel over a connection that is there. */
const startDeadline = 15_000;
/** Milliseconds between asking a program to end, and ending it. */
const grace = 5_000;
/** The exit code of what a SIGTERM ended. */
const terminated = 128 + 15;

/**
 * Runs a program on a channel of its own. Its standard error comes between two lines of ours, the first with its process
 * id, the last with its exit code: where the last is missing, the connection was cut, whatever the channel's own exit code says.
 * The session ends it when we ask for that, and when we are gone. @throws HostUnreachable
 */
export async function startProgram(
  transport: Transport,
  session: Session,
  argv: readonly string[],
  { env = {}, cwd = "/", signal }: SpawnOptions = {},
): Promise<RunningProgram> {
  const token = randomBytes(16).toString("hex");
  const child = transport.start();
  child.stdin.on("error", () => undefined);
  child.stdin.write(`${requestFor(token, argv, env, cwd)}\n`);
  const said = new Said(token);
  // Held from the start: Node throws away what nobody has begun to read when a program ends.
  const stdout = pipeline(child.stdout, new PassThrough(), () => undefined);
  child.stderr.setEncoding("utf8").on("data", (text: string) => said.push(text));
  child.once("error", (error) => said.push(error.message));
  const over = whenOver(child);

  let killed = false;
  const kill = () => {
    if (killed) return;
    killed = true;
    const { pid } = said;
    if (pid === undefined || session.isOver) return void child.kill();
    session.tell(`kill ${pid} 2>/dev/null`);
    const timer = setTimeout(() => {
      session.tell(`kill -KILL ${pid} 2>/dev/null`);
      child.kill();
    }, grace);
    over.then(() => clearTimeout(timer));
  };

  let late = false;
  const deadline = setTimeout(() => {
    late = true;
    child.kill();
  }, startDeadline);
  await Promise.race([said.started, over]);
  clearTimeout(deadline);
  if (said.pid === undefined && said.code === undefined) {
    throw late ? transport.slow(startDeadline) : transport.unreachable(said.text);
  }
  session.tell(`track ${said.pid ?? ""}`);
  if (signal?.aborted === true) kill();
  signal?.addEventListener("abort", kill, { once: true });

  const ended = over.then((status) => {
    signal?.removeEventListener("abort", kill);
    session.tell(`untrack ${said.pid ?? ""}`);
    const own = status === undefined || transport.isCut(status) ? undefined : status;
    const code = said.code ?? (killed ? terminated : own);
    if (code === undefined) throw transport.unreachable(said.text);
    return { code, stderr: said.text };
  });
  // Whoever waits for the end is told of a cut connection; nobody has to wait for it.
  ended.catch(() => undefined);
  return { stdin: child.stdin, stdout, ended, kill };
}

/** One line: what the channel's shell does, whose standard input is from there on the program's. */
function requestFor(
  token: string,
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
  cwd: string,
): string {
  const exports = Object.entries(env).map(([name, value]) => `${exportLine(name, value)}; `);
  const announce = `printf "%s start %s\\n" ${token} "$$" >&2; exec "$@"`;
  const run = `${exports.join("")}/bin/sh -c ${quoteAll([announce, "sh", ...argv])}; code=$?`;
  return `if cd ${quote(cwd)}; then ${run}; else code=127; fi; printf "\\n%s end %s\\n" ${token} "$code" >&2; exit "$code"`;
}

/** A channel's standard error: its client's own words, a line of ours, the program's words, a line of ours. */
class Said {
  readonly #all = new Tail(maximalError);
  #onStart: () => void = () => undefined;
  readonly started = new Promise<void>((resolve) => {
    this.#onStart = resolve;
  });
  readonly #start: RegExp;
  readonly #end: RegExp;

  constructor(token: string) {
    this.#start = new RegExp(`${token} start (\\d+)\\n`);
    this.#end = new RegExp(`\\n${token} end (\\d+)\\n`);
  }

  /** The program's process id on the host; undefined until it runs, and where its folder is missing. */
  pid: number | undefined;

  push(text: string): void {
    this.#all.push(text);
    if (this.pid !== undefined) return;
    const found = this.#start.exec(this.#all.kept);
    if (found !== null) {
      this.pid = Number(found[1]);
      this.#all.drop(found.index + found[0].length);
    }
    if (found !== null || this.code !== undefined) this.#onStart();
  }

  /** Its exit code, where it came through. */
  get code(): number | undefined {
    const code = this.#end.exec(this.#all.kept)?.[1];
    return code === undefined ? undefined : Number(code);
  }

  /** What the program said, or as long as it does not run, the channel's client and the shell. */
  get text(): string {
    return this.#all.text.replace(this.#end, "");
  }
}
