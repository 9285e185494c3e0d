import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { runs, until } from "../processes.js";

/** Kernel namespaces that live as long as one process of ours, its holder; the kernel ends that when we end, however. */
export interface Namespace {
  /** The process in them, as seen from this machine. */
  readonly pid: number;
  /** Ends the holder; with a process namespace, everything in it. */
  end(): Promise<void>;
}

/**
 * Starts a shell script in new namespaces, and waits until it prints `ready`.
 * @param kinds options of unshare(1) @param inside a namespace to start from, so that its mounts are seen
 */
export async function startNamespace(
  kinds: readonly string[],
  script: string,
  args: readonly string[],
  inside?: Namespace,
): Promise<Namespace> {
  const enter = inside === undefined ? [] : ["nsenter", `--target=${inside.pid}`, "--mount"];
  const argv = [...enter, "unshare", "--mount", "--net", ...kinds, "sh", "-c", script, "sh", ...args];
  const child = spawn("setpriv", ["--pdeathsig", "KILL", ...argv], { stdio: ["ignore", "pipe", "pipe"] });
  await ready(child);
  const outer = child.pid as number;
  // unshare --fork is the parent of the first process of the new process namespace.
  const pid = kinds.includes("--pid") ? Number(readFileSync(`/proc/${outer}/task/${outer}/children`, "utf8")) : outer;
  return {
    pid,
    async end() {
      process.kill(pid, "SIGKILL");
      await until(`the end of process ${pid}`, () => !runs(pid) && !runs(outer));
    },
  };
}

/** Processes of this machine's that are in a namespace's network. */
export function processesIn({ pid }: Namespace): number[] {
  const network = readlinkSync(`/proc/${pid}/ns/net`);
  return readdirSync("/proc")
    .map(Number)
    .filter((other) => {
      try {
        return Number.isInteger(other) && readlinkSync(`/proc/${other}/ns/net`) === network;
      } catch {
        return false; // It has ended meanwhile.
      }
    });
}

/** Command lines of the processes in a namespace's network, by their id on this machine; words are separated by NUL. */
export function commandLinesIn(namespace: Namespace): ReadonlyMap<number, string> {
  const lines = new Map<number, string>();
  for (const pid of processesIn(namespace).filter(runs)) {
    try {
      lines.set(pid, readFileSync(`/proc/${pid}/cmdline`, "utf8"));
    } catch {
      // It has ended meanwhile.
    }
  }
  return lines;
}

function ready(child: ChildProcess): Promise<void> {
  let said = "";
  return new Promise((resolve, reject) => {
    const hear = (text: Buffer) => {
      said += text.toString();
      if (/^ready$/m.test(said)) resolve();
    };
    child.stdout?.on("data", hear);
    child.stderr?.on("data", hear);
    child.on("error", reject);
    child.on("exit", (code) => reject(new Error(`a namespace's first process ended with status ${code}: ${said}`)));
  });
}
