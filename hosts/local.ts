import { constants, type Stats } from "node:fs";
import * as fs from "node:fs/promises";
import { hostname, type UserInfo, userInfo } from "node:os";
import { dirname, join } from "node:path";
import { PassThrough } from "node:stream";
import { execa, type Options } from "execa";
import type { FileStatus, Host, ReadFile, RunningProgram, RunOptions, RunResult, SpawnOptions } from "./host.js";
import { maximalError, maximalOutput, NotThatUser, TooLong } from "./host.js";
import { localUser } from "./localUser.js";
import { absentAsUndefined, type Held, holding, kindOf, laidInFolderOf, listHeld, readHeld, within } from "./opened.js";
import { ShellHost } from "./shell/host.js";
import { Tail } from "./tail.js";
import { temporaryEnding } from "./temporary.js";
import { toEnd } from "./toEnd.js";
import { type OsUser, osUser } from "./users.js";

/** Who we are: it takes the password database, and does not change while we run. */
let me: UserInfo<string> | undefined;

/** What the owner may do with something, in its mode. */
const [mayRead, mayEnter] = [0o400, 0o100];

/**
 * This machine. Where we are root, everything happens as the host's OS user; where we are not, that user must be
 * ourselves.
 *
 * Another user's folders are full of what that user likes: links, FIFOs, and other ones a moment later. So root acts there
 * as that user, through a shell of that user's (`ShellHost`, as on any other machine). Previews read much and cannot wait
 * for a shell each time: what is held (`opened.ts`) and found to belong to that user, who may read it, root reads itself,
 * as it does a file of its own that lies there; and it looks at what stands somewhere, which changes nothing. All else is
 * the shell's.
 */
export class LocalHost implements Host {
  readonly machine = `local:${hostname()}`;
  readonly near = true;
  #shell: ShellHost | undefined;

  constructor(
    readonly name: string,
    readonly user: string,
  ) {}

  async run(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    return toEnd(this.name, argv[0] as string, await this.spawn(argv, options), options);
  }

