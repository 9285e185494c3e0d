import { join } from "node:path";
import { hostOf } from "../../hosts/index.js";
import type { RolloutPlan, Step } from "../../postgres/rollout/model.js";
import { slotsOn } from "../../postgres/rollout/slots.js";
import { dropIdleSlots, makeSlots } from "../status/slots.js";
import type { Context } from "./reporter.js";
import { loginOf } from "./site.js";
import type { RolloutServer, RolloutState } from "./state.js";

/** Before a server streams by a slot, its upstream has it; before one that was a primary starts as a standby, it has none of that time. */
export async function bringSlots(
  { signal }: Context,
  state: RolloutState,
  { server: name, action }: Step,
): Promise<void> {
  const { slot, upstream, version, host, dataDirectory } = state.servers[name] as RolloutServer;
  if (action === "install") return;
  const others = state.upstream === undefined ? [] : [state.upstream];
  const followed = [...Object.values(state.servers), ...others].find((one) => one.name === upstream);
  if (slot !== undefined && followed !== undefined) {
    await makeSlots(followed, [slot], { version, login: loginOf(state), signal });
  }
  if (action !== "start") return;
  // A warm standby takes no SQL, and would keep WAL for whoever streamed by them.
  for (const one of left(state, name)) await hostOf(host).remove(join(dataDirectory, "pg_replslot", one));
}

/** Slots of followers stay behind where these have moved. */
export async function leaveSlots({ signal }: Context, state: RolloutState, steps: RolloutPlan["steps"]): Promise<void> {
  if (!steps.some(({ server }) => (state.servers[server] as RolloutServer).slot !== undefined)) return;
  for (const server of Object.values(state.servers)) {
    if (server.upstream !== undefined && !server.hotStandby) continue;
    await dropIdleSlots(server, left(state, server.name), { version: server.version, login: loginOf(state), signal });
  }
}

/** Slots of this stack's servers that are not by which one of them follows this one. */
function left(state: RolloutState, name: string): readonly string[] {
  const servers = Object.values(state.servers);
  const needed = slotsOn(servers, name);
  return servers.flatMap(({ slot }) => (slot === undefined || needed.includes(slot) ? [] : [slot]));
}
