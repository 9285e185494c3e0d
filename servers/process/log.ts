import { join } from "node:path";
import { controlPath } from "../../config/controlDirectory.js";
import { logFileIn } from "../../config/layouts.js";
import type { Server } from "../../config/site.js";
import type { Host } from "../../hosts/host.js";
import { logFolderOf } from "../../postgres/files/logDirectory.js";
import { shownInLine } from "../../postgres/shown.js";
import { voicesOf } from "../../postgres/voice.js";
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

interface Known {
  readonly pattern: RegExp;
  readonly remedy: string;
  readonly final: boolean;
  /** Said of a stream, it is a refusal by its upstream. */
  readonly refused?: true;
}

/** Messages of PostgreSQL 9.0 to 18 that say why a server does not start or does not stream, with what to do; the more telling first. */
const known: readonly Known[] = [
  {
    pattern: /requested WAL segment \S+ has already been removed/,
    remedy:
      "its upstream no longer has the WAL that it needs: seed it again, and raise wal_keep_segments (wal_keep_size)",
    final: true,
  },
  {
    pattern: /database system identifier differs/,
    remedy: "it is a copy of another cluster: check upstream, or move its data directory away and seed it again",
    final: true,
  },
  {
    pattern: /certificate verify failed/,
    remedy:
      "its upstream's certificate has expired, or another authority signed it: run pulumi up where the upstream is described, and check upstream.authority",
    final: false,
  },
  {
    pattern: /server certificate for .* does not match host name/,
    remedy: "another server answers there, or the certificate is to be made for that address: run pulumi up",
    final: false,
  },
  {
    pattern: /server does not support SSL, but SSL was required/,
    remedy: "its upstream runs without TLS: run pulumi up where it is described",
    final: false,
  },
  {
    pattern: /could not load (server certificate|private key) file|private key file .* (has|must be)/,
    remedy: "run pulumi up, which puts its certificate and key in place",
    final: true,
  },
  {
    pattern: /SSL is not supported by this build/,
    remedy: "its programs were built without OpenSSL: take others, or tls away",
    final: true,
  },
  {
    pattern: /no pg_hba\.conf entry/,
    remedy: "its upstream's pg_hba.conf lets no replication in from its address: add a rule for `replication`",
    final: false,
    refused: true,
  },
  {
    pattern: /pg_hba\.conf rejects replication connection/,
    remedy:
      "a rule of its upstream's pg_hba.conf rejects it before one lets it in: take that from access in the stack file, or put it behind",
    final: false,
    refused: true,
  },
  {
    pattern:
      /(primary server|connect(ion)? to server).*(role "[^"]*" (does not exist|is not permitted to log in)|must be .*replication role|permission denied to start WAL sender)/,
    remedy: "the role by which it replicates is not as declared on its upstream: run pulumi up there",
    final: false,
    refused: true,
  },
  {
    pattern: /password authentication failed|no password supplied/,
    remedy: "the passfile and the role on the upstream do not agree: run pulumi up, or check passwords in the stack",
    final: false,
    refused: true,
  },
  {
    pattern:
      /highest timeline \d+ of the primary is behind recovery timeline|requested timeline \d+ is not a child|new timeline \d+ forked off current/,
    remedy: "its timeline diverged from its upstream's: rewind or seed it again",
    final: true,
  },
  {
    pattern: /insufficient connections? .*|hot standby is not possible because/,
    remedy: "a setting is lower than on its upstream: raise it to the upstream's value",
    final: true,
  },
  {
    pattern: /number of requested standby connections exceeds max_wal_senders/,
    remedy: "raise max_wal_senders on its upstream",
    final: false,
  },
  {
    pattern: /could not bind (IPv4|IPv6|Unix)|Address already in use|Cannot assign requested address/,
    remedy: "another process has the port, or the address is not this machine's",
    final: true,
  },
  {
    pattern: /could not connect to the primary server|could not connect to server/,
    remedy: "its upstream does not run or cannot be reached from there",
    final: false,
  },
];

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
    const said = lines.filter((candidate) => row.pattern.test(candidate));
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
