import { type Change, changeOf, type Floors, floorsOf } from "./rollout-changes.js";
import type { Major } from "./versions.js";

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
}

export interface ActualServer extends ConfigurationFacts {
  /** False where it has no data (yet): it is seeded and started with its declared configuration, not rolled out. */
  readonly data: boolean;
  readonly running: boolean;
  readonly inRecovery: boolean;
  /** What an interrupted rollout still owes, where files are in place that are not in force. */
  readonly pending?: "reload" | "restart";
  /** It has not read pg_hba.conf since that was touched, or will be: another owner or mode makes it a new file. */
  readonly unread?: boolean;
  /** The program that it runs as, where that is not the declared one. */
  readonly program?: string;
  /** Of its data, where that is not the declared one. */
  readonly version?: Major;
  /** Why it can never again follow the primary: it has what that has not. */
  readonly diverged?: string;
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

export type Action = "install" | "reload" | "restart" | "start";

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
}

export interface RolloutPlan {
  readonly steps: readonly Step[];
  /** Why nothing may be done; then there are no steps. */
  readonly refusals: readonly string[];
}

interface Turn {
  readonly name: string;
  readonly desired: DesiredServer;
  readonly depth: number;
  readonly change: Change;
  readonly floors: Floors;
  /** What it runs with as the plan goes on. */
  now: Floors;
  running: boolean;
  /** It had a turn; `done`: and needs no other. */
  taken: boolean;
  done: boolean;
}

/**
 * Plans a rollout. First what a reload is enough for (a stopped standby may need its upstream's new rule); then stopped
 * servers are started, those that others follow before these; then restarts: standbys, leaves first, as far as the primary's present values allow; the primary; and the standbys
 * that wait for its lower values. Where a change raises one floor and lowers another, a standby is restarted twice, the
 * first time with the lowered setting held.
 */
export function planRollout(
  actual: Readonly<Record<string, ActualServer>>,
  desired: Readonly<Record<string, DesiredServer>>,
): RolloutPlan {
  const refusals = [
    ...refuseVersions(actual, desired),
    ...refuseRoles(actual, desired),
    ...refuseDiverged(actual, desired),
    ...refuseFloors(desired),
  ];
  if (refusals.length > 0) return { steps: [], refusals };
  const turns = Object.keys(desired)
    .sort()
    .flatMap((name) => turnOf(name, actual, desired));
  const primary = turns.find((turn) => turn.desired.role === "primary");
  const standbys = turns.filter((turn) => turn !== primary);
  const steps: Step[] = [];
  const take = (turn: Turn, action: Action, hold: Floors): void => {
    const held = Object.keys(hold);
    const why = turn.taken ? lateReasons(turn) : turn.change.because;
    const because = [
      ...(action === "start" ? ["stopped"] : []),
      ...why.filter((reason) => !held.some((name) => reason.startsWith(`${name} `))),
      ...held.map((name) => `${name} stays ${hold[name]} until ${heldFor(turn, primary, standbys)}`),
    ];
    steps.push({
      server: turn.name,
      action,
      because,
      hold: Object.fromEntries(held.map((name) => [name, `${hold[name]}`])),
    });
    turn.now = { ...turn.floors, ...hold };
    turn.running = true;
    turn.taken = true;
    turn.done = held.length === 0;
  };

  for (const turn of rootFirst(turns.filter(({ running, change }) => running && change.action !== "restart"))) {
    if (turn.change.action === "none") turn.done = true;
    else take(turn, turn.change.action, {});
  }
  for (const turn of rootFirst(turns.filter(({ running }) => !running))) {
    const hold = turn === primary ? tooHighFor(turn, standbys) : highest(lastValues(turn), tooLowFor(turn, primary));
    take(turn, "start", hold);
  }
  for (const turn of leavesFirst(standbys.filter(({ done }) => !done))) {
    const hold = tooLowFor(turn, primary);
    const mustRise = primary !== undefined && isHot(turn) && below(turn.now, primary.floors);
    if (Object.keys(hold).length === 0 || mustRise) take(turn, "restart", hold);
  }
  if (primary !== undefined && !primary.done) take(primary, "restart", {});
  for (const turn of leavesFirst(standbys.filter(({ done }) => !done))) take(turn, "restart", {});
  return { steps, refusals: [] };
}

/** A plan in words, one line a step: `1. server3: restart (max_connections 400 → 500)`. */
export function describePlan(plan: RolloutPlan): readonly string[] {
  if (plan.refusals.length > 0) return plan.refusals.map((refusal) => `refused: ${refusal}`);
  return plan.steps.map(({ server, action, because }, index) => {
    const reasons = because.length === 0 ? "" : ` (${because.join(", ")})`;
    return `${index + 1}. ${server}: ${action}${reasons}`;
  });
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
      now: floorsOf(shall.version, is.settings),
      running: is.running,
      taken: false,
      done: false,
    },
  ];
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

/** Conservative: one that is hot now or shall be has a floor. */
function isHot(turn: Turn): boolean {
  return turn.desired.hotStandby || turn.change.hotNow;
}

