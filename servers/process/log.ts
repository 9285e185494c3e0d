import { join } from "node:path";
import { controlPath } from "../../config/controlDirectory.js";
import { logFileIn } from "../../config/layouts.js";
import type { Server } from "../../config/site.js";
import type { Host } from "../../hosts/host.js";
import { logFolderOf } from "../../postgres/files/logDirectory.js";
import { shownInLine } from "../../postgres/shown.js";
import { voicesOf } from "../../postgres/voice.js";
import { known, says } from "./knownCauses.js";
import { isGrave, messageAt, takesNobodyIn } from "./severity.js";

/** What tells where a server's log is. */
export type LogOwner = Pick<
  Server,
  "controlDirectory" | "dataDirectory" | "configurationDirectory" | "layout" | "settings" | "version"
>;

/** How far a server's logs reached at one moment: what comes after is about what happened after. */
export interface LogMark {
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** Bytes by path. */
  readonly sizes: Readonly<Record<string, number>>;
}

const tailLength = 64 * 1024;

/** Remembers where the logs of a server end now. */
export async function logMark(host: Host, server: LogOwner): Promise<LogMark> {
  const sizes: Record<string, number> = {};
  for (const path of await logFiles(host, server)) {
    const status = await host.stat(path);
    if (status !== undefined) sizes[path] = status.size;
  }
  return { at: Date.now(), sizes };
}

/** What a server wrote since the mark (the last 64 kB of each file): start.log first, then its log_directory. */
export async function logSince(host: Host, server: LogOwner, mark: LogMark): Promise<string> {
  const texts: string[] = [];
  for (const path of await logFiles(host, server)) {
    const size = (await host.stat(path))?.size ?? 0;
    const before = mark.sizes[path] ?? 0;
    // Shorter than it was: the log was truncated on rotation, and all of it is new.
    const length = Math.min(tailLength, size >= before ? size - before : size);
    if (length > 0) texts.push((await host.readTail(path, length)) ?? "");
  }
  return texts.join("\n");
}

/** Where what a start says goes, and the server until it writes a log of its own. */
export function startLogOf(server: LogOwner): string {
  return logFileIn(server) ?? controlPath(server, "startLog");
}

/** That file, and with logging_collector the files of log_directory that were written last, the last one first. */
export async function logFiles(host: Host, server: LogOwner, count = 2): Promise<readonly string[]> {
  const files = [startLogOf(server)];
  if (server.settings.logging_collector !== undefined && /^(on|true|yes|1)$/i.test(server.settings.logging_collector)) {
    const directory = logFolderOf(server);
    const { code, stdout } = await host.run(["ls", "-1t", directory]);
    if (code === 0) {
      const names = stdout.split("\n").filter((entry) => entry !== "");
      files.push(...names.slice(0, count).map((entry) => join(directory, entry)));
    }
  }
  return files;
}

export interface Cause {
  /** The log's own words. */
  readonly line: string;
  readonly remedy?: string;
  /** True where waiting cannot help, and it is the server that says so. */
  readonly final: boolean;
  /** The server says that its upstream refuses it. That passes where a rule or a role is on its way. */
  readonly refused?: true;
}

/** What tells a refused stream from any other session. */
const ofStream = /replication|primary server|connect to server/;

/** What belongs to an error, and tells more. */
const more = /(HINT|DETAIL): /;

/** What our own asking leaves in a log. */
const isOfAsking = (line: string) => /pgsite_probe|Hot standby mode is disabled/.test(line) || takesNobodyIn(line);

/**
 * Why something failed, from a log: known causes first, else its last fatal lines, in whatever language. Each cause once. For people:
 * what it says may be a client's words. Final is a cause only where the server itself says it: who waits hears of it sooner.
 */
export function causesIn(
  log: string,
  server: Pick<LogOwner, "settings" | "version"> & { readonly upstream?: string },
): readonly Cause[] {
  const causes = new Map<string, Cause>();
  const heads = Object.values(voicesOf(server.version, server.settings)?.server ?? {}).map((head) => new RegExp(head));
  const isOwn = (line: string) => heads.some((head) => head.test(line));
  const lines = log.split("\n").filter((line) => !isOfAsking(line));
  for (const row of known) {
    const said = lines.filter((candidate) => says(row, candidate));
    const own = said.findLast(isOwn);
    const line = own ?? said.at(-1);
    if (line === undefined || causes.has(plain(line))) continue;
    // Whoever came to a server that follows nobody, pgsite itself for one, was no standby.
    const isAnothers = row.refused === true && server.upstream === undefined && !ofStream.test(line);
    const isOwnStream = row.refused === true && own !== undefined && server.upstream !== undefined;
    causes.set(plain(line), {
      line: plain(line),
      ...(isAnothers ? {} : { remedy: row.remedy }),
      final: row.final && own !== undefined,
      ...(isOwnStream ? { refused: true } : {}),
    });
  }
  if (causes.size > 0) return [...causes.values()];
  const last = lines.findLastIndex(isGrave);
  if (last < 0) return [];
  const from = Math.max(0, last - 3);
  for (const line of lines.slice(from, last + 3).filter((candidate) => isGrave(candidate) || more.test(candidate))) {
    causes.set(plain(line), { line: plain(line), final: false });
  }
  return [...causes.values()];
}

/** A log line without its time stamp and process number, as it may be shown: anyone who fails to log in writes into it. */
function plain(line: string): string {
  const start = messageAt(line);
  return shownInLine((start < 0 ? line : line.slice(start)).replace(/\s+/g, " ").trim());
}
