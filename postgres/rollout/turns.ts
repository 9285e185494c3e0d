import { type Floors, floorsOf } from "../settings/floors.js";
import { type Change, changeOf } from "./changes.js";
import type { Behind, Rejoin } from "./diverged.js";
import type { Action, ActualServer, DesiredServer } from "./model.js";

/** A server in a plan: what it needs, and how it stands as the plan goes on. */
export interface Turn {
  readonly name: string;
  readonly desired: DesiredServer;
  readonly depth: number;
  readonly change: Change;
  readonly floors: Floors;
  /** False for one whose data this very `up` makes, before the rollout. */
  readonly data: boolean;
  /** How it becomes a standby again, in its first turn. */
  readonly rejoin?: Rejoin;
  /** How it is seeded again, in its first turn. */
  readonly behind?: Behind;
  /** A file that would promote it as soon as it starts. */
  readonly trigger?: string;
  /** What it runs with; of a stopped one, what its files and its control file ask for. */
  now: Floors;
  running: boolean;
  /** Others can stream from it: it runs, as a primary or as a hot standby. */
  serves: boolean;
  /** It listens where others look for it. */
  reached: boolean;
  /** The server of this stack that it follows, where that is known. */
  follows: string | undefined;
  /** It looks for that where that listens no more: what that wrote since then comes with a turn of its own. */
  cut: boolean;
  /** It had a turn; `done`: and needs no other. */
  taken: boolean;
  done: boolean;
  /** Its rules still let standbys in as they came before. */
  open: boolean;
}

/** The servers that have something to be planned for, by name. */
export function turnsOf(
  actual: Readonly<Record<string, ActualServer>>,
  desired: Readonly<Record<string, DesiredServer>>,
): readonly Turn[] {
  const names = Object.keys(desired).sort();
  const turns = names.flatMap((name) => turnOf(name, actual, desired));
  const primary = turns.find(({ desired: { role } }) => role === "primary");
  return [...turns, ...names.flatMap((name) => seededTurn(name, actual, desired, primary))];
}

function turnOf(
  name: string,
  actual: Readonly<Record<string, ActualServer>>,
  desired: Readonly<Record<string, DesiredServer>>,
): readonly Turn[] {
  const is = actual[name];
  const shall = desired[name];
  if (is === undefined || shall === undefined || !is.data) return [];
  const change = changeOf(shall.version, is, shall);
  return [
    {
      name,
      desired: shall,
      depth: depthOf(name, desired),
      change,
      floors: floorsOf(shall.version, shall.settings),
      data: true,
      ...(is.rejoin === undefined ? {} : { rejoin: is.rejoin }),
      ...(is.behind === undefined ? {} : { behind: is.behind }),
      ...(is.trigger === undefined ? {} : { trigger: is.trigger }),
      now: highest(floorsOf(shall.version, is.settings), is.recorded ?? {}),
      running: is.running,
      serves: is.running && (!is.inRecovery || change.hotNow),
      reached: change.listensNow,
      follows: is.follows,
      cut: isCutOff(name, actual, desired),
      taken: false,
      done: false,
      open: false,
    },
  ];
}

/** Whether its upstream listens where it is declared to, and the server looks for it somewhere else: an `up` ended in between. */
function isCutOff(
  name: string,
  actual: Readonly<Record<string, ActualServer>>,
  desired: Readonly<Record<string, DesiredServer>>,
): boolean {
  const [is, shall] = [actual[name], desired[name]];
  if (is?.running !== true || !is.inRecovery || is.follows !== undefined || shall?.upstream === undefined) return false;
  const [upstream, declared] = [actual[shall.upstream], desired[shall.upstream]];
  const looksThere =
    is.settings.primary_conninfo === shall.settings.primary_conninfo &&
    is.files["recovery.conf"] === shall.files["recovery.conf"];
  if (looksThere) return false;
  return (
    upstream?.running === true && declared !== undefined && changeOf(declared.version, upstream, declared).listensNow
  );
}

/**
 * A hot standby whose data is a base backup of the primary as it runs now, and which is declared below that: it cannot
 * start with what is declared, and is left to the rollout. Any other one starts as declared, before the rollout.
 */
