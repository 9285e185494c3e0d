import type { Step } from "../../postgres/rollout/model.js";
import { proveWorking } from "../process/proof.js";
import { of } from "./member.js";
import type { Context } from "./reporter.js";
import { serverOf, siteOf } from "./site.js";
import type { RolloutState } from "./state.js";

/** Whom each standby follows as the rollout goes on; undefined where that is not known, or outside of this stack. */
export type Follows = Map<string, string | undefined>;

/**
 * A server that had its turn is proven to work, and so is every running one that follows it then, however far: it may
 * have lost its upstream, or have waited for the upstream's new rule. One that is to follow it later, or that is to leave
 * it, has its own turn.
 * @param running those that run and stay where they are
 */
export async function prove(
  context: Context,
  state: RolloutState,
  step: Step,
  running: ReadonlySet<string>,
  follows: Follows,
): Promise<void> {
  if (step.action === "install") return;
  // Before their turn they may not be able to stream yet.
  const followers = step.both === "alone" ? [] : followersOf(step.server, follows);
  const affected = [step.server, ...followers];
  for (const name of affected.filter((one) => running.has(one))) {
    await proveOne(context, state, name, follows);
  }
}

/** One whose upstream is not known is proven by what is declared. */
export async function proveOne(context: Context, state: RolloutState, name: string, follows: Follows): Promise<void> {
  const server = serverOf(of(state, name));
  const upstream = follows.get(name);
  await proveWorking({
    site: siteOf(state),
    server: upstream === undefined ? server : { ...server, upstream },
    passwords: { [state.administrator]: state.administratorPassword },
    signal: context.signal,
    progress: (line) => context.progress(line),
  });
}

function followersOf(name: string, follows: Follows): readonly string[] {
  const found = new Set([name]);
  for (const upstream of found) for (const [one, followed] of follows) if (followed === upstream) found.add(one);
  return [...found].slice(1);
}
