import type { Floors } from "../settings/floors.js";
import { afterTakeover, beforeSeeding, leftBehindBy, maySeed, refuseSeeding, type SeedingAllowed } from "./behind.js";
import type { Rejoin } from "./diverged.js";
import { afterFailover, costOf, failoverOf, refuseFailover } from "./failover.js";
import type {
  Action,
  ActualServer,
  DesiredServer,
  LostServers,
  PlanReport,
  Reason,
  RolloutPlan,
  Step,
} from "./model.js";
import { refuseDiverged, refuseFloors, refuseRoles, refuseTls, refuseVersions } from "./refusals.js";
import { beforeRejoin, refuseRejoin, supersededOf } from "./rejoin.js";
import { afterSwitchover, refuseSwitchover, switchoverOf } from "./switchover.js";
import {
  actionOf,
  beforePrimary,
  carryOut,
  comersOf,
  followersToCome,
  holdOf,
  inOrder,
  isAwaitedAtItsPlace,
  primaryHold,
  type Turn,
  turnsBefore,
  turnsOf,
} from "./turns.js";

/**
 * Plans a rollout. First what a reload is enough for (a stopped standby may need its upstream's new rule); then stopped
 * servers are started, those that others follow before these; then restarts: standbys, leaves first, as far as the primary's present values allow; the primary; and the standbys
 * that wait for its lower values. Where a change raises one floor and lowers another, a standby is restarted twice, the
 * first time with the lowered setting held. Through all of it, nobody has a turn before the upstream that it is to
 * stream from can serve it, and none ceases to serve before those that move away have left.
 * @param seedAgain servers whose data may be replaced where they are behind and do not follow by themselves
 */
export function planRollout(
  actual: Readonly<Record<string, ActualServer>>,
  desired: Readonly<Record<string, DesiredServer>>,
  lost: LostServers = {},
  seedAgain: readonly string[] = [],
): RolloutPlan {
  const switchover = switchoverOf(actual, desired);
  const failover = failoverOf(actual, desired, lost);
  const allowed: SeedingAllowed = { servers: seedAgain, lost };
  const costed = failover === undefined ? undefined : costOf(failover, actual);
  const ahead = costed?.loss.ahead.map(({ server }) => server) ?? [];
  const takeover = switchover ?? failover;
  const behind = takeover === undefined ? [] : leftBehindBy(takeover, actual, desired, ahead);
  const taken =
    switchover !== undefined
      ? afterSwitchover(actual, desired, switchover)
      : failover !== undefined
        ? afterFailover(actual, desired, failover)
        : actual;
  const next = beforeSeeding(beforeRejoin(takeover === undefined ? taken : afterTakeover(taken, takeover.to, behind)));
  const refusals = [
    ...refuseVersions(actual, desired),
    ...(switchover === undefined ? [] : refuseSwitchover(switchover, actual, desired, unallowed(behind, allowed))),
    ...(failover === undefined ? [] : refuseFailover(failover, actual, desired, lost)),
    ...refuseRoles(next, desired),
    ...refuseDiverged(next, desired),
    ...refuseRejoin(actual),
    // Nobody waits for room at night: what cannot be seeded then is seeded later.
    ...(failover === undefined ? refuseSeeding(next, desired, allowed, behind) : []),
    ...refuseFloors(desired),
    ...refuseTls(next, desired),
  ];
  if (refusals.length > 0) return { steps: [], refusals };
  const steps = stepsOf(next, desired);
  if (costed !== undefined) {
    // What they have beyond it keeps them from following.
    const others = steps.filter(({ server }) => !ahead.includes(server));
    return { failover: costed, steps: others, refusals: [] };
  }
  const superseded = supersededOf(actual).map((name) => [name, actual[name]?.rejoin as Rejoin] as const);
  return {
    ...(switchover === undefined ? {} : { switchover }),
    ...(superseded.length === 0 ? {} : { superseded: Object.fromEntries(superseded) }),
    steps,
    refusals: [],
  };
}

function unallowed(behind: readonly string[], allowed: SeedingAllowed): readonly string[] {
  return behind.filter((server) => !maySeed(server, allowed));
}

