import type { Difference } from "../../postgres/differences.js";
import type { Context } from "../../servers/rollout/reporter.js";

/** Says differences among the run's diagnostics, one sentence each. */
export async function say(context: Context, differences: readonly Difference[]): Promise<void> {
  for (const difference of differences) await context.report({ kind: "difference", difference });
}
