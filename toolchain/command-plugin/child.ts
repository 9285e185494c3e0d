import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import type { CommandInputs } from "./inputs.js";

/** How long a command may take to end by itself once it was told to. Less than Pulumi's own patience with a plugin. */
export const graceMilliseconds = 800;

let running = 0;

/** How many commands run at the moment. */
export function runningCommands(): number {
  return running;
}

/** A line that is logged is cut into pieces of this size at most. */
const longestLine = 16_384;

export interface Output {
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly previous: Partial<Output>;
  /** Gets each line that is to be logged, as it comes. */
  readonly log: (line: string) => void;
  /** Ends the command and all that it started. */
  readonly signal: AbortSignal;
}

/**
 * Runs a command to its end. Its output comes without the last line feed; its failure throws what the official plugin
 * says: the status, the command, and all that it printed.
 */
export async function runCommand(command: string, inputs: CommandInputs, options: RunOptions): Promise<Output> {
  if (options.signal.aborted) throw new Error(`context canceled: running ${quote(command)}:\n`);
  const [program = "/bin/sh", ...before] = inputs.interpreter?.length ? inputs.interpreter : ["/bin/sh", "-c"];
  const cwd = inputs.dir ?? process.cwd();
  if (!existsSync(cwd)) throw new Error(`chdir ${cwd}: no such file or directory: running ${quote(command)}:\n`);
  const child = spawn(program, [...before, command], {
    cwd,
    env: environment(inputs, options.previous),
    // A group of its own, so that ending the command ends what it started, and nothing else.
    detached: true,
    stdio: [inputs.stdin ? "pipe" : "ignore", "pipe", "pipe"],
  });
  const stop = () => {
    endGroup(child.pid);
    // A daemon that it left may hold the output open for ever: nobody waits for that now.
    setTimeout(() => [child.stdout, child.stderr].forEach((stream) => void stream?.destroy()), graceMilliseconds + 100);
  };
  options.signal.addEventListener("abort", stop, { once: true });

  const both: Buffer[] = [];
  const collect = (stream: NodeJS.ReadableStream | null, logged: boolean): Buffer[] => {
    const chunks: Buffer[] = [];
    const lines = lineReader(options.log);
    stream?.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      both.push(chunk);
      if (logged) lines.push(chunk);
    });
    stream?.on("end", lines.end);
    return chunks;
  };
  const logging = inputs.logging ?? "stdoutAndStderr";
  const stdout = collect(child.stdout, logging === "stdout" || logging === "stdoutAndStderr");
  const stderr = collect(child.stderr, logging === "stderr" || logging === "stdoutAndStderr");
  // A command that does not read its input may close it: that is its own affair.
  child.stdin?.on("error", () => {});
  child.stdin?.end(inputs.stdin);

  // Like the official plugin, this waits until nothing holds the command's output open any more.
  running++;
  const ending = await new Promise<string | undefined>((resolve) => {
    child.on("error", (error: NodeJS.ErrnoException) => {
      const missing = error.code === "ENOENT" && !program.includes("/");
      const why = error.code === "ENOENT" ? "no such file or directory" : error.message;
      resolve(missing ? `exec: ${quote(program)}: executable file not found in $PATH` : `fork/exec ${program}: ${why}`);
    });
    child.on("close", (code, signal) => resolve(endingOf(code, signal)));
  });
  running--;
  options.signal.removeEventListener("abort", stop);
  if (ending !== undefined) throw new Error(`${ending}: running ${quote(command)}:\n${Buffer.concat(both)}`);
  return { stdout: text(stdout), stderr: text(stderr) };
}

function environment(inputs: CommandInputs, previous: Partial<Output>): NodeJS.ProcessEnv {
  const env = { ...process.env, ...inputs.environment };
  if (inputs.addPreviousOutputInEnv === false) return env;
  if (previous.stdout) env.PULUMI_COMMAND_STDOUT = previous.stdout;
  if (previous.stderr) env.PULUMI_COMMAND_STDERR = previous.stderr;
  return env;
}

function text(chunks: readonly Buffer[]): string {
  return Buffer.concat(chunks).toString("utf8").replace(/\n$/, "");
}

const signalNames: Readonly<Record<string, string>> = {
  SIGKILL: "killed",
  SIGTERM: "terminated",
  SIGINT: "interrupt",
  SIGHUP: "hangup",
  SIGPIPE: "broken pipe",
  SIGSEGV: "segmentation fault",
  SIGABRT: "aborted",
};

/** How a process ended, in the words of Go, which the official plugin is written in; undefined for success. */
export function endingOf(code: number | null, signal: NodeJS.Signals | null): string | undefined {
  if (signal !== null) return `signal: ${signalNames[signal] ?? signal}`;
  return code === 0 ? undefined : `exit status ${code}`;
}

/** A string as Go's %q prints it. */
export function quote(value: string): string {
  const short: Record<string, string> = { "\x07": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r" };
  Object.assign(short, { "\t": "\\t", "\v": "\\v", "\\": "\\\\", '"': '\\"' });
  const escaped = value.replace(/[\\"\p{Cc}]/gu, (character) => {
    const code = character.charCodeAt(0);
    const hex = code.toString(16);
    return short[character] ?? (code < 0x80 ? `\\x${hex.padStart(2, "0")}` : `\\u${hex.padStart(4, "0")}`);
  });
  return `"${escaped}"`;
}

/** Whole lines out of pieces of a stream. */
export function lineReader(onLine: (line: string) => void): { push(chunk: Buffer): void; end(): void } {
  const decoder = new TextDecoder();
  let pending = "";
  const emit = (line: string) => {
    for (let from = 0; from === 0 || from < line.length; from += longestLine) {
      onLine(line.slice(from, from + longestLine));
    }
  };
  return {
    push(chunk) {
      const lines = (pending + decoder.decode(chunk, { stream: true })).split("\n");
      pending = lines.pop() ?? "";
      for (const line of lines) emit(line.replace(/\r$/, ""));
      if (pending.length <= longestLine) return;
      emit(pending);
      pending = "";
    },
    end() {
      if (pending !== "") emit(pending);
      pending = "";
    },
  };
}

/** Ends a process and everything in its group: first politely, so that it can put things in order. */
function endGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  kill(pid, "SIGTERM");
  setTimeout(() => kill(pid, "SIGKILL"), graceMilliseconds);
}

function kill(group: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-group, signal);
  } catch {
    // It has ended.
  }
}
