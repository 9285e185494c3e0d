import type { KnownServer } from "../../config/site.js";
import type { Host } from "../../hosts/host.js";
import { filedSettings, settingFiles } from "../../postgres/files/facts.js";
import { parseInteger } from "../../postgres/settings/quantities.js";
import { readServerFiles } from "../data/countedFiles.js";
import type { Login } from "../sql/session.js";
import { bytesOfLsn } from "../sql/sql.js";
import { endOfReceived } from "../wal/endOfWal.js";
import { missingFloors } from "./floors.js";
import { pauseOf } from "./paused.js";
import { recoveryTitles } from "./recoveryTitles.js";

/**
 * Why a standby that works replays later than it receives: it is told to (recovery_min_apply_delay, 9.4 and later); somebody paused
 * it; or a query on it is in the way of its replay (max_standby_streaming_delay).
 */
export type Late = "delayed" | "paused" | "query";

/** Undefined where it has no reason to. */
export async function whyLate(
  host: Host,
  server: KnownServer,
  login: Login,
  signal?: AbortSignal,
): Promise<Late | undefined> {
  if (await isDelayed(host, server)) return "delayed";
  const pause = await pauseOf(server, login, signal);
  // From 14 on it pauses itself where it is below its primary: that one does not work.
  if (pause !== undefined) return (await missingFloors(host, server, pause.settings)).length > 0 ? undefined : "paused";
  return (await recoveryTitles(host, server)).waits === true ? "query" : undefined;
}

/**
 * Whether a delayed standby has WAL on its disk that it is still to replay: it replays what it has before it asks its upstream for
 * more, so after a start, or when its stream was cut off, it streams again only as late as it is told to be.
 * @param replayed as its own word; undefined of a warm one, whose processes tell the segment
 */
export async function replaysFirst(host: Host, server: KnownServer, replayed: string | undefined): Promise<boolean> {
  if (!(await isDelayed(host, server))) return false;
  const end = await endOfReceived(host, server.dataDirectory, server.version);
  if (end === undefined) return false;
  if (replayed !== undefined) return bytesOfLsn(replayed) < end.position;
  return (await recoveryTitles(host, server)).recovering !== undefined;
}

/** By the files on its host: what is declared may not be in force yet. */
export async function isDelayed(host: Host, server: KnownServer): Promise<boolean> {
  const value = (await filedOn(host, server)).get("recovery_min_apply_delay");
  const parsed = value === undefined ? undefined : parseInteger(server.version, "ms", value);
  return parsed?.ok === true && parsed.value > 0;
}

/** What the files of settings on its host say, by name in lower case. */
export async function filedOn(host: Host, server: KnownServer): Promise<ReadonlyMap<string, string>> {
  const { files } = await readServerFiles(host, server, settingFiles);
  return new Map([...filedSettings(files)].map(([name, { value }]) => [name, value]));
}
