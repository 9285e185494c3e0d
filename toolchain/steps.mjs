// What every step of the toolchain needs: to say what it does, to run a program, to keep others out, to remember.
import { spawn } from "node:child_process";
import { closeSync, linkSync, openSync, readFileSync, renameSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** A problem that the user can mend: printed as its message alone, without a stack. */
export class ToolchainError extends Error {
  name = "ToolchainError";
}

/** One line to the user. Standard output belongs to the task, so this goes to standard error. */
export function say(line) {
  process.stderr.write(`pgsite: ${line}\n`);
}

/**
 * Runs a program and returns `{ code, stdout, stderr }`; never throws for its exit status. It is ended, with its
 * children, after `seconds`, or when `signal` aborts. `onLine` gets each line of standard error as it comes.
 */
export function run(program, args, { cwd, env, seconds, signal: ending, onLine, inherit = false } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd,
      env: env ?? othersEnvironment(),
      detached: seconds !== undefined,
      stdio: inherit ? "inherit" : ["ignore", "pipe", "pipe"],
    });
    let stdout = "";
    let stderr = "";
    let pending = "";
    let timedOut = false;
    child.stdout?.setEncoding("utf8").on("data", (text) => {
      stdout += text;
    });
    child.stderr?.setEncoding("utf8").on("data", (text) => {
      stderr += text;
      if (onLine === undefined) return;
      const lines = (pending + text).split("\n");
      pending = lines.pop();
      for (const line of lines) onLine(line);
    });
    const end = () => {
      timedOut = true;
      try {
        process.kill(-child.pid, "SIGKILL");
      } catch {
        child.kill("SIGKILL");
      }
    };
    ending?.addEventListener("abort", end);
    const timer = seconds === undefined ? undefined : setTimeout(end, seconds * 1000);
    // A group of its own does not hear the terminal's Ctrl-C: pass it on.
    const stop = () => {
      end();
      process.exit(130);
    };
    if (seconds !== undefined) process.once("SIGINT", stop).once("SIGTERM", stop);
    const finish = () => {
      clearTimeout(timer);
      ending?.removeEventListener("abort", end);
      process.off("SIGINT", stop).off("SIGTERM", stop);
    };
    child.on("error", (error) => {
      finish();
      reject(error);
    });
    child.on("close", (code, signal) => {
      finish();
      resolve({ code: code ?? (signal === null ? 1 : 128), stdout, stderr, timedOut });
    });
  });
}

/** What a program that is not Pulumi gets of our environment: where Pulumi's passphrase may stand, and its access token. */
export function othersEnvironment() {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("PULUMI_")));
}

/** Like `run`, but a failure is a ToolchainError that says what was tried and quotes the program. */
export async function must(what, program, args, options = {}) {
  const result = await run(program, args, options).catch((error) => {
    if (error.code === "ENOENT") throw new ToolchainError(`${what}: ${program} is not installed (not found on PATH)`);
    throw error;
  });
  if (result.code !== 0) {
    const lines = `${result.stderr}\n${result.stdout}`.trim().split("\n");
    // The cause stands first with some programs, last with others.
    const told = (lines.length > 24 ? [...lines.slice(0, 12), "…", ...lines.slice(-12)] : lines).join("\n  ");
    const ending = result.timedOut ? `was ended after ${options.seconds} s` : `ended with status ${result.code}`;
    throw new ToolchainError(`${what}: ${program} ${args.slice(0, 2).join(" ")} ${ending}\n  ${told}`);
  }
  return result.stdout;
}

/**
 * Runs `act` while no other process holds the lock `path`. The holder is named in the file, so that a lock left
 * by a killed process is taken over. What is done under a lock must also end in a rename, since a take-over by
 * two at once is unlikely but not impossible.
 */
export async function locked(path, act) {
  const mine = `${path}.${process.pid}.${Math.random().toString(36).slice(2)}`;
  const identity = JSON.stringify({ pid: process.pid, start: startOf(process.pid) });
  writeFileSync(mine, identity);
  let told = false;
  try {
    while (!taken(mine, path)) {
      const holder = read(path);
      if (holder !== undefined && !alive(holder)) {
        discard(path, holder, mine);
        continue;
      }
      if (!told && holder !== undefined) {
        told = true;
        say(`waiting for process ${JSON.parse(holder).pid}, which does the same at the moment`);
      }
      await sleep(200);
    }
    try {
      return await act();
    } finally {
      if (read(path) === identity) rmSync(path, { force: true });
    }
  } finally {
    rmSync(mine, { force: true });
  }
}

function taken(mine, path) {
  try {
    linkSync(mine, path);
    return true;
  } catch (error) {
    if (error.code === "EEXIST") return false;
    throw error;
  }
}

/** Removes a dead holder's lock; puts back what it finds instead, if another was quicker. */
function discard(path, holder, mine) {
  const aside = `${mine}.stale`;
  try {
    renameSync(path, aside);
    if (read(aside) !== holder) taken(aside, path);
    rmSync(aside, { force: true });
  } catch (error) {
    if (error.code !== "ENOENT") throw error;
  }
}

function read(path) {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error.code === "ENOENT") return undefined;
    throw error;
  }
}

/** Whether the process that wrote this lock still runs; a reused process id does not count. */
export function alive(holder) {
  let pid;
  let start;
  try {
    ({ pid, start } = JSON.parse(holder));
    process.kill(pid, 0);
  } catch (error) {
    return error.code === "EPERM";
  }
  return start === startOf(pid);
}

/** When a process started, in the kernel's ticks; empty where the system does not say (no /proc). */
export function startOf(pid) {
  try {
    return readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").pop().split(" ")[19];
  } catch {
    return "";
  }
}

/** JSON that an earlier run left, or undefined where there is none or it is unreadable. */
export function recall(path) {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return undefined;
  }
}

export function remember(path, value) {
  const temporary = `${path}.${process.pid}`;
  const file = openSync(temporary, "w");
  writeSync(file, `${JSON.stringify(value)}\n`);
  closeSync(file);
  renameSync(temporary, path);
}

/** Progress of a long step: one line that renews itself on a terminal, a line every 20 s elsewhere. */
export function progress(label) {
  const started = Date.now();
  const terminal = process.stderr.isTTY === true;
  let detail = "";
  let last = started;
  const show = () => {
    const line = `${label}: ${detail}${detail === "" ? "" : ", "}${Math.round((Date.now() - started) / 1000)} s`;
    if (terminal) process.stderr.write(`\r\x1b[Kpgsite: ${line}`);
    else if (Date.now() - last >= 20_000) {
      last = Date.now();
      say(line);
    }
  };
  const timer = setInterval(show, 1000);
  return {
    update(text) {
      detail = text;
    },
    /** Ends the progress; returns the seconds that it took. */
    end() {
      clearInterval(timer);
      if (terminal) process.stderr.write("\r\x1b[K");
      return Math.round((Date.now() - started) / 1000);
    },
  };
}
