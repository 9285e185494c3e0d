import type { KnownServer, KnownSite } from "../../config/site.js";
import type { Login } from "../sql/session.js";
import type { RolloutArgs, RolloutServer } from "./state.js";

/** A server as others act on it. `files` of a rollout are digests, which nobody is to take for what they are digests of. */
export function serverOf({ absent: _absent, files: _files, ...server }: RolloutServer): KnownServer {
  return server;
}

export function loginOf(given: Pick<RolloutArgs, "administrator" | "administratorPassword">): Login {
  return { user: given.administrator, password: given.administratorPassword };
}

/** The site that a resource acts on. */
export function siteOf(
  state: Omit<RolloutArgs, "servers"> & { readonly servers: Readonly<Record<string, KnownServer>> },
): KnownSite {
  return {
    name: state.site,
    administrator: state.administrator,
    ...(state.primary === undefined ? {} : { primary: state.primary }),
    ...(state.upstream === undefined ? {} : { upstream: state.upstream }),
    ...(state.others === undefined ? {} : { others: state.others }),
    ...(state.baseBackup === undefined ? {} : { baseBackup: state.baseBackup }),
    servers: Object.values(state.servers),
  };
}
