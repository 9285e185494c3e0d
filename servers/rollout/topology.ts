import type { LockedOut } from "../../postgres/lockedOut.js";
import type { Position, Positions, Slot } from "../../postgres/positions.js";
import type { Divergence } from "../../postgres/rollout/diverged.js";
import { slotsOn } from "../../postgres/rollout/slots.js";
import type { Major } from "../../postgres/versions.js";
import { hostOf, lookOfRefresh, newLooks } from "../status/look.js";
import { divergedServers } from "./divergence.js";
import { ifTold } from "./ifTold.js";
import { isDroppable, knownSlots, misplaced, positionsIn, type TopologyState } from "./positions.js";
import { type Context, messageOf } from "./reporter.js";
import { loginOf, siteOf } from "./site.js";
import type { TopologyArgs, TopologyServer } from "./state.js";

/** Milliseconds that a standby may take to stream again after what made it stop was undone. */
const patience = 20_000;

/** The servers' positions as they are. `fresh`: now, not as another resource of the same refresh saw it. */
export async function observePositions(context: Context, args: TopologyArgs, fresh: boolean): Promise<Positions> {
  const { reportOn } = await import("../status/status.js");
  const { withSharedSession } = await import("../sql/sharedSession.js");
  const passwords = { [args.administrator]: args.administratorPassword };
  const lookAt = fresh ? newLooks() : lookOfRefresh;
  const shared = fresh ? {} : { connect: withSharedSession };
  const declared = Object.keys(args.servers).find((name) => args.servers[name]?.role === "primary");
  const divergedFrom = async (name: string | undefined): Promise<Readonly<Record<string, Divergence>>> => {
    const primary = args.servers[name ?? ""];
    return primary === undefined ? {} : divergedServers(args.servers, primary, lookAt);
  };
  const [report, expected] = await Promise.all([
    reportOn({ site: siteOf(args), passwords, signal: context.signal, lookAt, ...shared }),
    divergedFrom(declared),
  ]);
  // Another may take writes, before a switchover.
  const [writing, second] = report.servers.filter(({ state }) => state === "read-write").map(({ name }) => name);
  const isOther = writing !== undefined && second === undefined && writing !== declared;
  const positions = positionsIn(report, args, isOther ? await divergedFrom(writing) : expected);
  const explained = Object.entries(positions).map(async ([name, position]) => {
    return [name, await withReason(position, args.servers[name] as TopologyServer)] as const;
  });
  return Object.fromEntries(await Promise.all(explained));
}

/** The end of its own log says why a standby does not stream, as far as it does. */
async function withReason(position: Position, server: TopologyServer): Promise<Position> {
  const { replication } = position;
  if (replication.kind !== "off") return position;
  const { causesIn, logSince } = await import("../process/log.js");
  const log = await ifTold(async () => logSince(await hostOf(server.host), server, { at: 0, sizes: {} }));
  const [cause] = causesIn((log ?? "").split("\n").slice(-30).join("\n"), server);
  return cause === undefined ? position : { ...position, replication: { ...replication, because: cause.line } };
}

/**
 * A slot that somebody streams from, and a logical one, is left, with a warning that names it.
 * @param said slots of which more was said already
 */
export async function dropForeignSlots(
  context: Context,
  args: TopologyArgs,
  said: readonly string[] = [],
): Promise<void> {
  const { withSession } = await import("../sql/session.js");
  const { leftSlotInWords } = await import("../words/positions.js");
  const { signal } = context;
  for (const server of Object.values(args.servers)) {
    const known = knownSlots(args, server.name);
    const foreign = (await slotsOf(server, args, signal)).filter(({ name }) => !known.includes(name));
    for (const slot of foreign.filter((one) => !isDroppable(one) && !said.includes(one.name))) {
      await context.log("warning", leftSlotInWords(server.name, slot));
    }
    for (const { name } of foreign.filter(isDroppable)) {
      await withSession(server, loginOf(args), { signal }, (session) =>
        session.query("select pg_drop_replication_slot($1)", [name]),
      );
    }
  }
}

/** Those of a server that does not answer are left as they are. */
async function slotsOf(server: TopologyServer, args: TopologyArgs, signal: AbortSignal): Promise<readonly Slot[]> {
  const { withSession } = await import("../sql/session.js");
  const { slotsIn } = await import("../status/slots.js");
  const limits = { timeout: 3000, queryTimeout: 3000, signal };
  return withSession(server, loginOf(args), limits, (session) => slotsIn(session, server.version)).catch(() => {
    signal.throwIfAborted();
    return [];
  });
}

/** Standbys stream by no other; a server that does not answer says why elsewhere. */
export async function makeMissingSlots({ signal }: Context, args: TopologyArgs): Promise<void> {
  const { makeSlots } = await import("../status/slots.js");
  const servers = Object.values(args.servers);
  const given = { version: servers[0]?.version as Major, login: loginOf(args), signal };
  for (const server of [...servers, ...(args.upstream === undefined ? [] : [args.upstream])]) {
    await makeSlots(server, slotsOn(servers, server.name), given).catch(() => signal.throwIfAborted());
  }
}

/** @throws with what is missing and why if it does not come right by itself in time */
export async function untilAsDeclared(context: Context, wanted: TopologyState): Promise<void> {
  const [{ until }, { Lasting }] = await Promise.all([import("../process/until.js"), import("../process/lasting.js")]);
  let found = wanted.positions;
  const refused = new Lasting();
  const wrong = () => misplaced(found, wanted.positions);
  const settled = async () => {
    found = await observePositions(context, wanted, true);
    const locks = Object.values(found).flatMap((position) => lockIn(position) ?? []);
    const lasts = refused.for(locks.length > 0);
    const stays = locks.some(({ by }) => by === "primary") ? streamsAnew : refusalStays;
    return wrong().length === 0 || Object.values(found).some(isGone) || lasts > stays;
  };
  await until(settled, { deadline: patience, interval: 300, signal: context.signal }).catch((error) => {
    throw new Error(`the topology cannot be seen: ${messageOf(error)}`);
  });
  if (wrong().length === 0) return;
  const { misplacedInWords } = await import("../words/positions.js");
  throw new Error(misplacedInWords(wrong(), found, wanted.positions));
}

/** Milliseconds for which a server keeps pgsite out before that counts: a standby may be about to hear of a password. */
const refusalStays = 1500;

/** Milliseconds: the primary may have stood still to be mended, and a walreceiver tries again after 5 s (wal_retrieve_retry_interval). */
const streamsAnew = 8000;

/** How it keeps pgsite out. Where `by` is `primary`, its roles and their passwords come by replication. */
function lockIn({ replication }: Position): LockedOut | undefined {
  return replication.kind === "unknown" && replication.why.code === "lockedOut" ? replication.why.lock : undefined;
}

/** Waiting does not bring a host back. */
function isGone({ replication }: Position): boolean {
  return replication.kind === "unknown" && replication.why.code === "hostUnreachable";
}
