import type { Floors } from "../settings/floors.js";
import { afterFailover, describeFailover, failoverOf, moreAdvanced, refuseFailover } from "./failover.js";
import type { Action, ActualServer, DesiredServer, LostServers, Rejoin, RolloutPlan, Step } from "./model.js";
import { refuseDiverged, refuseFloors, refuseRoles, refuseTls, refuseVersions } from "./refusals.js";
import { beforeRejoin, describeRejoin, describeSuperseded, refuseRejoin, supersededOf } from "./rejoin.js";
import { afterSwitchover, describeSwitchover, refuseSwitchover, switchoverOf } from "./switchover.js";
import {
  actionOf,
  beforePrimary,
  carryOut,
  holdOf,
  inOrder,
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
 */
export function planRollout(
  actual: Readonly<Record<string, ActualServer>>,
  desired: Readonly<Record<string, DesiredServer>>,
  lost: LostServers = {},
): RolloutPlan {
  const switchover = switchoverOf(actual, desired);
  const failover = failoverOf(actual, desired, lost);
  const next = beforeRejoin(
    switchover !== undefined
      ? afterSwitchover(actual, switchover)
      : failover !== undefined
        ? afterFailover(actual, failover)
        : actual,
  );
  const refusals = [
    ...refuseVersions(actual, desired),
    ...(switchover === undefined ? [] : refuseSwitchover(switchover, actual, desired)),
    ...(failover === undefined ? [] : refuseFailover(failover, actual, desired, lost)),
    ...refuseRoles(next, desired),
    ...refuseDiverged(next, desired),
    ...refuseRejoin(actual),
    ...refuseFloors(desired),
    ...refuseTls(next, desired),
  ];
  if (refusals.length > 0) return { steps: [], refusals };
  const steps = stepsOf(next, desired);
  if (failover !== undefined) {
    const words = describeFailover(failover, actual, desired);
    // What they have beyond it keeps them from following.
    const ahead = moreAdvanced(failover.to, actual).map(({ name }) => name);
    const others = steps.filter(({ server }) => !ahead.includes(server));
    return { failover: { ...failover, words }, steps: others, refusals: [] };
  }
  const superseded = supersededOf(actual).map((name) => [name, actual[name]?.rejoin as Rejoin] as const);
  return {
    ...(switchover === undefined ? {} : { switchover }),
    ...(superseded.length === 0 ? {} : { superseded: Object.fromEntries(superseded) }),
    steps,
    refusals: [],
  };
}

function stepsOf(
  actual: Readonly<Record<string, ActualServer>>,
  desired: Readonly<Record<string, DesiredServer>>,
): readonly Step[] {
  const turns = turnsOf(actual, desired);
  const primary = turns.find((turn) => turn.desired.role === "primary");
  const standbys = turns.filter((turn) => turn !== primary);
  const steps: Step[] = [];
  const take = (turn: Turn): void => {
    const action = actionOf(turn);
    const hold = turn !== primary ? holdOf(turn, primary) : action === "start" ? primaryHold(turn, standbys) : {};
    steps.push(stepOf(turn, action, hold, turn === primary ? newValuesOf(standbys) : newValuesOf([primary])));
    carryOut(turn, action, hold);
  };
  const isServed = (turn: Turn) => turnsBefore(turn, turns).length === 0;

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
  for (const turn of beforePrimary(waiting(), turns, primary)) take(turn);
  if (primary !== undefined && !primary.done) take(primary);
  // A second time for those that had to start with what they had.
  for (const turn of waiting()) take(turn);
  for (const turn of waiting()) take(turn);
  return steps;
}

/** A plan in words, one line a step: `1. server3: restart (max_connections 400 → 500)`. */
export function describePlan(plan: RolloutPlan): readonly string[] {
  if (plan.refusals.length > 0) return plan.refusals.map((refusal) => `refused: ${refusal}`);
  const steps = plan.steps.map(({ server, action, because, rejoin }) => {
    const reasons = because.length === 0 ? "" : ` (${because.join(", ")})`;
    return `${server}: ${action}${rejoin === undefined ? "" : ` by ${rejoin.way}`}${reasons}`;
  });
  const first = [
    ...(plan.switchover === undefined ? [] : [describeSwitchover(plan.switchover)]),
    ...(plan.failover === undefined ? [] : [plan.failover.words]),
    ...Object.entries(plan.superseded ?? {}).map(([name, rejoin]) => describeSuperseded(name, rejoin)),
  ];
  return [...first, ...steps].map((words, index) => `${index + 1}. ${words}`);
}

function stepOf(turn: Turn, action: Action, hold: Floors, until: string): Step {
  const held = Object.keys(hold);
  const { rejoin } = turn;
  if (rejoin !== undefined && !turn.taken) {
    const because = [describeRejoin(rejoin), ...held.map((name) => `${name} stays ${hold[name]} until ${until}`)];
    const kept = Object.fromEntries(held.map((name) => [name, `${hold[name]}`]));
    return { server: turn.name, action: "rejoin", because, hold: kept, rejoin };
  }
  const why = turn.taken ? lateReasons(turn) : turn.change.because;
  const because = [
    ...(action === "start" ? [turn.data ? "stopped" : "seeded"] : []),
    ...(turn.trigger === undefined ? [] : [`left over, and moved away before: ${turn.trigger}`]),
    ...why.filter((reason) => !held.some((name) => reason.startsWith(`${name} `))),
    ...held.map((name) => `${name} stays ${hold[name]} until ${until}`),
  ];
  return { server: turn.name, action, because, hold: Object.fromEntries(held.map((name) => [name, `${hold[name]}`])) };
}

function newValuesOf(others: readonly (Turn | undefined)[]): string {
  const names = others.map((one) => one?.name ?? "its upstream");
  return `${names.join(" and ")} ${names.length === 1 ? "has its" : "have their"} new value`;
}

function lateReasons(turn: Turn): readonly string[] {
  return Object.keys(turn.floors)
    .filter((name) => turn.now[name] !== turn.floors[name])
    .map((name) => `${name} ${turn.now[name]} → ${turn.floors[name]}`);
}

function rootFirst(turns: readonly Turn[]): readonly Turn[] {
  return [...turns].sort((left, right) => left.depth - right.depth);
}
