import { constants } from "node:fs";
import * as fs from "node:fs/promises";
import { hostname, userInfo } from "node:os";
import { dirname, join } from "node:path";
import { PassThrough } from "node:stream";
import { execa, type Options } from "execa";
import type { FileStatus, Host, RunningProgram, RunOptions, RunResult, SpawnOptions } from "./host.js";
import { defaultTimeout, HostTimeout, HostUnreachable, maximalOutput } from "./host.js";
import { type OsUser, osUser } from "./users.js";

/**
 * This machine. Where we are root, everything happens as the host's OS user; where we are not, that user must be
 * ourselves.
 */
export class LocalHost implements Host {
  readonly machine = `local:${hostname()}`;

  constructor(
    readonly name: string,
    readonly user: string,
  ) {}

  async run(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    const [program, ...args] = argv as readonly [string, ...string[]];
    const timeout = options.timeout ?? defaultTimeout;
    const result = await execa(program, args, {
      ...(await this.#asUser(options)),
      reject: false,
      timeout,
      stripFinalNewline: false,
      maxBuffer: maximalOutput,
      ...(options.input === undefined ? { stdin: "ignore" as const } : { input: options.input }),
    });
    if (result.timedOut) throw new HostTimeout(this.name, program, timeout);
    if (result.exitCode === undefined && !result.isTerminated) {
      return { code: 127, stdout: "", stderr: `${program} cannot be run: ${result.shortMessage}` };
    }
    return { code: result.exitCode ?? 128, stdout: text(result.stdout), stderr: text(result.stderr) };
  }

  async spawn(argv: readonly string[], options: SpawnOptions = {}): Promise<RunningProgram> {
    const [program, ...args] = argv as readonly [string, ...string[]];
    const child = execa(program, args, {
      ...(await this.#asUser(options)),
      reject: false,
      buffer: { stdout: false, stderr: true },
      stripFinalNewline: false,
      stdin: "pipe",
      stdout: "pipe",
    });
    // A program that ends before it has read everything is told by how it ended.
    child.stdin.on("error", () => undefined);
    return {
      stdin: child.stdin,
      // Held back from the start: execa throws away what nobody has begun to read.
      stdout: child.stdout.pipe(new PassThrough()),
      ended: child.then((result) => ({ code: result.exitCode ?? 128, stderr: text(result.stderr) })),
      kill: () => {
        child.kill();
      },
    };
  }

  async readFile(path: string): Promise<Buffer | undefined> {
    return absentAsUndefined(fs.readFile(path));
  }

  async readBytes(path: string, offset: number, length: number): Promise<Buffer | undefined> {
    const file = await absentAsUndefined(fs.open(path, "r"));
    if (file === undefined) return undefined;
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, offset);
      return buffer.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  }

  async readTail(path: string, length: number): Promise<string | undefined> {
    const status = await this.stat(path);
    if (status === undefined) return undefined;
    const bytes = await this.readBytes(path, Math.max(0, status.size - length), Math.min(length, status.size));
    return bytes?.toString("utf8");
  }

  async writeFile(path: string, content: string | Buffer, options: { readonly mode?: number } = {}): Promise<void> {
    const mode = options.mode ?? 0o600;
    const temporary = join(dirname(path), `.${process.pid}-${Math.random().toString(36).slice(2)}.pgsite-new`);
    const file = await fs.open(temporary, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY, 0o600);
    try {
      await this.#own((uid, gid) => file.chown(uid, gid));
      await file.chmod(mode);
      await file.writeFile(content);
      await file.sync();
      await file.close();
      await fs.rename(temporary, path);
    } catch (error) {
      await file.close().catch(() => undefined);
      await fs.rm(temporary, { force: true });
      throw error;
    }
    await syncDirectory(dirname(path));
  }

  async stat(path: string): Promise<FileStatus | undefined> {
    const status = await absentAsUndefined(fs.stat(path));
    if (status === undefined) return undefined;
    return {
      type: status.isFile() ? "file" : status.isDirectory() ? "directory" : "other",
      size: status.size,
      mode: status.mode & 0o7777,
      owner: await this.#ownerName(status.uid),
      changed: status.ctimeMs,
    };
  }

  async realPath(path: string): Promise<string | undefined> {
    return absentAsUndefined(fs.realpath(path));
  }

  async list(path: string): Promise<readonly string[] | undefined> {
    const names = await absentAsUndefined(fs.readdir(path));
    return names?.sort();
  }

  async makeDirectory(path: string, mode = 0o700): Promise<void> {
    if ((await this.stat(path)) !== undefined) return;
    const parent = dirname(path);
    if (parent !== path) await this.makeDirectory(parent, 0o755);
    await fs.mkdir(path, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") throw error;
    });
    await this.#own((uid, gid) => fs.chown(path, uid, gid));
    await fs.chmod(path, mode);
  }

  async remove(path: string): Promise<void> {
    await fs.rm(path, { recursive: true, force: true });
  }

  async #asUser(options: SpawnOptions): Promise<Options> {
    const user = await this.#identity();
    return {
      extendEnv: false,
      cwd: options.cwd ?? "/",
      env: {
        PATH: process.env.PATH ?? "/usr/bin:/bin",
        HOME: user.home,
        USER: user.name,
        LOGNAME: user.name,
        LC_ALL: "C",
        ...options.env,
      },
      ...(options.signal === undefined ? {} : { cancelSignal: options.signal }),
      ...(process.getuid?.() === 0 && user.uid !== 0 ? { uid: user.uid, gid: user.gid } : {}),
    };
  }

  /** Calls `act` with the owner that a new file needs, where it is not ours by itself. */
  async #own(act: (uid: number, gid: number) => Promise<void>): Promise<void> {
    const user = await this.#identity();
    if (process.getuid?.() === 0 && user.uid !== 0) await act(user.uid, user.gid);
  }

  async #identity(): Promise<OsUser> {
    const me = userInfo();
    // Where root goes by another name, that name is refused below.
    const itself = me.uid !== 0 || me.username === "root";
    if (me.username === this.user && itself) return { name: me.username, uid: me.uid, gid: me.gid, home: me.homedir };
    if (me.uid !== 0) {
      throw new HostUnreachable(
        this.name,
        `its OS user is ${this.user} and we are ${me.username}: run as ${this.user} or as root`,
      );
    }
    return osUser(this.user);
  }

  async #ownerName(uid: number): Promise<string> {
    const user = await this.#identity();
    if (user.uid === uid) return user.name;
    return uid === 0 ? "root" : `${uid}`;
  }
}

function text(output: unknown): string {
  return typeof output === "string" ? output : "";
}

async function absentAsUndefined<T>(promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw error;
  }
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await fs.open(path, "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
