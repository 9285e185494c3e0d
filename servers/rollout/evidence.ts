import { leftBehindBy } from "../../postgres/rollout/behind.js";
import { failoverOf, needsReceived } from "../../postgres/rollout/failover.js";
import { switchoverOf } from "../../postgres/rollout/switchover.js";
import type { LookAt } from "../status/look.js";
import { ifTold } from "./ifTold.js";
import { actualOf } from "./plan.js";
import { serverOf } from "./site.js";
import type { Observed, RolloutArgs, RolloutServer } from "./state.js";

type Servers = Readonly<Record<string, RolloutServer>>;
type All<O extends Observed> = Readonly<Record<string, O>>;

/** What was observed of servers, with what a takeover goes by, where one is in question. A site that is well is not asked. */
export async function markForTakeover<O extends Observed>(
  observed: All<O>,
  { servers, lost }: Pick<RolloutArgs, "servers" | "lost">,
  lookAt: LookAt,
): Promise<All<O>> {
  const known = await markReceived(observed, servers, lost, lookAt);
  return markLeftBehind(known, servers, lost, lookAt);
}

/** What those in recovery have received where that decides anything: where their primary is lost. */
async function markReceived<O extends Observed>(
  observed: All<O>,
  wanted: Servers,
  lost: RolloutArgs["lost"],
  lookAt: LookAt,
): Promise<All<O>> {
  if (!needsReceived(actualOf(wanted, observed, lost), wanted, lost ?? {})) return observed;
  const { receivedBy } = await import("../wal/received.js");
  return marking(observed, async (name, one) => {
    const server = wanted[name];
    if (server === undefined || one.data !== "present" || !one.recovery) return one;
    const received = await ifTold(async () => receivedBy((await lookAt(server)).host, serverOf(server)));
    return received === undefined ? one : { ...one, received };
  });
}

/** By which way those are seeded again that a takeover leaves behind. */
async function markLeftBehind<O extends Observed>(
  observed: All<O>,
  wanted: Servers,
  lost: RolloutArgs["lost"],
  lookAt: LookAt,
): Promise<All<O>> {
  const actual = actualOf(wanted, observed, lost);
  const takeover = switchoverOf(actual, wanted) ?? failoverOf(actual, wanted, lost ?? {});
  const left = takeover === undefined ? [] : leftBehindBy(takeover, actual, wanted);
  const next = wanted[takeover?.to ?? ""];
  if (left.length === 0 || next === undefined) return observed;
  const { decideSeed } = await import("../rejoin/decide.js");
  const member = async (server: RolloutServer) => ({ server: serverOf(server), host: (await lookAt(server)).host });
  return marking(observed, async (name, one) => {
    const server = wanted[name];
    if (server === undefined || !left.includes(name)) return one;
    const behind = await ifTold(async () => decideSeed({ member: await member(server), primary: await member(next) }));
    return behind === undefined ? one : { ...one, behind: { ...behind, primary: next.name } };
  });
}

async function marking<O extends Observed>(
  observed: All<O>,
  mark: (name: string, one: O) => Promise<O>,
): Promise<All<O>> {
  const found = Object.entries(observed).map(async ([name, one]) => [name, await mark(name, one)] as const);
  return Object.fromEntries(await Promise.all(found));
}
