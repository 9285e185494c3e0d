import { asksForNobody, type HoldUp, type StopAct } from "../../postgres/holdUps.js";
import type { PlannedStep, Step } from "../../postgres/rollout/model.js";
import { senderFor, streamNames } from "../../postgres/streams.js";
import type { Asking } from "../process/holdUps.js";
import { ifTold } from "./ifTold.js";
import { loginOf, serverOf } from "./site.js";
import type { Observed, RolloutArgs, RolloutServer } from "./state.js";

/*
 * Before a running server is stopped, two questions: can it stop, and can it start again with what it gets? Both are asked of all
 * servers that a plan stops before anything is changed, and of each again before its turn.
 */

/** A running server that a plan stops. */
export interface Stop {
  readonly server: string;
  readonly act: StopAct;
  /** The one that takes over. */
  readonly next?: string;
  /** Settings that it goes on with for now. */
  readonly hold?: Step["hold"];
}

/** Each once, by what comes first. */
export function stopsIn(
  steps: readonly (PlannedStep & { readonly hold?: Step["hold"] })[],
  observed: Readonly<Record<string, Pick<Observed, "state">>>,
): readonly Stop[] {
  const stops = steps.flatMap((step): readonly Stop[] => {
    switch (step.action) {
      case "switchover":
        return [{ server: step.from, act: "hand over", next: step.to }];
      case "restart":
        return [{ server: step.server, act: "restart", ...(step.hold === undefined ? {} : { hold: step.hold }) }];
      case "stop":
      case "rejoin":
      case "seed":
        return [{ server: step.server, act: "give up" }];
      default:
        return [];
    }
  });
  const running = stops.filter(({ server }) => observed[server] !== undefined && observed[server]?.state !== "stopped");
  return [...new Map(running.toReversed().map((stop) => [stop.server, stop])).values()].reverse();
}

type Site = Pick<RolloutArgs, "administrator" | "administratorPassword"> & {
  readonly servers: Readonly<Record<string, RolloutServer>>;
};

/** How the server of a stop is asked. */
export async function askingFor(site: Site, { server: name, hold = {} }: Stop, signal: AbortSignal): Promise<Asking> {
  const { hostOf } = await import("../status/look.js");
  const server = site.servers[name] as RolloutServer;
  const declared = Number({ ...server.settings, ...hold }.max_prepared_transactions ?? 0);
  return {
    host: await hostOf(server.host),
    server: serverOf(server),
    login: loginOf(site),
    signal,
    ...(Number.isInteger(declared) ? { maxPrepared: declared } : {}),
  };
}

/** What holds up the servers that a plan stops, for a preview. What a host or a server does not tell is said elsewhere. */
export async function heldUp(
  site: Site,
  stops: readonly Stop[],
  signal: AbortSignal,
): Promise<readonly (Stop & { readonly holdUps: readonly HoldUp[] })[]> {
  const { holdUpsOf } = await import("../process/holdUps.js");
  const { withSharedSession } = await import("../sql/sharedSession.js");
  const found = await Promise.all(
    stops.map(async (stop) => {
      const asking = { ...(await askingFor(site, stop, signal)), connect: withSharedSession };
      const [own, others, next] = await Promise.all([
        ifTold(() => holdUpsOf(asking)),
        stop.act === "restart" ? ifTold(() => synchronousOn(site, stop, signal)) : [],
        ifTold(() => nextOf(site, stop, signal)),
      ]);
      return { ...stop, holdUps: [...(own ?? []), ...(others ?? []), ...(next ?? [])] };
    }),
  );
  return found.filter(({ holdUps }) => holdUps.length > 0);
}

/** Whether its upstream's commits wait for it. */
async function synchronousOn(site: Site, { server: name }: Stop, signal: AbortSignal): Promise<readonly HoldUp[]> {
  const server = site.servers[name] as RolloutServer;
  const upstream = site.servers[server.upstream ?? ""];
  if (upstream === undefined) return [];
  const { askItself, waitsFor } = await import("../process/holdUps.js");
  const { withSharedSession } = await import("../sql/sharedSession.js");
  const others = Object.values(site.servers).filter((one) => one.name !== upstream.name);
  const answer = await withSharedSession(serverOf(upstream), loginOf(site), { signal }, (session) =>
    askItself(session, upstream.version),
  );
  const it = senderFor(answer.senders, server, others);
  return waitsFor(answer, (one) => one === it) ? [{ code: "synchronous", upstream: upstream.name }] : [];
}

async function nextOf(site: Site, { act, next }: Stop, signal: AbortSignal): Promise<readonly HoldUp[]> {
  const server = site.servers[next ?? ""];
  if (act !== "hand over" || server === undefined) return [];
  const others = Object.values(site.servers).filter((one) => one.name !== server.name);
  const names = server.settings.synchronous_standby_names ?? "";
  const isAlone = asksForNobody(names, others.flatMap(streamNames));
  const alone: readonly HoldUp[] = isAlone ? [{ code: "nobodySynchronous", next: server.name, names }] : [];
  const { pauseOf } = await import("../process/paused.js");
  const paused = await pauseOf(serverOf(server), loginOf(site), signal);
  return [...alone, ...(paused !== undefined ? [{ code: "nextPaused", next: server.name } as const] : [])];
}
