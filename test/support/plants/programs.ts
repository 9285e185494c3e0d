import { cpSync, existsSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { replaced } from "../../../servers/process/program.js";
import type { Plot } from "../plantSite.js";
import type { Plant } from "./plant.js";

/** Another build of the same major version: the distribution's, else a copy of the declared one. */
function otherBuild(plot: Plot): string {
  const distribution = `/usr/lib/postgresql/${plot.major}/bin`;
  return existsSync(distribution) ? distribution : copyOf(plot);
}

function copyOf(plot: Plot): string {
  const folder = `${plot.server("des10").dataDirectory}-programs`;
  cpSync(dirname(plot.server("des10").binDirectory), folder, { recursive: true, verbatimSymlinks: true });
  return join(folder, "bin");
}

const declared = (plot: Plot) => join(plot.server("des10").binDirectory, "postgres");

/** Which program a server is. */
export const ofPrograms: readonly Plant[] = [
  {
    name: "a server started by another build of its version",
    plant: async (plot) => {
      await plot.stop("des10");
      await plot.startWith("des10", "", otherBuild(plot));
    },
    said: (plot) => `des10: the program of the running server is /…/postgres, declared ${declared(plot)}: restart`,
    together: false,
  },
  {
    name: "a program removed while it runs, as an update does",
    plant: async (plot) => {
      const build = copyOf(plot);
      await plot.stop("des10");
      await plot.startWith("des10", "", build);
      rmSync(dirname(build), { recursive: true });
    },
    said: (plot) => `des10: the program of the running server is ${replaced}, declared ${declared(plot)}: restart`,
    together: false,
  },
];
