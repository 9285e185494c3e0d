import {
  defaultTimeout,
  HostTimeout,
  maximalOutput,
  type RunningProgram,
  type RunOptions,
  type RunResult,
  TooLong,
} from "./host.js";

/**
 * Gives a program that was started its input, and waits for its end. It has so long, and may print so much.
 * @param what its name, for messages @throws HostTimeout @throws TooLong; then it is ended
 */
export async function toEnd(
  host: string,
  what: string,
  program: RunningProgram,
  { timeout = defaultTimeout, input = "" }: RunOptions,
): Promise<RunResult> {
  const { promise: broken, fail } = failure();
  const timer = setTimeout(() => fail(new HostTimeout(host, what, timeout)), timeout);
  program.stdin.end(input);
  const chunks: Buffer[] = [];
  let size = 0;
  program.stdout.on("data", (chunk: Buffer) => {
    chunks.push(chunk);
    size += chunk.length;
    if (size <= maximalOutput) return;
    fail(new TooLong(host, what, maximalOutput));
    // Whoever goes on printing is not listened to.
    chunks.length = 0;
    program.stdout.destroy();
  });
  const read = new Promise((resolve) => program.stdout.once("close", resolve));
  try {
    const [{ code, stderr }] = await Promise.race([Promise.all([program.ended, read]), broken]);
    return { code, stdout: Buffer.concat(chunks).toString("utf8"), stderr };
  } catch (error) {
    program.kill();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** A promise that never resolves, and rejects when it is told to. */
function failure(): { readonly promise: Promise<never>; readonly fail: (error: Error) => void } {
  let fail: (error: Error) => void = () => undefined;
  const promise = new Promise<never>((_, reject) => {
    fail = reject;
  });
  promise.catch(() => undefined);
  return { promise, fail };
}
