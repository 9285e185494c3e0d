import type { Major } from "../versions.js";
import type { Received } from "../wal/received.js";
import type { Floors } from "./changes.js";
import { afterFailover, describeFailover, failoverOf, moreAdvanced, refuseFailover } from "./failover.js";
import { refuseDiverged, refuseFloors, refuseRoles, refuseTls, refuseVersions } from "./refusals.js";
import { beforeRejoin, describeRejoin, describeSuperseded, type Rejoin, refuseRejoin, supersededOf } from "./rejoin.js";
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
 * The order in which configuration comes into force on the servers of a stack: one server at a time, and no hot standby
 * ever below its primary (PostgreSQL, "Hot Standby", Administrator's Overview). A pure function of what is and what shall be.
 */

/** Settings in force and files in place on a server, or as declared. */
export interface ConfigurationFacts {
  /** A hash of each file by name. */
  readonly files: Readonly<Record<string, string>>;
  /** What the files of settings say, by name; of a running server: what it runs with. */
  readonly settings: Readonly<Record<string, string>>;
  /** A hash of the rules of pg_hba.conf in order: with the same one, its text differs in nothing that matters. */
  readonly rules?: string;
  /** There are secrets in the files: these could be guessed from the hashes. */
  readonly secret?: true;
}

export interface ActualServer extends ConfigurationFacts {
  /** False where it has no data (yet): it is seeded and started with its declared configuration, not rolled out. */
  readonly data: boolean;
  readonly running: boolean;
  readonly inRecovery: boolean;
  /** The server of this stack that it follows now; left out where that is not known. */
  readonly follows?: string;
  /** Of a stopped standby: the floors in its control file, below which it does not start hot. */
  readonly recorded?: Floors;
  /** What an interrupted rollout still owes, where files are in place that are not in force. */
  readonly pending?: "reload" | "restart";
  /** It has not read pg_hba.conf since that was touched, or will be: another owner or mode makes it a new file. */
  readonly unread?: boolean;
  /** The program that it runs as, where that is not the declared one. */
  readonly program?: string;
  /** It started with another certificate than its files hold, and only a restart brings that into force. */
  readonly renewed?: boolean;
  /** Of its data, where that is not the declared one. */
  readonly version?: Major;
  /** Of a stopped one that was a primary: it was shut down, so that its control file says where its WAL ends. */
  readonly shutDown?: boolean;
  /** Why it can never again follow the primary: it has what that has not. */
  readonly diverged?: string;
  /** Why nothing is known of it now: what is said here is of the last time. */
  readonly unreachable?: string;
  /** Of a server in recovery, where a failover is in question. */
  readonly received?: Received;
  /** How it becomes a standby of the declared primary again, where it can. */
  readonly rejoin?: Rejoin;
  /** Of a stopped standby: a left-over file that would promote it as soon as it starts. */
  readonly trigger?: string;
  /** What the files of a running server say, where that is not what it runs with. */
  readonly filed?: Readonly<Record<string, string>>;
  /** Settings that the program was started with, by name: no file overrides those. */
  readonly given?: readonly string[];
}

export interface DesiredServer extends ConfigurationFacts {
  readonly version: Major;
  readonly role: "primary" | "standby" | "mirror";
  /** The server it replicates from; one outside of this stack is not among the desired ones. */
  readonly upstream?: string;
  readonly hotStandby: boolean;
}

export type Action = "install" | "reload" | "restart" | "start" | "rejoin";

/** One server's turn. Files that differ are installed first, whatever the action. */
export interface Step {
  readonly server: string;
  readonly action: Action;
  /** Why, for people: `max_connections 400 → 500`. */
  readonly because: readonly string[];
  /**
   * Settings that stay as they are for now although the files declare another value: a later step of the same server gives
   * it that. Empty for a server's last step.
   */
  readonly hold: Readonly<Record<string, string>>;
  /** With `rejoin`, which starts it too. */
  readonly rejoin?: Rejoin;
}

/** The server that takes writes hands that over to a standby of its. */
export interface Switchover {
  readonly from: string;
  readonly to: string;
}

/** A standby takes over from a primary that is lost. */
export interface Failover {
  readonly from: string;
  readonly to: string;
}

/** Servers of the stack that are gone, by name; they are neither among the actual ones nor among the desired. */
export type LostServers = Readonly<Record<string, { readonly acceptDataLoss: boolean }>>;

export interface RolloutPlan {
  /** What comes before the steps, which are planned as if it were done. */
  readonly switchover?: Switchover;
  /** The same. `words`: what is done, and what is lost with it as far as anybody knows. */
  readonly failover?: Failover & { readonly words: string };
  /** Servers that take writes beside the primary: they are stopped before the steps. */
  readonly superseded?: Readonly<Record<string, Rejoin>>;
  readonly steps: readonly Step[];
  /** Why nothing may be done; then there are no steps. */
  readonly refusals: readonly string[];
}

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
