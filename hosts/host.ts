import type { Readable, Writable } from "node:stream";

/** How commands and files reach a host, and who acts there. */
export interface HostSpec {
  /** The host's name in the stack file: for messages, never for connecting. */
  readonly name: string;
  readonly transport: "local" | "ssh" | "docker";
  /** Where the host is in its network; what `ssh` is given, where `ssh` names nothing else. */
  readonly address: string;
  /** A name of ~/.ssh/config. @default the address */
  readonly ssh?: string | undefined;
  /** Whom to log in as. @default what ssh itself decides: ~/.ssh/config, or our own name */
  readonly login?: string | undefined;
  /**
   * How the login user becomes `user`.
   * @default by who one is there: `user` already, nothing; root, su; anybody else, sudo
   */
  readonly become?: Become | undefined;
  /** `direct`: SQL goes to a server's own address from here. @default as the host's own programs reach the server */
  readonly sessions?: "direct" | undefined;
  /** The container that the host is; with `docker` alone. */
  readonly container?: ContainerSpec | undefined;
  /**
   * The OS user that owns the data and runs the server; commands run and files are made as this user. Over SSH, ""
   * stands for whoever one is after the login.
   */
  readonly user: string;
}

/** Whether SQL goes to a server's own address from here: as the stack says it, and to containers. */
export function isDirect({ transport, sessions }: Pick<HostSpec, "transport" | "sessions">): boolean {
  return transport === "docker" || sessions === "direct";
}

/** A Docker container, on the engine that the Docker CLI talks to (DOCKER_HOST, or its context). */
export interface ContainerSpec {
  readonly name: string;
  /** Whether the stack makes it: then it is not there before the first `up`. */
  readonly made: boolean;
}

export type Become = "sudo" | "su" | "none";

/** Where something listens on a host, as that host's own programs reach it. */
export interface Port {
  readonly address: string;
  readonly port: number;
}

/** A Unix socket on a host. */
export interface SocketFile {
  readonly path: string;
}

/** What a program may take that says nothing else, in milliseconds. */
export const defaultTimeout = 30_000;

/** What a program may print that is run to its end, in bytes. */
export const maximalOutput = 64 * 1024 * 1024;

/** What a file may hold that is read whole, and the names in a folder together, in bytes. */
export const maximalFile = 16 * 1024 * 1024;

/** What is kept of a standard error, in bytes: the last of it. */
export const maximalError = 1024 * 1024;

/** One machine on which servers run: the only way by which pgsite touches it. Knows nothing of PostgreSQL. */
export interface Host {
  /** The host's name in the stack file, for messages. */
  readonly name: string;
  /** The OS user as whom everything happens. */
  readonly user: string;
  /** True where two hosts with the same value share file systems (so that a plain `cp` can copy between them). */
  readonly machine: string;
  /** Whether looking at a file takes neither a program nor an answer over a connection: then many looks are as good as one. */
  readonly near: boolean;

  /**
   * Runs a program to its end, as `user`, without a shell in between, in the C locale.
   * A non-zero exit is a result, not an error. @throws HostUnreachable @throws HostTimeout
   */
  run(argv: readonly string[], options?: RunOptions): Promise<RunResult>;

  /** Starts a program and hands over its streams. It is killed when our process goes away or `kill` is called. */
  spawn(argv: readonly string[], options?: SpawnOptions): Promise<RunningProgram>;

  /**
   * Content of a file, or undefined where there is none. This and the three below never open what is no file (a FIFO would
   * be waited for, a device would act). @throws NotAFile @throws TooLong
   */
  readFile(path: string): Promise<Buffer | undefined>;
  /** The same with what stands there: of one moment where the host is near, else of two that follow each other. */
  readWithStatus(path: string): Promise<ReadFile | undefined>;
  /** First `length` bytes from `offset`, or undefined where there is no such file. */
  readBytes(path: string, offset: number, length: number): Promise<Buffer | undefined>;
  /** Last `length` bytes of a file (a log), or undefined where there is none. */
  readTail(path: string, length: number): Promise<string | undefined>;
  /** Writes a file whole or not at all: a new file beside it with owner and mode from the start, fsync, rename, fsync. */
  writeFile(path: string, content: string | Buffer, options?: { readonly mode?: number }): Promise<void>;
  /** What is at a path (symbolic links followed), or undefined. */
  stat(path: string): Promise<FileStatus | undefined>;
  /** The path with all symbolic links followed, or undefined where there is nothing. */
  realPath(path: string): Promise<string | undefined>;
  /** Names in a folder, sorted, or undefined where it does not exist. @throws TooLong */
  list(path: string): Promise<readonly string[] | undefined>;
  /** Makes a folder and its missing parents, owned by `user`. `mode` is the folder's own (@default 0o700); missing parents get 0755. */
  makeDirectory(path: string, mode?: number): Promise<void>;
  /** Removes a file or a whole tree; nothing there is fine. */
  remove(path: string): Promise<void>;
}

