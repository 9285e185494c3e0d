import { isIPv6 } from "node:net";
import type { KnownServer } from "../../config/site.js";
import type { Host } from "../../hosts/host.js";
import { quoteAll } from "../../hosts/quote.js";
import { copyLock, writing } from "../data/lock.js";
import { type Comparison, type Copier, check, vanishedByRsync } from "./copiers.js";
import { runByLines } from "./lines.js";
import { quietSeconds } from "./methods.js";
import { type Road, sshBetween } from "./trust.js";

/**
 * rsync from host to host, over ssh as the OS users: the target's host pulls, or the source's pushes. One connection for
 * everything. Half files are completed in place: rsync sets a file's time last, so none of them is taken for whole.
 */
export function betweenHosts(
  source: Host,
  target: Host,
  server: KnownServer,
  road: Extract<Road, { readonly peer: string }>,
  rateLimit?: number,
  compare: Comparison = "--ignore-times",
): Copier {
  const pulls = road.by === "target";
  const options = [
    "--archive",
    "--no-owner",
    "--no-group",
    compare,
    "--inplace",
    // Paths reach the other host's rsync as they are.
    "--protect-args",
    `--timeout=${quietSeconds}`,
    ...(rateLimit === undefined ? [] : [`--bwlimit=${Math.max(1, Math.floor(rateLimit / 1024))}`]),
    "--info=progress2",
    "--no-human-readable",
    "--outbuf=L",
    "--from0",
    "--files-from=-",
    `--rsh=${sshBetween.join(" ")}`,
    // Whoever writes into the target holds its copy lock.
    ...(pulls ? [] : [`--rsync-path=${quoteAll(["flock", "-s", copyLock(server), "rsync"])}`]),
  ];
  const there = (folder: string) => `${bracketed(road.peer)}:${folder}/`;
  return {
    method: "rsync",
    parallel: 1,
    atOnce: true,
    async copy(from, to, paths, signal, tell = () => undefined) {
      const ends = pulls ? [there(from), `${to}/`] : [`${from}/`, there(to)];
      const argv = ["rsync", ...options, ...ends];
      let done = 0;
      const ran = await runByLines(pulls ? target : source, pulls ? writing(server, argv) : argv, {
        input: `${paths.join("\0")}\0`,
        ...(signal === undefined ? {} : { signal }),
        onLine(line) {
          const bytes = Number(/^\s*(\d+)\s+\d+%/.exec(line)?.[1] ?? done);
          if (bytes > done) tell(bytes - done);
          done = Math.max(done, bytes);
          // It watches over itself (--timeout), and may compare a large file for a while.
          return false;
        },
      });
      signal?.throwIfAborted();
      refuseCut(source, target, ran.stderr);
      check(`rsync on ${(pulls ? target : source).name}`, ran.code, ran.stderr, vanishedByRsync);
    },
  };
}

/** One line for what rsync and ssh say, each in several, of a connection that is no more. */
function refuseCut(source: Host, target: Host, said: string): void {
  if (/No space left on device|Disk quota exceeded/.test(said)) return;
  const cut = /^.*(?:not responding|Broken pipe|Connection (?:reset|closed)|timeout in data|unexpectedly closed).*$/m;
  const line = cut.exec(said)?.[0].trim();
  if (line === undefined) return;
  throw new Error(
    `the connection between ${source.name} and ${target.name} was cut in the middle of the copy (${line}); run again: it goes on where it stopped`,
  );
}

/** rsync takes what is before the first colon for the host. */
function bracketed(peer: string): string {
  const [user, address = ""] = peer.split(/@(?=[^@]*$)/);
  return isIPv6(address) ? `${user}@[${address}]` : peer;
}
