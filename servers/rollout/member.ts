import { hostOf } from "../../hosts/index.js";
import { serverOf } from "./site.js";
import type { RolloutServer, RolloutState } from "./state.js";

/** A server of the rollout with its host. */
export function memberOf(state: RolloutState, name: string) {
  return { server: serverOf(of(state, name)), host: hostOf(of(state, name).host) };
}

/** A server of the rollout as declared. */
export function of(state: RolloutState, name: string): RolloutServer {
  return state.servers[name] as RolloutServer;
}
