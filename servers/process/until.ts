import { setTimeout as delay } from "node:timers/promises";

/**
 * Waits until `condition` holds. Returns whether it did within `deadline` milliseconds; throws what `condition` throws, or the
 * signal's reason. Each look leaves nothing behind: a wait of hours is hundreds of thousands of them, and all listen to one signal.
 */
export async function until(
  condition: () => Promise<boolean>,
  options: { readonly deadline: number; readonly interval?: number; readonly signal?: AbortSignal },
): Promise<boolean> {
  const { deadline, interval = 100, signal } = options;
  const end = performance.now() + deadline;
  for (;;) {
    signal?.throwIfAborted();
    if (await condition()) return true;
    const left = end - performance.now();
    if (left <= 0) return false;
    // Its own error, which it throws where the signal goes off, has the reason as its cause.
    await delay(Math.min(interval, left), undefined, signal === undefined ? {} : { signal }).catch(() => undefined);
  }
}