  async spawn(argv: readonly string[], options: SpawnOptions = {}): Promise<RunningProgram> {
    const [program, ...args] = argv as readonly [string, ...string[]];
    const child = execa(program, args, {
      ...(await this.#asUser(options)),
      reject: false,
      buffer: false,
      stripFinalNewline: false,
      stdin: "pipe",
      stdout: "pipe",
    });
    const said = new Tail(maximalError);
    child.stderr?.setEncoding("utf8").on("data", (part: string) => said.push(part));
    // A program that ends before it has read everything is told by how it ended.
    child.stdin.on("error", () => undefined);
    return {
      stdin: child.stdin,
      // Held back from the start: execa throws away what nobody has begun to read.
      stdout: child.stdout.pipe(new PassThrough()),
      ended: child.then(({ exitCode, isTerminated, shortMessage }) =>
        exitCode === undefined && !isTerminated
          ? { code: 127, stderr: `${program} cannot be run: ${shortMessage}` }
          : { code: exitCode ?? 128, stderr: said.text },
      ),
      kill: () => {
        child.kill();
      },
    };
  }

  async readFile(path: string): Promise<Buffer | undefined> {
    const read = (held: Held) => readHeld(held, { host: this.name, path });
    return this.#reading("reading", path, read, (other) => other.readFile(path));
  }

  async readWithStatus(path: string): Promise<ReadFile | undefined> {
    const read = async (held: Held) => {
      const content = await readHeld(held, { host: this.name, path });
      return { status: await this.#statusOf(held.status), content };
    };
    return this.#reading("reading", path, read, (other) => other.readWithStatus(path));
  }

  async readBytes(path: string, offset: number, length: number): Promise<Buffer | undefined> {
    if (length > maximalOutput) throw new TooLong(this.name, `reading ${path}`, maximalOutput);
    const read = (held: Held) => readHeld(held, { host: this.name, path, offset, length });
    return this.#reading("reading", path, read, (other) => other.readBytes(path, offset, length));
  }

  async readTail(path: string, length: number): Promise<string | undefined> {
    const read = async (held: Held) =>
      (await readHeld(held, { host: this.name, path, offset: "tail", length })).toString("utf8");
    return this.#reading("reading", path, read, (other) => other.readTail(path, length));
  }

  async writeFile(path: string, content: string | Buffer, options: { readonly mode?: number } = {}): Promise<void> {
    const other = await this.#other();
    if (other !== undefined) return other.writeFile(path, content, options);
    const temporary = join(dirname(path), `.${process.pid}-${Math.random().toString(36).slice(2)}${temporaryEnding}`);
    const file = await fs.open(temporary, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY, 0o600);
    try {
      await file.chmod(options.mode ?? 0o600);
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
    const status = await within(this.name, `looking at ${path}`, absentAsUndefined(fs.stat(path)));
    const user = await this.#otherUser();
    if (user !== undefined && status?.uid !== user.uid && !(status === undefined && (await isAbsent(path, user)))) {
      return this.#as(user).stat(path);
    }
    return status === undefined ? undefined : this.#statusOf(status);
  }

  async realPath(path: string): Promise<string | undefined> {
    return within(this.name, `following ${path}`, absentAsUndefined(fs.realpath(path)));
  }

  async list(path: string): Promise<readonly string[] | undefined> {
    const list = (held: Held) => listHeld(held, { host: this.name, path });
    return this.#reading("listing", path, list, (other) => other.list(path));
  }

  async makeDirectory(path: string, mode = 0o700): Promise<void> {
    const there = await this.stat(path);
    if (there?.type === "directory") return;
    const other = await this.#other();
    if (other !== undefined) return other.makeDirectory(path, mode);
    const parent = dirname(path);
    if (parent !== path) await this.makeDirectory(parent, 0o755);
    try {
      await fs.mkdir(path, { mode: 0o700 });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST" || (await this.stat(path))?.type !== "directory")
        throw error;
      return;
    }
    const made = await fs.open(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
    try {
      await made.chmod(mode);
    } finally {
      await made.close();
    }
  }

  async remove(path: string): Promise<void> {
    const other = await this.#other();
    if (other !== undefined) return other.remove(path);
    await fs.rm(path, { recursive: true, force: true });
  }

  /** Reads what is held at a path where it is ours or the other user's own; else has the shell of that user read it. */
  async #reading<T>(
    act: string,
    path: string,
    read: (held: Held) => Promise<T>,
    asUser: (other: Host) => Promise<T>,
  ): Promise<T | undefined> {
    const user = await this.#otherUser();
    const leave = Symbol();
    const reading = holding(path, async (held) => {
      const isNothing = kindOf(held.status) !== "file" && !held.status.isDirectory();
      const isOwn = user === undefined || (held.status.uid === user.uid && (held.status.mode & mayRead) !== 0);
      // What root itself left there, as by an editor, is a difference to be seen.
      const isRoots = !isOwn && held.status.uid === 0 && (await laidInFolderOf(user, held, path));
      return isOwn || isRoots || isNothing ? read(held) : leave;
    });
    const found = await within(this.name, `${act} ${path}`, reading);
    if (found === leave) return asUser(this.#as(user as OsUser));
    if (found === undefined && user !== undefined && !(await isAbsent(path, user))) return asUser(this.#as(user));
    return found as T | undefined;
  }

  /** The host's user, where that is not who we are. */
  async #otherUser(): Promise<OsUser | undefined> {
    const user = await this.#identity();
    return process.getuid?.() === 0 && user.uid !== 0 ? user : undefined;
  }

  async #other(): Promise<Host | undefined> {
    const user = await this.#otherUser();
    return user === undefined ? undefined : this.#as(user);
  }

  #as({ name }: OsUser): Host {
    this.#shell ??= new ShellHost(localUser(this.name, name));
    return this.#shell;
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

  async #identity(): Promise<OsUser> {
    me ??= userInfo();
    // Where root goes by another name, that name is refused below.
    const itself = me.uid !== 0 || me.username === "root";
    if (me.username === this.user && itself) return { name: me.username, uid: me.uid, gid: me.gid, home: me.homedir };
    if (me.uid !== 0) {
      const reason = `its OS user is ${this.user} and we are ${me.username}: run as ${this.user} or as root`;
      throw new NotThatUser(this.name, reason, "refused");
    }
    return osUser(this.user);
  }

  async #statusOf(status: Stats): Promise<FileStatus> {
    return {
      type: status.isFile() ? "file" : status.isDirectory() ? "directory" : "other",
      size: status.size,
      mode: status.mode & 0o7777,
      owner: await this.#ownerName(status.uid),
      changed: status.ctimeMs,
    };
  }

  async #ownerName(uid: number): Promise<string> {
    const user = await this.#identity();
    if (user.uid === uid) return user.name;
    return uid === 0 ? "root" : `${uid}`;
  }
}

/** Whether a user sees as well that nothing is there: the nearest folder above is that user's own, who may enter it. */
async function isAbsent(path: string, { uid }: OsUser): Promise<boolean> {
  let status: Stats | undefined;
  for (let folder = dirname(path); status === undefined; folder = dirname(folder)) {
    status = await absentAsUndefined(fs.stat(folder));
  }
  return !status.isDirectory() || (status.uid === uid && (status.mode & mayEnter) !== 0);
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await fs.open(path, "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
