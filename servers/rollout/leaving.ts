import type { Endpoint } from "../../config/site.js";
import { stopServer } from "../process/stop.js";
import { until } from "../process/until.js";
import { withSession } from "../sql/session.js";
import { hostOf } from "../status/look.js";
import { dropIdleSlots, slotsIn } from "../status/slots.js";
import { keptSlotInWords } from "../words/positions.js";
import type { TopologyState } from "./positions.js";
import { type Context, messageOf } from "./reporter.js";
import { loginOf } from "./site.js";
import type { TopologyServer } from "./state.js";

/** Milliseconds in which a walsender notices that its standby has gone. */
const patience = 5000;

/**
 * What servers leave of slots that are taken out of the stack, or that follow another upstream outside of it: a slot keeps WAL
 * for whoever streamed by it. A server of a disposable stack is stopped for that, since its data go in the same `up`. Any
 * other one may run on and stream on: then its slot stays, which is said with what to do.
 * @returns slots of which that was said
 */
export async function dropLeftSlots(
  context: Context,
  wanted: TopologyState,
  before: TopologyState,
): Promise<readonly string[]> {
  const leaving = Object.values(before.servers).filter(({ name }) => wanted.servers[name] === undefined);
  // One that is lost has not left.
  const gone = leaving.filter(({ name, slot }) => slot !== undefined && wanted.lost?.[name] === undefined);
  if (before.disposable === true) for (const server of gone) await stop(context, server);
  const moved = Object.values(before.servers).filter(
    ({ name, slot, upstream }) => slot !== undefined && wanted.servers[name]?.upstream !== upstream,
  );
  const said: string[] = [];
  for (const server of new Set([...gone, ...moved])) {
    const upstream = [...Object.values(wanted.servers), ...outsideOf(before)].find(
      ({ name }) => name === server.upstream,
    );
    if (upstream === undefined || server.slot === undefined || isUsed(wanted, server.slot, upstream.name)) continue;
    const mayWait = before.disposable === true || wanted.servers[server.name] !== undefined;
    const kept = await drop(context, wanted, { server, upstream, deadline: mayWait ? patience : 0 });
    if (kept !== undefined) await context.log("warning", kept);
    if (kept !== undefined) said.push(server.slot);
  }
  return said;
}

function outsideOf({ upstream }: TopologyState): readonly Endpoint[] {
  return upstream === undefined ? [] : [upstream];
}

/** By another server of the stack, or by somebody else. */
function isUsed({ servers, slots }: TopologyState, slot: string, upstream: string): boolean {
  return slots.includes(slot) || Object.values(servers).some((one) => one.slot === slot && one.upstream === upstream);
}

async function stop(context: Context, server: TopologyServer): Promise<void> {
  await context.progress(`stopping ${server.name}, which leaves the stack`);
  try {
    await stopServer(await hostOf(server.host), server);
  } catch (error) {
    context.signal.throwIfAborted();
    await context.log("warning", messageOf(error));
  }
}

interface Left {
  readonly server: TopologyServer;
  readonly upstream: Endpoint;
  /** Milliseconds in which the slot may become idle. */
  readonly deadline: number;
}

/** @returns in words, why it is there still or may be */
async function drop(
  { signal }: Context,
  args: TopologyState,
  { server, upstream, deadline }: Left,
): Promise<string | undefined> {
  const { name, slot = "", version, dataDirectory } = server;
  const options = { version, login: loginOf(args), signal };
  const left = { server: upstream.name, slot, of: name, dataDirectory };
  const isGone = async () => {
    await dropIdleSlots(upstream, [slot], options);
    const there = await withSession(upstream, options.login, { signal }, (session) => slotsIn(session, version));
    return !there.some((one) => one.name === slot);
  };
  try {
    const isDropped = deadline === 0 ? await isGone() : await until(isGone, { deadline, interval: 200, signal });
    return isDropped ? undefined : keptSlotInWords(left);
  } catch (error) {
    signal.throwIfAborted();
    return keptSlotInWords({ ...left, because: messageOf(error) });
  }
}
