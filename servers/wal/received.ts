import type { KnownServer } from "../../config/site.js";
import type { Host } from "../../hosts/host.js";
import { parseConninfo } from "../../postgres/files/conninfo.js";
import { prefixOf, voicesOf } from "../../postgres/voice.js";
import { type Received, type StreamEnd, streamEnd } from "../../postgres/wal/received.js";
import { judgeLog } from "../process/judgeLog.js";
import { filedOn } from "../process/lateReplay.js";
import { recoveryTitles } from "../process/recoveryTitles.js";
import { answersAt } from "./answers.js";
import { endOfReceived } from "./endOfWal.js";
import { lsnText } from "./walSegments.js";

/** Milliseconds between two looks at a stream that is still open: does anything come? */
const betweenLooks = 1000;

/**
 * What a server in recovery has received and how its stream ended, by its files, its process titles and its log: so of warm
 * standbys too. Undefined where it has no WAL that can be read. @throws HostUnreachable
 */
export async function receivedBy(host: Host, server: KnownServer): Promise<Received | undefined> {
  const [stream, end, clock] = await Promise.all([
    streamOf(host, server),
    endOfReceived(host, server.dataDirectory, server.version),
    host.run(["date", "+%s"]),
  ]);
  if (end === undefined) return undefined;
  const at = Math.round(end.at);
  const now = Number(clock.stdout.trim()) * 1000;
  return {
    timeline: end.timeline,
    lsn: lsnText(end.position),
    at: new Date(at).toISOString(),
    ago: Math.max(0, now - at),
    stream,
  };
}

async function streamOf(host: Host, server: KnownServer): Promise<StreamEnd> {
  const { receiver } = await recoveryTitles(host, server);
  if (receiver !== undefined) {
    await new Promise((done) => setTimeout(done, betweenLooks));
    const later = await recoveryTitles(host, server);
    if (later.receiver !== undefined)
      return { kind: later.receiver === receiver ? await whileOpen(host, server) : "fed" };
  }
  return streamByLog(host, server);
}

/** Nothing comes of a primary that is idle either: then it answers at the place that the stream comes from. */
async function whileOpen(host: Host, server: KnownServer): Promise<"open" | "answered"> {
  const { host: address, port = "5432" } =
    parseConninfo((await filedOn(host, server)).get("primary_conninfo") ?? "") ?? {};
  // Of several hosts nobody knows here which of them it is.
  if (address === undefined || /[,/]/.test(address)) return "open";
  return (await answersAt(host, { address, port: Number(port) })) ? "answered" : "open";
}

/** How its stream ended, where it has no walreceiver that streams. */
export async function streamByLog(host: Host, server: KnownServer): Promise<StreamEnd> {
  const voices = voicesOf(server.version, server.settings);
  if (voices === undefined) {
    return { kind: "mute", because: prefixOf(server.version, server.settings) };
  }
  return streamEnd(await judgeLog(host, server, "stream", voices.walreceiver));
}
