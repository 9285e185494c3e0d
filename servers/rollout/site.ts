import type { Server, Site } from "../../config/site.js";
import type { Login } from "../sql/session.js";
import type { RolloutArgs, RolloutServer, TopologyArgs } from "./state.js";

export function serverOf({ absent: _absent, files: _files, ...facts }: RolloutServer): Server {
  return withoutFiles(facts);
}

function withoutFiles(facts: Omit<Server, "files" | "disposable">): Server {
  return { ...facts, files: {}, disposable: false };
}

export function loginOf(given: Pick<RolloutArgs, "administrator" | "administratorPassword">): Login {
  return { user: given.administrator, password: given.administratorPassword };
}

/** As much of the site as the proof and the status need. */
export function siteOf(state: Omit<RolloutArgs, "servers"> & Pick<TopologyArgs, "servers">): Site {
  const servers = Object.values(state.servers).map(withoutFiles);
  return {
    name: state.site,
    stack: "",
    version: (servers[0] as Server).version,
    administrator: state.administrator,
    replicationRole: "",
    ...(state.primary === undefined ? {} : { primary: state.primary }),
    ...(state.upstream === undefined ? {} : { upstream: state.upstream }),
    ...(state.baseBackup === undefined ? {} : { baseBackup: state.baseBackup }),
    servers,
    initdb: { locale: "C", encoding: "UTF8", dataChecksums: false },
  };
}
