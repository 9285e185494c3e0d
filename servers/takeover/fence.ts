import { execa } from "execa";
import { environmentFor } from "../../hosts/environment.js";

export interface FenceOptions {
  /** Milliseconds. @default a minute */
  readonly deadline?: number;
  readonly signal?: AbortSignal;
}

/**
 * Runs the site's own command that makes sure that a lost server stays off (STONITH), here, with the two names in its
 * environment, and of ours what a hook gets (`hosts/environment.ts`). @throws where it fails, or does not end in time: it is
 * ended then, with all that it started
 */
export async function runFence(
  command: string,
  { lost, next }: { readonly lost: string; readonly next: string },
  { deadline = 60_000, signal }: FenceOptions = {},
): Promise<void> {
  signal?.throwIfAborted();
  const running = execa("sh", ["-c", command], {
    env: { ...environmentFor("hook"), PGSITE_LOST_SERVER: lost, PGSITE_NEW_PRIMARY: next },
    extendEnv: false,
    reject: false,
    all: true,
    stdin: "ignore",
    // A group of its own, which can be ended as a whole.
    detached: true,
  });
  const end = () => {
    if (running.pid !== undefined) process.kill(-running.pid, "SIGKILL");
  };
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    end();
  }, deadline);
  signal?.addEventListener("abort", end, { once: true });
  const { exitCode, failed, all } = await running;
  clearTimeout(timer);
  signal?.removeEventListener("abort", end);
  signal?.throwIfAborted();
  if (!failed && !isLate) return;
  const how = isLate ? `did not end within ${deadline / 1000} s` : `ended with status ${exitCode ?? "unknown"}`;
  const said = all.trim().split("\n").slice(-3).join("; ");
  throw new Error(
    `${next} does not take over: hooks.fence, which is to keep ${lost} off, ${how}${said === "" ? "" : ` ("${said}")`}; nothing was promoted. See to it that ${lost} stays off, mend the command, and run again`,
  );
}