function highest(one: Floors, other: Floors): Floors {
  const higher = Object.entries(other).map(([name, value]) => [name, Math.max(value, one[name] ?? value)]);
  return { ...one, ...Object.fromEntries(higher) };
}

function below(one: Floors, other: Floors): boolean {
  return Object.entries(other).some(([name, value]) => (one[name] ?? 0) < value);
}

/** What a standby must keep for now: settings whose declared value is below what the primary runs with. */
function tooLowFor(standby: Turn, primary: Turn | undefined): Floors {
  if (primary === undefined || !isHot(standby)) return {};
  return Object.fromEntries(Object.entries(primary.now).filter(([name, value]) => (standby.floors[name] ?? 0) < value));
}

/**
 * What a stopped hot standby must start with: settings declared below its last values. Its control file may ask for these
 * (it has not replayed the primary's lower ones yet), also where the primary has the new value long since.
 */
function lastValues(standby: Turn): Floors {
  if (!isHot(standby)) return {};
  return Object.fromEntries(Object.entries(standby.now).filter(([name, value]) => (standby.floors[name] ?? 0) < value));
}

/** What the primary must keep for now: settings whose declared value is above what a running hot standby has. */
function tooHighFor(primary: Turn, standbys: readonly Turn[]): Floors {
  const hot = standbys.filter((standby) => standby.running && isHot(standby));
  return Object.fromEntries(
    Object.entries(primary.now).filter(([name]) =>
      hot.some((standby) => (standby.now[name] ?? 0) < (primary.floors[name] ?? 0)),
    ),
  );
}

function heldFor(turn: Turn, primary: Turn | undefined, standbys: readonly Turn[]): string {
  if (turn !== primary) return `${primary?.name ?? "its upstream"} has its new value`;
  return `${standbys.map(({ name }) => name).join(" and ")} ${standbys.length === 1 ? "has its" : "have their"} new value`;
}

function lateReasons(turn: Turn): readonly string[] {
  return Object.keys(turn.floors)
    .filter((name) => turn.now[name] !== turn.floors[name])
    .map((name) => `${name} ${turn.now[name]} → ${turn.floors[name]}`);
}

function rootFirst(turns: readonly Turn[]): readonly Turn[] {
  return [...turns].sort((left, right) => left.depth - right.depth);
}

function leavesFirst(turns: readonly Turn[]): readonly Turn[] {
  return [...turns].sort((left, right) => right.depth - left.depth);
}

/** A server whose real role is not the declared one: that takes a switchover, not a rollout. */
function refuseRoles(
  actual: Readonly<Record<string, ActualServer>>,
  desired: Readonly<Record<string, DesiredServer>>,
): readonly string[] {
  const wrong = Object.keys(desired)
    .sort()
    .flatMap((name) => {
      const is = actual[name];
      const role = desired[name]?.role;
      if (is === undefined || role === undefined || !is.data || is.inRecovery === (role !== "primary")) return [];
      return [`${name} is ${is.inRecovery ? "in recovery" : "not in recovery"} and is declared ${role}`];
    });
  if (wrong.length === 0) return [];
  return [
    `${wrong.join("; ")}: making another server the primary is a switchover, which this version of pgsite does not do. Nothing was changed; declare the roles that the servers have`,
  ];
}

/** No program of one major version starts on the data of another. */
function refuseVersions(
  actual: Readonly<Record<string, ActualServer>>,
  desired: Readonly<Record<string, DesiredServer>>,
): readonly string[] {
  return Object.entries(desired)
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .flatMap(([name, { version }]) => {
      const is = actual[name];
      if (is === undefined || !is.data || is.version === undefined || is.version === version) return [];
      return [
        `${name} has data of PostgreSQL ${is.version} and is declared ${version}: pg_upgrade, or dump and restore, brings them there. Nothing was changed; until then declare ${is.version}`,
      ];
    });
}

/** Whatever were done to it, it would never stream again; and what it alone has is not ours to throw away. */
function refuseDiverged(
  actual: Readonly<Record<string, ActualServer>>,
  desired: Readonly<Record<string, DesiredServer>>,
): readonly string[] {
  return Object.keys(desired)
    .sort()
    .flatMap((name) => {
      const diverged = actual[name]?.diverged;
      if (diverged === undefined || desired[name]?.role === "primary" || actual[name]?.inRecovery === false) return [];
      return [`the timeline of ${name} is ${diverged}. Nothing was changed`];
    });
}

/** A description in which a hot standby is below its primary cannot be rolled out in any order. */
function refuseFloors(desired: Readonly<Record<string, DesiredServer>>): readonly string[] {
  const primary = Object.entries(desired).find(([, { role }]) => role === "primary");
  if (primary === undefined) return [];
  const [primaryName, { version, settings }] = primary;
  const wanted = floorsOf(version, settings);
  return Object.entries(desired).flatMap(([name, standby]) => {
    if (name === primaryName || !standby.hotStandby) return [];
    const has = floorsOf(standby.version, standby.settings);
    return Object.entries(wanted).flatMap(([setting, floor]) =>
      (has[setting] ?? 0) < floor
        ? [
            `${name}: ${setting} ${has[setting]} is below the ${floor} of ${primaryName}, and a hot standby would not start`,
          ]
        : [],
    );
  });
}
