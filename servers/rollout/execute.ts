import { HostUnreachable } from "../../hosts/host.js";
import { hostOf } from "../../hosts/index.js";
import type { RolloutPlan } from "../../postgres/rollout/model.js";
import { reportOf } from "../../postgres/rollout/plan.js";
import { stage } from "../data/staging.js";
import { type LookAt, newLooks } from "../status/look.js";
import { describePlan } from "../words/plan.js";
import { floorsLateInWords } from "../words/proof.js";
import { refusalInWords } from "../words/refusals.js";
import { refuseStarts } from "./beforeStopping.js";
import { markDiverged } from "./divergence.js";
import { markForTakeover } from "./evidence.js";
import { memberOf, of } from "./member.js";
import { observeForRollout } from "./observe.js";
import type { Replaced } from "./pending.js";
import { followedBy, planOf } from "./plan.js";
import { type Follows, prove, proveOne } from "./prove.js";
import { PutBack } from "./putBack.js";
import { type Context, messageOf } from "./reporter.js";
import { loginOf } from "./site.js";
import { bringSlots, leaveSlots } from "./slots.js";
import type { Observed, RolloutState } from "./state.js";
import { asksForMore, backWhereEnded, contentFor, take } from "./steps.js";
import { askingFor, stopsIn } from "./stops.js";
import { requireTaken } from "./taken.js";
import { handOver, stopSuperseded, takeOver } from "./takeovers.js";

/**
 * Observes all servers afresh, plans, and carries the plan out. Nothing is changed where something is refused, a server
 * cannot be reached, or what is staged is not what is declared. Cut off anywhere, the next run plans the rest.
 */
export async function execute(context: Context, state: RolloutState): Promise<void> {
  const observed = await observeAll(context, state);
  const plan = planOf(state.servers, observed, state);
  if (plan.refusals.length > 0) throw new Error(plan.refusals.map(refusalInWords).join("\n"));
  await refuseBeforehand(context, state, plan, observed);
  const words = describePlan(plan);
  if (await changesWho(context, state, plan, words)) {
    // The rest is planned from what is there now.
    return execute(context, state);
  }
  await carryOut(context, state, { plan, words, observed });
}

type All = Readonly<Record<string, Observed>>;

async function observeAll(context: Context, state: RolloutState): Promise<All> {
  const lookAt = newLooks();
  const found = await Promise.all(
    Object.keys(state.servers)
      .sort()
      .map(async (name) => [name, await observeNow(context, state, name, lookAt)] as const),
  );
  const marked = await markDiverged(Object.fromEntries(found), state, lookAt);
  return markForTakeover(marked, state, lookAt);
}

/** Whether each server that the plan stops can start again and be stopped, before anything is changed. @throws with what keeps it from that */
async function refuseBeforehand(
  context: Context,
  state: RolloutState,
  plan: RolloutPlan,
  observed: All,
): Promise<void> {
  const [starts, stops] = await Promise.allSettled([
    refuseStarts(context, { servers: state.servers, observed }, plan, (name) =>
      contentFor(of(state, name), observed[name] as Observed),
    ),
    refuseStops(context, state, plan, observed),
  ]);
  if (starts.status === "rejected") throw starts.reason;
  if (starts.value.length > 0) throw new Error(starts.value.map(refusalInWords).join("\n"));
  if (stops.status === "rejected") throw stops.reason;
}

/** @throws CannotStop */
async function refuseStops(context: Context, state: RolloutState, plan: RolloutPlan, observed: All): Promise<void> {
  const all = stopsIn([...reportOf({ ...plan, steps: [] }).steps, ...plan.steps], observed);
  const stops = all.filter(({ act }) => act !== "give up");
  if (stops.length === 0) return;
  const { refuseStop } = await import("../process/canStop.js");
  await Promise.all(
    stops.map(async (stop) => {
      const asking = await askingFor(state, stop, context.signal);
      await refuseStop({ ...asking, act: stop.act, report: (line) => context.progress(line) });
    }),
  );
}

/** Whether something was done by which another server takes writes, or one takes them no more. */
async function changesWho(
  context: Context,
  state: RolloutState,
  { switchover, failover, superseded }: RolloutPlan,
  words: readonly string[],
): Promise<boolean> {
  if (switchover !== undefined) {
    await context.progress(words[0] ?? "");
    await handOver(context, state, switchover);
  } else if (failover !== undefined) {
    await context.progress(words[0] ?? "");
    await takeOver(context, state, failover);
  } else if (superseded !== undefined) {
    await stopSuperseded(context, state, Object.keys(superseded), words);
  } else {
    return false;
  }
  return true;
}

