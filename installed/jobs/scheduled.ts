import { hashOf } from "../../hosts/digest.js";
import type { Schedule } from "../schedule/render.js";
import type { JobFacts } from "./settings.js";

/** When a program of a set runs by itself. */
export interface JobTimes {
  /** Name of the program in the set's folder. */
  readonly program: string;
  readonly cron: string;
  /** @default the host's own */
  readonly zone?: string;
}

const longestName = 63;

/** What a host's scheduler runs: a program of a folder, as the server's OS user. */
export function scheduleOf({ site, server, user }: JobFacts, folder: string, times: JobTimes): Schedule {
  const { program, cron, zone } = times;
  const name = `pgsite-${site}-${server}-${program}`;
  return {
    // Names of sites and servers together may be longer than a unit's may be.
    name: name.length <= longestName ? name : `pgsite-${hashOf(`${site} ${server}`)}-${program}`,
    mark: `Written by pgsite: ${program} of the server ${server} of the site ${site}.`,
    description: `${program} of the PostgreSQL server ${server}`,
    when: { cron, ...(zone === undefined ? {} : { zone }) },
    user,
    command: [`${folder}/${program}`],
  };
}
