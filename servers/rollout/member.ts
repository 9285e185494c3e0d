import type { Endpoint } from "../../config/site.js";
import { hostOf } from "../../hosts/index.js";
import type { Source } from "../rejoin/decide.js";
import { serverOf } from "./site.js";
import type { RolloutServer, RolloutState } from "./state.js";

/** A server of the rollout with its host. */
export function memberOf(state: RolloutState, name: string) {
  return { server: serverOf(of(state, name)), host: hostOf(of(state, name).host) };
}

/** Where data of a site come from: a server of the rollout, or its upstream outside. @throws where it is neither */
export function sourceOf(state: RolloutState, name: string): Source {
  if (state.servers[name] !== undefined) return memberOf(state, name);
  const endpoint = outsideOf(state).find((one) => one.name === name);
  const [{ version } = {}] = Object.values(state.servers);
  if (endpoint === undefined || version === undefined) throw new Error(`${name} is no server of this site`);
  return { server: { ...endpoint, version }, host: hostOf(endpoint.host) };
}

/** The servers outside that those of the stack may follow. */
export function outsideOf({ upstream, others = [] }: Pick<RolloutState, "upstream" | "others">): readonly Endpoint[] {
  return [...(upstream === undefined ? [] : [upstream]), ...others];
}

/** A server of the rollout as declared. */
export function of(state: RolloutState, name: string): RolloutServer {
  return state.servers[name] as RolloutServer;
}