interface Decided {
  readonly plan: RolloutPlan;
  readonly words: readonly string[];
  readonly observed: All;
}

/** One server at a time, each proven to work before the next. */
async function carryOut(context: Context, state: RolloutState, { plan, words, observed }: Decided): Promise<void> {
  const contents = new Map<string, Readonly<Record<string, string>>>();
  for (const { server } of plan.steps) {
    contents.set(server, await contentFor(of(state, server), observed[server] as Observed));
  }
  await forgetSettled(state, plan, observed);

  // One that is to rejoin, or to be seeded again, cannot stream before its turn.
  const works = ({ state: is, rejoin, behind }: Observed) =>
    is !== "stopped" && rejoin === undefined && behind === undefined;
  const running = new Set(Object.keys(observed).filter((name) => works(observed[name] as Observed)));
  const follows: Follows = new Map(Object.entries(followedBy(state.servers, observed, state.lost)));
  for (const [index, step] of plan.steps.entries()) {
    context.signal.throwIfAborted();
    await context.progress(words[index] ?? "");
    let replaced: Replaced = {};
    try {
      if (step.action === "restart" && (await asksForMore(of(state, step.server), step))) {
        await proveOne(context, state, step.server, follows);
        if (await asksForMore(of(state, step.server), step)) {
          const { whyLate } = await import("../process/lateReplay.js");
          const member = memberOf(state, step.server);
          const why = await whyLate(member.host, member.server, loginOf(state), context.signal);
          throw new Error(floorsLateInWords(step.server, why));
        }
      }
      await bringSlots(context, state, step);
      replaced = await take(context, state, step, contents.get(step.server) ?? {}, observed[step.server] as Observed);
      running.add(step.server);
      if (step.action !== "install") follows.set(step.server, of(state, step.server).upstream);
      const later = new Set(plan.steps.slice(index + 1).map(({ server }) => server));
      const moves = (name: string) => later.has(name) && follows.get(name) !== of(state, name).upstream;
      const proven = new Set([...running].filter((name) => !moves(name)));
      await prove(context, state, step, proven, follows);
      if (step.action !== "install") await requireTaken(context, state, step.server, contents.get(step.server) ?? {});
    } catch (failure) {
      const error = await lastOf(context, state, step.server, replaced, failure);
      const left = words.slice(index + 1);
      const rest = left.length === 0 ? "" : ` Not begun: ${left.join("; ")}.`;
      const next = error instanceof PutBack ? "" : " The next `pulumi up` goes on from here";
      throw new Error(`${words[index]} failed: ${messageOf(error)}.${rest}${next}`, { cause: error });
    }
  }
  await leaveSlots(context, state, plan.steps);
}

/** What a step failed of in the end: a server that started with new files and ended is started with those that it had. */
async function lastOf(context: Context, state: RolloutState, name: string, replaced: Replaced, failure: unknown) {
  if (context.signal.aborted || Object.keys(replaced).length === 0) return failure;
  try {
    return await backWhereEnded(state, name, replaced, failure);
  } catch (error) {
    return error;
  }
}

/** What is in force by now was staged while its server was still on its way there. */
async function forgetSettled(state: RolloutState, { steps }: RolloutPlan, observed: All): Promise<void> {
  for (const name of Object.keys(observed)) {
    if (observed[name]?.data !== "present" || steps.some(({ server }) => server === name)) continue;
    await stage(hostOf(of(state, name).host), of(state, name).controlDirectory, {});
  }
}

/** @throws with the ways out where its host cannot be reached */
async function observeNow(context: Context, state: RolloutState, name: string, lookAt: LookAt): Promise<Observed> {
  const server = of(state, name);
  try {
    return await observeForRollout(await lookAt(server), server, state, context.signal);
  } catch (error) {
    if (!(error instanceof HostUnreachable)) throw error;
    const ways = `bring it back and run again, or, where it is gone, declare servers.${name}.lost: true`;
    throw new Error(`${messageOf(error)}; nothing was changed: ${ways}`, { cause: error });
  }
}
