import { execa } from "execa";

/** Milliseconds. */
const deadline = 60_000;

/**
 * Runs the site's own command that makes sure that a lost server stays off (STONITH), here, with the two names in its
 * environment; nothing of Pulumi's own is there. @throws where it fails, or does not end in time
 */
export async function runFence(
  command: string,
  { lost, next }: { readonly lost: string; readonly next: string },
  signal?: AbortSignal,
): Promise<void> {
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith("PULUMI_"));
  const { exitCode, failed, timedOut, all } = await execa("sh", ["-c", command], {
    env: { ...Object.fromEntries(own), PGSITE_LOST_SERVER: lost, PGSITE_NEW_PRIMARY: next },
    extendEnv: false,
    reject: false,
    all: true,
    stdin: "ignore",
    timeout: deadline,
    ...(signal === undefined ? {} : { cancelSignal: signal }),
  });
  signal?.throwIfAborted();
  if (!failed) return;
  const how = timedOut ? `did not end within ${deadline / 1000} s` : `ended with status ${exitCode ?? "unknown"}`;
  const said = all.trim().split("\n").slice(-3).join("; ");
  throw new Error(
    `${next} does not take over: hooks.fence, which is to keep ${lost} off, ${how}${said === "" ? "" : ` ("${said}")`}; nothing was promoted. See to it that ${lost} stays off, mend the command, and run again`,
  );
}