function seededTurn(
  name: string,
  actual: Readonly<Record<string, ActualServer>>,
  desired: Readonly<Record<string, DesiredServer>>,
  primary: Turn | undefined,
): readonly Turn[] {
  const shall = desired[name];
  if (primary === undefined || shall?.hotStandby !== true || actual[name]?.data !== false) return [];
  const turn: Turn = {
    name,
    desired: shall,
    depth: depthOf(name, desired),
    change: { action: "none", because: [], hotNow: false, listensNow: false, letsIn: false, dismisses: false },
    floors: floorsOf(shall.version, shall.settings),
    data: false,
    now: primary.now,
    running: false,
    serves: false,
    reached: false,
    follows: undefined,
    cut: false,
    taken: false,
    done: false,
    open: false,
  };
  return below(turn.floors, turn.now) ? [turn] : [];
}

/** How many servers of this stack stand between a server and the one that follows nobody here. */
function depthOf(name: string, desired: Readonly<Record<string, DesiredServer>>): number {
  const seen = new Set<string>();
  for (let at: string | undefined = name; at !== undefined && desired[at] !== undefined && !seen.has(at); ) {
    seen.add(at);
    at = desired[at]?.upstream;
  }
  return seen.size - 1;
}

/** What its turn is, the next time. */
export function actionOf(turn: Turn): Action {
  if (!turn.running) return "start";
  return turn.taken || turn.change.action === "none" ? "restart" : turn.change.action;
}

/** How it stands after a turn, and those that follow it. */
export function carryOut(turn: Turn, action: Action, hold: Floors, turns: readonly Turn[]): void {
  if (action === "restart" || action === "start") {
    const follow = (one: Turn) => (one.follows ?? one.desired.upstream) === turn.name && !one.taken;
    if (!turn.reached) for (const one of turns.filter(follow)) one.cut = true;
    turn.cut = false;
    turn.now = { ...turn.floors, ...hold };
    turn.serves = willServe(turn);
    turn.reached = true;
  }
  if (action !== "install") turn.follows = turn.desired.upstream;
  turn.running = true;
  turn.taken = true;
  turn.done = Object.keys(hold).length === 0;
}

function willServe({ desired }: Turn): boolean {
  return desired.role === "primary" || desired.hotStandby;
}

function moves({ follows, desired }: Turn): boolean {
  return follows !== undefined && follows !== desired.upstream;
}

/**
 * Turns that must come before one's own: of the servers between it and the primary, and of that, those that cannot be streamed from
 * yet, or not where they are declared to listen, or that move themselves (one may follow this very server still); where it moves, that of its new upstream; and,
 * where it ceases to serve, those of the servers that move away from it.
 */
export function turnsBefore(turn: Turn, turns: readonly Turn[]): readonly Turn[] {
  const isNeeded = (one: Turn) =>
    !one.taken &&
    !one.done &&
    willServe(one) &&
    (!one.serves ||
      !one.reached ||
      moves(one) ||
      (moves(turn) && one.name === turn.desired.upstream && one.desired.role !== "primary"));
  const leaves = (one: Turn) => one.running && !one.done && one.follows === turn.name && moves(one);
  const ceases = turn.serves && !willServe(turn);
  return [...upstreamsOf(turn, turns).filter(isNeeded), ...(ceases ? turns.filter(leaves) : [])];
}

/** Servers that follow this one, or are to follow it, and have a turn to come in which they may connect anew. */
export function followersToCome(turn: Turn, turns: readonly Turn[]): readonly Turn[] {
  const follows = (one: Turn) => one.desired.upstream === turn.name || one.follows === turn.name;
  return turns.filter(
    (one) => one !== turn && !one.taken && follows(one) && (starts(one) || one.change.action === "reload"),
  );
}

/**
 * The same, and servers that are to start: before it starts, a server's guard asks all others by how replicas come, and goes by
 * what was in force before the rollout.
 */
export function comersOf(turn: Turn, turns: readonly Turn[]): readonly Turn[] {
  const followers = followersToCome(turn, turns);
  return turns.filter((one) => followers.includes(one) || (one !== turn && !one.done && starts(one)));
}

function starts({ running, change: { action } }: Turn): boolean {
  return !running || action === "restart";
}

