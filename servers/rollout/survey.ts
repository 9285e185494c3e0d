import { lookOfRefresh } from "../status/look.js";
import { ifTold } from "./ifTold.js";
import type { Observed, RolloutArgs, RolloutServer, RolloutState } from "./state.js";

/*
 * The servers of a rollout as one refresh finds them. The engine starts the provider a second time only to check and compare:
 * what observes is loaded when there is something to observe.
 */

/** A server as it is now. @throws HostUnreachable */
export async function observedAnew(
  server: RolloutServer & Partial<Observed>,
  login: RolloutArgs,
  signal: AbortSignal,
): Promise<RolloutServer & Observed> {
  const { observeForRollout } = await import("./observe.js");
  const now = await observeForRollout(await lookOfRefresh(server), server, login, signal);
  return { ...withoutObserved(server), ...now };
}

/** What was true the last time and is not said now is gone. */
function withoutObserved(server: RolloutServer & Partial<Observed>): RolloutServer {
  const { runs: _runs, pending: _pending, rules: _rules, recorded: _recorded, ...read } = server;
  const { replicas: _replicas, ...known } = read;
  const { program: _program, unread: _unread, diverged: _diverged, certificate: _certificate, ...facts } = known;
  const { shutDown: _shutDown, rejoin: _rejoin, trigger: _trigger, stale: _stale, secret: _secret, ...others } = facts;
  const { startOnly: _startOnly, behind: _behind, ...rest } = others;
  return rest;
}

/**
 * What is known of servers, and of those that nothing is known of yet: these are taken over where they run already, and their
 * plan too is shown first. Those that cannot be seen are left out.
 */
export async function withNewcomers(
  args: RolloutArgs,
  known: RolloutState["servers"],
  signal: AbortSignal,
): Promise<RolloutState["servers"]> {
  const unknown = Object.entries(args.servers).filter(([name]) => known[name] === undefined);
  const found = await Promise.all(
    unknown.map(async ([name, server]) => {
      const one = await ifTold(() => observedAnew(server, args, signal));
      return one === undefined ? [] : [[name, one] as const];
    }),
  );
  return seenFrom(args, known, Object.fromEntries(found.flat()));
}

/**
 * Divergence was judged among the servers that were known, by the primary that was declared before; where others have come,
 * or that is another now, it is judged anew.
 */
async function seenFrom(
  args: RolloutArgs,
  known: RolloutState["servers"],
  others: RolloutState["servers"],
): Promise<RolloutState["servers"]> {
  const found = { ...known, ...others };
  const before = Object.values(known).find(({ role }) => role === "primary")?.name;
  const primary = Object.values(args.servers).find(({ role }) => role === "primary")?.name;
  // Of mirrors the primary is outside, and may be another now.
  const isOutside = primary === undefined && args.upstream !== undefined;
  if (before === primary && !isOutside && Object.keys(others).length === 0) return found;
  return withDivergence(found, args);
}

/** @param site with the servers as they are declared to be */
export async function withDivergence(
  found: RolloutState["servers"],
  site: Pick<RolloutArgs, "servers" | "upstream" | "others">,
): Promise<RolloutState["servers"]> {
  const { markDiverged } = await import("./divergence.js");
  return markDiverged(found, site, lookOfRefresh);
}
