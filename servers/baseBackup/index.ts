import { join } from "node:path";
import type { Host } from "../../hosts/host.js";
import { atLeast } from "../../postgres/versions.js";
import { readMarker } from "../data/marker.js";
import { noRoadInWords, roadInWords } from "../words/rejoin.js";
import { onOneMachine, throughUs } from "./copiers.js";
import { explaining } from "./failure.js";
import { byLowLevel } from "./lowLevel.js";
import { type CopyMethod, copyMethods } from "./methods.js";
import type { BaseBackupOptions, BaseBackupResult, Work } from "./options.js";
import { byPgBasebackup, NotThisWay } from "./pgBasebackup/index.js";
import { noProgress } from "./progress.js";
import { betweenHosts } from "./rsync.js";
import { canGoOn } from "./target.js";
import { findRoad } from "./trust.js";

export type { BaseBackupOptions, BaseBackupResult } from "./options.js";

/**
 * Fills the target's data directory with a base backup of the writable server. The directory must be absent, empty or
 * our own half copy (the caller has looked, and holds the server's lock); it keeps `pgsite.incomplete` when this returns.
 *
 * Which way is taken, and why, is reported: on one machine cp; between two what is asked for, by default pg_basebackup
 * from 9.1 on, else rsync where the OS users trust each other by ssh, else tar through us.
 */
export async function baseBackup(options: BaseBackupOptions): Promise<BaseBackupResult> {
  const { report = () => undefined, progress = noProgress, signal = new AbortController().signal } = options;
  const { server, host } = options.target;
  return explaining(host, server, progress, (counted) =>
    byTheBestWay({ ...options, report, progress: counted, signal }),
  );
}

async function byTheBestWay(work: Work): Promise<BaseBackupResult> {
  const { source, report } = work;
  const { server, host } = work.target;
  const together = source.host.machine === host.machine && source.host.user === host.user;
  const method = work.copy ?? (together ? "cp" : (work.method ?? "auto"));
  if (method === "pg_basebackup") return byPgBasebackup(work);
  if (method === "cp" || (together && method !== "auto")) {
    return byLowLevel(work, await onOneMachine(method, source.host, host, server));
  }
  const reasons: string[] = [];
  if (method === "auto" && atLeast(server.version, "9.1")) {
    const half = await halfCopy(host, server.dataDirectory);
    if (half === undefined) {
      try {
        return await byPgBasebackup(work);
      } catch (error) {
        if (!(error instanceof NotThisWay)) throw error;
        reasons.push(`not by pg_basebackup: ${error.message}`);
      }
    } else {
      reasons.push(`going on with the half copy by ${half} that lies there`);
    }
  }
  if (method !== "tar") {
    const road = await findRoad(source.host, host, work.source.endpoint.host.address, server.host.address);
    if (road.by !== undefined) {
      report([`copying by rsync, straight from host to host: ${roadInWords(road)}`, ...reasons].join("; "));
      return byLowLevel(work, betweenHosts(source.host, host, server, road, work.rateLimit));
    }
    if (method === "rsync")
      throw new Error(`no rsync between the hosts: ${noRoadInWords(road.why)}; ${otherMethods("rsync")}`);
    reasons.push(`not by rsync: ${noRoadInWords(road.why)}`);
  }
  report(["copying by tar, through this machine", ...reasons].join("; "));
  return byLowLevel(work, await throughUs(source.host, host, server, work.rateLimit));
}

/** The method of a half copy that can be gone on with. */
async function halfCopy(host: Host, dataDirectory: string): Promise<string | undefined> {
  const found = await readMarker(host, dataDirectory);
  if (found?.kind !== "base-backup" || !canGoOn(found.method)) return undefined;
  // A marker alone is no copy.
  return (await host.stat(join(dataDirectory, "base"))) === undefined ? undefined : (found.method ?? "file");
}

function otherMethods(method: CopyMethod): string {
  const others = copyMethods.filter((other) => other !== method && other !== "cp");
  return `baseBackup.method can also be auto, ${others.join(" or ")}`;
}