export interface RunOptions {
  readonly input?: string | Buffer;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** @default 30_000 milliseconds */
  readonly timeout?: number;
  readonly signal?: AbortSignal;
}

export type SpawnOptions = Omit<RunOptions, "input" | "timeout">;

export interface RunResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunningProgram {
  readonly stdin: Writable;
  readonly stdout: Readable;
  /**
   * Resolves when the program has ended; standard error is kept. Never rejects for a non-zero exit, but with
   * HostUnreachable where the connection was cut and nobody knows how it ended.
   */
  readonly ended: Promise<{ readonly code: number; readonly stderr: string }>;
  kill(): void;
}

export interface FileStatus {
  readonly type: "file" | "directory" | "other";
  readonly size: number;
  /** Permission bits, 0o0000 to 0o7777. */
  readonly mode: number;
  /** Owner's name, or the number where it has none. */
  readonly owner: string;
  /**
   * When its content, its mode or its owner was last changed, or it was put in this place (ctime, which nobody can set):
   * milliseconds since 1970 by the host's clock, with fractions where the file system keeps them.
   */
  readonly changed: number;
}

export interface ReadFile {
  readonly status: FileStatus;
  readonly content: Buffer;
}

/** A host, or what lies on it, does not give what was asked: a fact of that host, and no mistake of pgsite's. */
export class HostError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "HostError";
  }
}

/** Whether an error is such a fact. This machine's own are the system's, as Node tells them. */
export function isOfHost(error: unknown): boolean {
  return error instanceof HostError || (error instanceof Error && "syscall" in error);
}

/** The host could not be reached, or the transport failed: nothing is known of what is on it. */
export class HostUnreachable extends HostError {
  constructor(
    readonly host: string,
    readonly reason: string,
  ) {
    super(`${host} cannot be reached: ${reason}`);
    this.name = "HostUnreachable";
  }
}

/** The host answers, and gives nobody of ours a shell as that OS user: a fact that no waiting changes. */
export class NotThatUser extends HostUnreachable {
  constructor(
    host: string,
    reason: string,
    /** `missing`: there is no such user. `refused`: whoever logs in may not become it. */
    readonly why: "missing" | "refused",
    /** The reason as it is said of several hosts: keys of the stack file are those of `hosts.NAME`. */
    readonly ofMany: string = reason,
  ) {
    super(host, reason);
  }
}

/** What stands in place of a file that is to be read. It was not opened. */
export class NotAFile extends HostError {
  constructor(
    readonly host: string,
    readonly path: string,
    /** `FIFO`, `directory` … */
    readonly kind: string,
  ) {
    super(
      `reading ${path} on ${host}: a ${kind} stands there in place of a file, and was not read: see who put it there, and move it away`,
    );
    this.name = "NotAFile";
  }
}

/** A host, or somebody there, says more than is taken from it: whoever asks is not to run out of memory. */
export class TooLong extends HostError {
  constructor(
    readonly host: string,
    /** What was asked: `reading /etc/passwd`. */
    readonly what: string,
    /** In bytes. */
    readonly limit: number,
  ) {
    super(
      `${what} on ${host} brings more than ${size(limit)}, the most that pgsite takes of it; nothing of it was used`,
    );
    this.name = "TooLong";
  }
}

function size(bytes: number): string {
  return bytes % 1_048_576 === 0 ? `${bytes / 1_048_576} MiB` : `${bytes} bytes`;
}

/** A program on the host did not end in time and was killed. */
export class HostTimeout extends HostError {
  constructor(host: string, program: string, milliseconds: number) {
    super(`${program} on ${host} did not end within ${Math.round(milliseconds / 1000)} s and was ended`);
    this.name = "HostTimeout";
  }
}
