import { join } from "node:path";
import type { Duplex } from "node:stream";
import { hostOf } from "../../hosts/index.js";
import { connectFromHere, connectOn } from "../../hosts/listener.js";
import { pipeOn } from "../../hosts/pipe.js";
import { type Listening, listeningBy } from "../../postgres/postmaster.js";
import { isDirect, type Way, type Whereabouts } from "./way.js";

/** A stream that counts what came. */
export type Heard = Duplex & { readonly bytesRead: number };

/** As much of a server as it takes to find the way to it. */
export interface Located extends Whereabouts {
  readonly dataDirectory?: string | undefined;
}

/** Where a server listens, as it says on its host; undefined where nobody asks that, or no server runs. @throws HostUnreachable */
export async function listeningOf(server: Located): Promise<Listening | "unsaid" | undefined> {
  const { host, dataDirectory } = server;
  if (host === undefined || dataDirectory === undefined || isDirect(server)) return undefined;
  const content = await hostOf(host).readFile(join(dataDirectory, "postmaster.pid"));
  return content === undefined ? undefined : (listeningBy(content.toString("utf8")) ?? "unsaid");
}

/**
 * A stream that leads to a server. @param timeout milliseconds for a connection of this machine's own: a login on a host has
 * its own time @throws HostUnreachable, or what the connection failed with
 */
export async function streamOn(
  { host }: Pick<Whereabouts, "host">,
  { by, to }: Way,
  timeout: number,
  signal: AbortSignal | undefined,
): Promise<Heard> {
  if (host !== undefined && ("path" in to || by === "piped")) return pipeOn(hostOf(host), to, signal);
  if ("path" in to) throw new Error("a Unix socket is asked through its host");
  if (host !== undefined && by === "forwarded") return connectOn(host, to, signal);
  const late = AbortSignal.timeout(timeout);
  return connectFromHere(to, signal === undefined ? late : AbortSignal.any([signal, late])).catch((error: unknown) => {
    signal?.throwIfAborted();
    throw late.aborted ? Object.assign(new Error("timeout expired"), { code: "ETIMEDOUT" }) : error;
  });
}
