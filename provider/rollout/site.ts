import type { Server, Site } from "../../config/site.js";
import type { RolloutArgs, RolloutServer } from "../resources/rollout.js";

export function serverOf({ absent: _absent, files: _files, ...facts }: RolloutServer): Server {
  return { ...facts, files: {}, disposable: false };
}

/** As much of the site as the proof and the status need. */
export function siteOf(state: RolloutArgs): Site {
  const servers = Object.values(state.servers).map(serverOf);
  return {
    name: state.site,
    stack: "",
    version: (servers[0] as Server).version,
    administrator: state.administrator,
    replicationRole: "",
    ...(state.primary === undefined ? {} : { primary: state.primary }),
    ...(state.upstream === undefined ? {} : { upstream: state.upstream }),
    servers,
    initdb: { locale: "C", encoding: "UTF8", dataChecksums: false },
  };
}
