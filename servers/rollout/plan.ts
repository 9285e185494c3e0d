import { defined } from "../../postgres/defined.js";
import { parseConninfo } from "../../postgres/files/conninfo.js";
import type { ActualServer, Refusal, RolloutPlan } from "../../postgres/rollout/model.js";
import { planRollout } from "../../postgres/rollout/plan.js";
import type { Observed, RolloutArgs, RolloutServer } from "./state.js";

/** The plan from what was observed to what is declared. */
export function planOf(
  wanted: Readonly<Record<string, RolloutServer>>,
  observed: Readonly<Record<string, Observed>>,
  { lost = {}, __seedAgain = [] }: Pick<RolloutArgs, "lost" | "__seedAgain"> = {},
): RolloutPlan {
  const plan = planRollout(actualOf(wanted, observed, lost), wanted, lost, __seedAgain);
  const silent = Object.keys(observed).filter((name) => observed[name]?.state === "silent");
  if (silent.length === 0) return plan;
  const refusals = silent.sort().map((server): Refusal => ({ code: "silent", server }));
  return { steps: [], refusals: [...plan.refusals, ...refusals] };
}

/** What was observed, as a plan is made from it. */
export function actualOf(
  wanted: Readonly<Record<string, RolloutServer>>,
  observed: Readonly<Record<string, Observed>>,
  lost: RolloutArgs["lost"] = {},
): Readonly<Record<string, ActualServer>> {
  const follows = followedBy(wanted, observed, lost);
  const actual = Object.entries(observed).map(([name, server]): readonly [string, ActualServer] => {
    const { data, state, recovery, files, version, runs, startOnly } = server;
    const {
      rules,
      replicas,
      recorded,
      shutDown,
      program,
      unread,
      diverged,
      rejoin,
      behind,
      pending,
      unreachable,
      received,
      trigger,
    } = server;
    const fixed = {
      data: data === "present",
      running: state !== "stopped",
      inRecovery: recovery,
      files,
      settings: inForce(server),
      version,
    };
    const seen = {
      rules,
      replicas,
      recorded,
      shutDown,
      program,
      unread,
      diverged,
      rejoin,
      behind,
      pending,
      unreachable,
      received,
      trigger,
      startOnly,
    };
    const judged = {
      follows: follows[name],
      renewed: isRenewed(wanted[name], server) ? true : undefined,
      filed: runs === undefined ? undefined : server.settings,
      given: runs === undefined ? undefined : givenToProgram(runs),
    };
    return [name, { ...fixed, ...defined({ ...seen, ...judged }) }];
  });
  return withoutStale(Object.fromEntries(actual), observed);
}

/** A declared primary that stopped as one is that still, whatever files lie there, unless another has taken over. */
function withoutStale(
  actual: Readonly<Record<string, ActualServer>>,
  observed: Readonly<Record<string, Observed>>,
): Readonly<Record<string, ActualServer>> {
  const takenOver = Object.values(actual).some(({ data, inRecovery }) => data && !inRecovery);
  if (takenOver) return actual;
  return Object.fromEntries(
    Object.entries(actual).map(([name, is]) => [
      name,
      observed[name]?.stale === true ? { ...is, inRecovery: false } : is,
    ]),
  );
}

function isRenewed(wanted: RolloutServer | undefined, { certificate }: Observed): boolean {
  return certificate !== undefined && wanted?.certificate !== undefined && certificate !== wanted.certificate;
}

/** Whom each standby follows now, by its primary_conninfo; nothing where that is no server of this stack. A lost one is. */
export function followedBy(
  wanted: Readonly<Record<string, RolloutServer>>,
  observed: Readonly<Record<string, Observed>>,
  lost: RolloutArgs["lost"] = {},
): Readonly<Record<string, string | undefined>> {
  const gone = Object.entries(lost).map(([name, { address, port }]) => ({ name, address, port }));
  const all = [...Object.values(wanted), ...gone];
  return Object.fromEntries(
    Object.entries(observed).map(([name, server]) => {
      const { host, port } = parseConninfo(inForce(server).primary_conninfo ?? "") ?? {};
      const upstream = all.find((one) => one.address === host && `${one.port}` === port);
      return [name, server.recovery ? upstream?.name : undefined];
    }),
  );
}

/** The files' values, with those of the running server over them. */
export function inForce({
  settings,
  runs = {},
}: Pick<Observed, "settings" | "runs">): Readonly<Record<string, string>> {
  const names = new Set(Object.keys(runs).map((name) => name.toLowerCase()));
  const others = Object.entries(settings).filter(([name]) => !names.has(name.toLowerCase()));
  return {
    ...Object.fromEntries(others),
    ...Object.fromEntries(Object.entries(runs).map(([n, { value }]) => [n, value])),
  };
}

function givenToProgram(runs: NonNullable<Observed["runs"]>): readonly string[] {
  return Object.keys(runs).filter((name) => /command line|environment/.test(runs[name]?.source ?? ""));
}