function stepsOf(
  actual: Readonly<Record<string, ActualServer>>,
  desired: Readonly<Record<string, DesiredServer>>,
): readonly Step[] {
  const turns = turnsOf(actual, desired);
  const primary = turns.find((turn) => turn.desired.role === "primary");
  const standbys = turns.filter((turn) => turn !== primary);
  const steps: Step[] = [];
  const take = (turn: Turn, first = false): void => {
    const action = actionOf(turn);
    const holds = first || action === "start";
    const hold = turn !== primary ? holdOf(turn, primary) : holds ? primaryHold(turn, standbys) : {};
    const comers = turn.change.dismisses ? comersOf(turn, turns) : [];
    turn.open = comers.length > 0;
    steps.push(stepOf(turn, action, hold, namesOf(turn === primary ? standbys : [primary]), namesOf(comers)));
    carryOut(turn, action, hold, turns);
  };
  const isServed = (turn: Turn) => turnsBefore(turn, turns).length === 0;

  for (const turn of rootFirst(turns.filter(({ running, change }) => running && change.action === "restart"))) {
    const comers = turn.change.letsIn ? followersToCome(turn, turns) : [];
    if (comers.length === 0) continue;
    turn.open = turn.change.dismisses;
    const because = [{ code: "letsBothIn", servers: namesOf(comers) } as const];
    steps.push({ server: turn.name, action: "reload", because, hold: {}, both: "alone" });
  }
  for (const turn of rootFirst(turns.filter(({ running, change }) => running && change.action !== "restart"))) {
    if (turn.change.action === "none") turn.done = true;
    else if (turn.change.action === "install" || isServed(turn)) take(turn);
  }
  for (const turn of rootFirst(turns.filter(({ running }) => !running))) if (isServed(turn)) take(turn);
  const waiting = () =>
    inOrder(
      standbys.filter(({ done }) => !done),
      turns,
    );
  if (primary !== undefined && !primary.done && isAwaitedAtItsPlace(primary, waiting(), turns)) take(primary, true);
  for (const turn of beforePrimary(waiting(), turns, primary)) take(turn);
  if (primary !== undefined && !primary.done) take(primary);
  // A second time for those that had to start with what they had.
  for (const turn of waiting()) take(turn);
  for (const turn of waiting()) take(turn);
  for (const { name } of rootFirst(turns.filter(({ open }) => open))) {
    steps.push({ server: name, action: "reload", because: [{ code: "letsInAsDeclared" }], hold: {} });
  }
  return steps;
}

/** A plan as it is shown, with what comes before the steps in its place. */
export function reportOf({ switchover, failover, superseded = {}, steps, refusals }: RolloutPlan): PlanReport {
  return {
    steps: [
      ...(switchover === undefined ? [] : [{ action: "switchover", ...switchover } as const]),
      ...(failover === undefined ? [] : [{ action: "failover", ...failover } as const]),
      ...Object.entries(superseded).map(([server, fork]) => ({ action: "stop", server, fork }) as const),
      ...steps.map(({ hold: _hold, both: _both, ...step }) => step),
    ],
    refusals,
  };
}

/** @param until servers whose new values end what is held @param comers those that its rules are to let in as they come now */
function stepOf(turn: Turn, action: Action, hold: Floors, until: readonly string[], comers: readonly string[]): Step {
  const kept = Object.fromEntries(Object.entries(hold).map(([name, value]) => [name, `${value}`]));
  const held = Object.entries(kept).map(([setting, value]): Reason => ({ code: "held", setting, value, until }));
  const { name: server, rejoin, behind } = turn;
  const both = comers.length === 0 ? {} : { both: "with all" as const };
  const open: readonly Reason[] = comers.length === 0 ? [] : [{ code: "letsBothIn", servers: comers }];
  if (rejoin !== undefined && !turn.taken) {
    return { server, action: "rejoin", because: [...held, ...open], hold: kept, rejoin, ...both };
  }
  if (behind !== undefined && !turn.taken) {
    return { server, action: "seed", because: [...held, ...open], hold: kept, behind, ...both };
  }
  const why = turn.taken ? lateReasons(turn) : turn.change.because;
  const because: readonly Reason[] = [
    ...(action === "start" ? [{ code: turn.data ? "stopped" : "seeded" } as const] : []),
    ...(turn.trigger === undefined ? [] : [{ code: "triggerLeftOver", path: turn.trigger } as const]),
    ...why.filter((reason) => reason.code !== "setting" || kept[reason.setting] === undefined),
    ...held,
    ...open,
  ];
  return { server, action, because, hold: kept, ...both };
}

function namesOf(turns: readonly (Turn | undefined)[]): readonly string[] {
  return turns.flatMap((turn) => turn?.name ?? []);
}

function lateReasons(turn: Turn): readonly Reason[] {
  return Object.keys(turn.floors)
    .filter((setting) => turn.now[setting] !== turn.floors[setting])
    .map((setting) => ({
      code: "setting",
      setting,
      from: `${turn.now[setting]}`,
      to: `${turn.floors[setting]}`,
    }));
}

/** Upstreams before those that follow them; of others those first that take less time, so that a standby is there soon. */
function rootFirst(turns: readonly Turn[]): readonly Turn[] {
  return [...turns].sort((left, right) => left.depth - right.depth || copied(left) - copied(right));
}

/** How much of a server's data comes anew in its turn, by a rank. */
function copied({ behind, taken }: Turn): number {
  if (behind === undefined || taken) return 0;
  return behind.way === "delta copy" ? 1 : 2;
}
