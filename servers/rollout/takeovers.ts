import { hostOf } from "../../hosts/index.js";
import type { CostedFailover, Switchover } from "../../postgres/rollout/model.js";
import { withLock } from "../data/lock.js";
import { stopServer } from "../process/stop.js";
import { failoverInWords } from "../words/plan.js";
import { endedInWords } from "../words/stop.js";
import { memberOf, of } from "./member.js";
import type { Context } from "./reporter.js";
import { loginOf, serverOf } from "./site.js";
import type { RolloutState } from "./state.js";

/*
 * Acts by which another server takes writes, or one stops taking them. Each changes who is who, so the rest of a rollout is planned
 * anew after it.
 */

/**
 * Whoever takes writes beside the primary is stopped first, by a crash where it hangs: each of its rows is one more that is not the
 * site's.
 */
export async function stopSuperseded(
  context: Context,
  state: RolloutState,
  names: readonly string[],
  words: readonly string[],
): Promise<void> {
  for (const [index, name] of names.entries()) {
    context.signal.throwIfAborted();
    await context.progress(words[index] ?? "");
    const server = serverOf(of(state, name));
    const host = hostOf(server.host);
    const { ended } = await withLock(host, server, "rollout: stop", () =>
      stopServer(host, server, { deadline: 30_000, mayCrash: true }),
    );
    if (ended !== undefined) await context.log("warning", endedInWords(server.name, ended));
  }
}

/** A planned switchover. */
export async function handOver(context: Context, state: RolloutState, { from, to }: Switchover): Promise<void> {
  const member = (name: string) => memberOf(state, name);
  const { switchOver } = await import("../takeover/switchover.js");
  await switchOver({
    from: member(from),
    to: member(to),
    servers: Object.values(state.servers),
    login: loginOf(state),
    signal: context.signal,
    report: (line) => context.progress(line),
  });
}

/** What was lost with the old primary is said for good: the plan is not shown any more when all is done. */
export async function takeOver(context: Context, state: RolloutState, failover: CostedFailover): Promise<void> {
  const { failOver } = await import("../takeover/failover.js");
  const { timeline, fork } = await failOver({
    from: failover.from,
    to: memberOf(state, failover.to),
    ...(state.fence === undefined ? {} : { fence: state.fence }),
    login: loginOf(state),
    signal: context.signal,
    report: (line) => context.progress(line),
  });
  const since = fork === undefined ? "" : `, which begins at ${fork}`;
  await context.log(
    "warning",
    `${failoverInWords(failover)}. Done: ${failover.to} takes writes on timeline ${timeline}${since}`,
  );
}
