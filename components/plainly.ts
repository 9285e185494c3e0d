/**
 * An error that Pulumi shows by its message alone. Without a stack also for the reason that Pulumi's runner inspects the
 * errors it catches, and Node 20 spends up to 20 s on inspecting some stacks.
 */
export function plainly<E extends Error>(error: E): E {
  error.stack = "";
  return error;
}