/** The servers of this stack from which it is to get what it replicates, nearest first. */
function upstreamsOf(turn: Turn, turns: readonly Turn[]): readonly Turn[] {
  const found = new Set<Turn>();
  const next = (one: Turn) => turns.find(({ name }) => name === one.desired.upstream);
  for (let at = next(turn); at !== undefined && !found.has(at); at = next(at)) found.add(at);
  return [...found];
}

/** Those of a list, and after each other as they must: what is stopped, then leaves first, but for what `turnsBefore` says. */
export function inOrder(list: readonly Turn[], turns: readonly Turn[]): readonly Turn[] {
  const ordered = new Set<Turn>();
  const seen = new Set<Turn>();
  const add = (turn: Turn): void => {
    if (seen.has(turn)) return;
    seen.add(turn);
    for (const other of turnsBefore(turn, turns)) add(other);
    if (list.includes(turn)) ordered.add(turn);
  };
  const first = (left: Turn, right: Turn) => Number(left.running) - Number(right.running) || right.depth - left.depth;
  for (const turn of [...list].sort(first)) add(turn);
  return [...ordered];
}

/**
 * Those of the waiting standbys that have their turn before the primary: whoever would be below its new values, with all
 * who must come before these; and whoever may have what is declared while the primary still has its old ones, and can be streamed from.
 */
export function beforePrimary(
  waiting: readonly Turn[],
  turns: readonly Turn[],
  primary: Turn | undefined,
): readonly Turn[] {
  const forced = new Set<Turn>();
  const force = (turn: Turn): void => {
    if (forced.has(turn)) return;
    forced.add(turn);
    for (const other of turnsBefore(turn, turns)) force(other);
  };
  for (const turn of waiting) if (mustRise(turn, primary)) force(turn);
  const isFree = (turn: Turn): boolean =>
    forced.has(turn) ||
    ((actionOf(turn) !== "restart" || Object.keys(holdOf(turn, primary)).length === 0) &&
      turnsBefore(turn, turns).every((one) => one !== primary && isFree(one)));
  return waiting.filter(isFree);
}

function mustRise(turn: Turn, primary: Turn | undefined): boolean {
  return primary !== undefined && turn.serves && below(turn.now, primary.floors);
}

/**
 * What a standby's next turn must leave as it is for now: floors declared below what the primary runs with. One that is
 * stopped starts with what it last had, or what its control file asks for: it has not replayed the primary's lower
 * values yet, also where the primary has them long since. So does one that is cut off. A warm standby has no floor.
 */
export function holdOf(standby: Turn, primary: Turn | undefined): Floors {
  const action = actionOf(standby);
  if (!standby.desired.hotStandby || (action !== "restart" && action !== "start")) return {};
  const ofPrimary = primary?.now ?? {};
  const floor = action === "start" || standby.cut ? highest(standby.now, ofPrimary) : ofPrimary;
  return Object.fromEntries(Object.entries(floor).filter(([name, value]) => (standby.floors[name] ?? 0) < value));
}

/**
 * Whether standbys that must have higher floors before the primary cannot be proven before it listens where it is declared to:
 * it restarts there first, with what it has of those floors.
 */
export function isAwaitedAtItsPlace(primary: Turn, waiting: readonly Turn[], turns: readonly Turn[]): boolean {
  return waiting.some((turn) => mustRise(turn, primary) && turnsBefore(turn, turns).includes(primary));
}

/** What a stopped primary, or one that restarts before its standbys, must keep for now: settings whose declared value is above what a running hot standby has. */
export function primaryHold(primary: Turn, standbys: readonly Turn[]): Floors {
  const hot = standbys.filter(({ serves }) => serves);
  return Object.fromEntries(
    Object.entries(primary.now).filter(([name]) =>
      hot.some((standby) => (standby.now[name] ?? 0) < (primary.floors[name] ?? 0)),
    ),
  );
}

function highest(one: Floors, other: Floors): Floors {
  const higher = Object.entries(other).map(([name, value]) => [name, Math.max(value, one[name] ?? value)]);
  return { ...one, ...Object.fromEntries(higher) };
}

function below(one: Floors, other: Floors): boolean {
  return Object.entries(other).some(([name, value]) => (one[name] ?? 0) < value);
}
