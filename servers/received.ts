import type { Server } from "../config/site.js";
import type { Host } from "../hosts/host.js";
import { type Received, type StreamEnd, streamEnd, tellingLines } from "../postgres/received.js";
import { logFiles } from "./log.js";
import { endOfReceived } from "./receivedWal.js";
import { recoveryTitles } from "./titles.js";
import { lsnText } from "./walSegments.js";

/** Milliseconds between two looks at a stream that is still open: does anything come? */
const betweenLooks = 1000;

/** Lines of a log that are looked at: who is refused again and again says so in each of them. */
const lastLines = 400;

const telling = `[ $# -gt 1 ] || exit 0; pattern=$1; shift; grep -haE -e "$pattern" -- "$@" | tail -n ${lastLines}`;

/**
 * What a server in recovery has received and how its stream ended, by its files, its process titles and its log: so of warm
 * standbys too. Undefined where it has no WAL that can be read. @throws HostUnreachable
 */
export async function receivedBy(host: Host, server: Server): Promise<Received | undefined> {
  const [stream, end, clock] = await Promise.all([
    streamOf(host, server),
    endOfReceived(host, server.dataDirectory, server.version),
    host.run(["date", "+%s"]),
  ]);
  if (end === undefined) return undefined;
  const at = Math.round(end.at);
  const now = Number(clock.stdout.trim()) * 1000;
  return { timeline: end.timeline, lsn: lsnText(end.position), at, ago: Math.max(0, now - at), stream };
}

async function streamOf(host: Host, server: Server): Promise<StreamEnd> {
  const { receiver } = await recoveryTitles(host, server);
  if (receiver !== undefined) {
    await new Promise((done) => setTimeout(done, betweenLooks));
    const later = await recoveryTitles(host, server);
    if (later.receiver !== undefined) return { kind: later.receiver === receiver ? "open" : "fed" };
  }
  const [start = "", ...collected] = await logFiles(host, server);
  const { stdout } = await host.run(["sh", "-c", telling, "sh", tellingLines, start, ...collected.reverse()]);
  return streamEnd(stdout.split("\n"), false);
}
