import pWaitFor, { TimeoutError } from "p-wait-for";

/** Waits until `condition` holds. Returns whether it did within `deadline` milliseconds; throws what `condition` throws. */
export async function until(
  condition: () => Promise<boolean>,
  options: { readonly deadline: number; readonly interval?: number; readonly signal?: AbortSignal },
): Promise<boolean> {
  const { deadline, interval = 100, signal } = options;
  try {
    await pWaitFor(condition, { interval, timeout: deadline, ...(signal === undefined ? {} : { signal }) });
    return true;
  } catch (error) {
    if (error instanceof TimeoutError) return false;
    throw error;
  }
}
