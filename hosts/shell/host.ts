import { randomBytes } from "node:crypto";
import { dirname, join } from "node:path";
import pLimit, { type LimitFunction } from "p-limit";
import {
  defaultTimeout,
  type FileStatus,
  type Host,
  HostError,
  maximalFile,
  maximalOutput,
  NotAFile,
  type ReadFile,
  type RunningProgram,
  type RunOptions,
  type RunResult,
  type SpawnOptions,
  TooLong,
} from "../host.js";
import { temporaryEnding } from "../temporary.js";
import { toEnd } from "../toEnd.js";
import {
  files,
  noFile,
  notHere,
  parseStatus,
  removingFile,
  unlessAbsent,
  writingScript,
  writingSmall,
} from "./files.js";
import { startProgram } from "./program.js";
import type { Answer } from "./session.js";
import { sessionOf } from "./sessions.js";
import { ConnectionCut, type Transport } from "./transport.js";

/** Milliseconds for a whole tree's removal, and for a file's way over a slow line. */
const removalTimeout = 30 * 60_000;
const writingTimeout = 5 * 60_000;

/**
 * Programs that run to their end at one time on one machine. sshd allows 10 channels a connection (MaxSessions); what goes
 * beyond takes connections of its own, and of many that come at once it drops some (MaxStartups).
 */
const atOnce = 6;
const turns = new Map<string, LimitFunction>();

function turnsAt(machine: string): LimitFunction {
  const known = turns.get(machine) ?? pLimit(atOnce);
  turns.set(machine, known);
  return known;
}

/**
 * A machine on which we get a shell. Programs run on a channel each; what is small and frequent goes through one shell of
 * the OS user's that our process keeps there. It needs a POSIX shell, coreutils and find on the host, and nothing of ours.
 */
export class ShellHost implements Host {
  readonly near = false;
  readonly name: string;
  readonly user: string;
  readonly machine: string;

  constructor(private readonly transport: Transport) {
    this.name = transport.name;
    this.user = transport.user;
    this.machine = transport.machine;
  }

  run(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    return turnsAt(this.machine)(async () =>
      toEnd(this.name, argv[0] as string, await this.spawn(argv, options), options),
    );
  }

  async spawn(argv: readonly string[], options: SpawnOptions = {}): Promise<RunningProgram> {
    // A connection that was lost meanwhile is found out and made anew here, so that nothing is ever run twice.
    await this.#answer(":", "an answer");
    return startProgram(this.transport, await sessionOf(this.transport), argv, options);
  }

  async readFile(path: string): Promise<Buffer | undefined> {
    return this.#whole(await this.#read(files.read(path), path), `reading ${path}`);
  }

  async readWithStatus(path: string): Promise<ReadFile | undefined> {
    const [status, content] = await Promise.all([this.stat(path), this.readFile(path)]);
    return status === undefined || content === undefined ? undefined : { status, content };
  }

  async readBytes(path: string, offset: number, length: number): Promise<Buffer | undefined> {
    if (length > maximalOutput) throw new TooLong(this.name, `reading ${path}`, maximalOutput);
    return this.#read(files.readBytes(path, offset, length), path, length);
  }

  async readTail(path: string, length: number): Promise<string | undefined> {
    return (await this.#read(files.readTail(path, length), path))?.toString("utf8");
  }

  async stat(path: string): Promise<FileStatus | undefined> {
    const line = await this.#ask(files.stat(path), "looking at", path);
    return line === undefined ? undefined : parseStatus(line.toString("utf8"));
  }

  async realPath(path: string): Promise<string | undefined> {
    return (await this.#ask(files.realPath(path), "following", path))?.toString("utf8").replace(/\n$/, "");
  }

  async list(path: string): Promise<readonly string[] | undefined> {
    const names = this.#whole(await this.#ask(files.list(path), "listing", path), `listing ${path}`);
    return names?.toString("utf8").split("\0").slice(0, -1).sort();
  }

  async makeDirectory(path: string, mode = 0o700): Promise<void> {
    const made = await this.#ask(files.makeDirectory(path, mode), "making", path);
    if (made === undefined) throw new HostError(`making ${path} on ${this.name}: a part of its path is no folder`);
  }

  async writeFile(path: string, content: string | Buffer, { mode = 0o600 } = {}): Promise<void> {
    const bytes = Buffer.from(content);
    const temporary = join(dirname(path), `.${randomBytes(8).toString("hex")}${temporaryEnding}`);
    if (await this.#did(writingSmall(path, temporary, bytes, mode), "writing", path)) return;
    const script = `nl='\n'; ${writingScript(path, temporary, bytes.length, mode)}`;
    await this.#must(["sh", "-c", script], "writing", path, { input: bytes, timeout: writingTimeout });
  }

  async remove(path: string): Promise<void> {
    if (await this.#did(removingFile(path), "removing", path)) return;
    await this.#must(["rm", "-rf", "--", path], "removing", path, { timeout: removalTimeout });
  }

  /** What a file holds, of which something is asked that may be so long. */
  async #read(line: string, path: string, length = maximalFile): Promise<Buffer | undefined> {
    const what = `reading ${path}`;
    const answer = await this.#answer(line, what, length + 1024);
    if (answer.code === noFile) throw new NotAFile(this.name, path, kindOf(answer.stdout.toString("utf8")));
    return unlessAbsent(answer, `${what} on ${this.name}`);
  }

  #whole(content: Buffer | undefined, what: string): Buffer | undefined {
    if (content !== undefined && content.length > maximalFile) throw new TooLong(this.name, what, maximalFile);
    return content;
  }

  /** Whether the session's shell did it; false where it leaves that to a program. @throws where it failed */
  async #did(line: string | undefined, act: string, path: string): Promise<boolean> {
    if (line === undefined) return false;
    const { code, stderr } = await this.#answer(line, `${act} ${path}`);
    if (code === notHere) return false;
    if (code !== 0) throw new HostError(`${act} ${path} on ${this.name}: ${stderr.trim() || `exit code ${code}`}`);
    return true;
  }

  async #must(argv: readonly string[], act: string, path: string, options: RunOptions): Promise<void> {
    const { code, stderr } = await this.run(argv, options);
    if (code !== 0) throw new HostError(`${act} ${path} on ${this.name}: ${stderr.trim() || `exit code ${code}`}`);
  }

  async #ask(line: string, act: string, path: string): Promise<Buffer | undefined> {
    const what = `${act} ${path}`;
    return unlessAbsent(await this.#answer(line, what), `${what} on ${this.name}`);
  }

  /** A host may have been switched off and on since it was last asked; what is asked may be asked twice. */
  async #answer(line: string, what: string, limit?: number): Promise<Answer> {
    try {
      return await (await sessionOf(this.transport)).ask(line, what, defaultTimeout, limit);
    } catch (error) {
      if (!(error instanceof ConnectionCut)) throw error;
      return (await sessionOf(this.transport)).ask(line, what, defaultTimeout, limit);
    }
  }
}

/** Of what stat prints. */
function kindOf(word: string): string {
  return word.trim().replace("fifo", "FIFO").replace(" special file", " device");
}
