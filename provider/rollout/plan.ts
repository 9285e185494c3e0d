import { type ActualServer, planRollout, type RolloutPlan } from "../../postgres/rollout.js";
import type { RolloutServer } from "../resources/rollout.js";
import type { Observed } from "./observe.js";

export { describePlan } from "../../postgres/rollout.js";

/** The plan from what was observed to what is declared. */
export function planOf(
  wanted: Readonly<Record<string, RolloutServer>>,
  observed: Readonly<Record<string, Observed>>,
): RolloutPlan {
  const actual = Object.entries(observed).map(([name, server]): readonly [string, ActualServer] => [
    name,
    {
      data: server.data === "present",
      running: server.state === "running",
      inRecovery: server.recovery,
      files: server.files,
      settings: server.settings,
      ...(server.pending === undefined ? {} : { pending: server.pending }),
    },
  ]);
  return planRollout(Object.fromEntries(actual), wanted);
}
