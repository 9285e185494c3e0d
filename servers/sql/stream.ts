import { join } from "node:path";
import type { Duplex } from "node:stream";
import { HostUnreachable, isDirect } from "../../hosts/host.js";
import { hostOf } from "../../hosts/index.js";
import { connectFromHere, connectOn } from "../../hosts/listener.js";
import { pipeOn } from "../../hosts/pipe.js";
import { forwardsNot } from "../../hosts/ssh/localForward.js";
import { type Listening, listeningBy } from "../../postgres/postmaster.js";
import { bypassingLogin } from "../../postgres/settings/wayIn.js";
import { majorOf } from "../../postgres/versions.js";
import { pidFileOfRefresh, readPidFile } from "../data/pidFile.js";
import type { Barred, Way, Whereabouts } from "./way.js";

/** A stream that counts what came. */
export type Heard = Duplex & { readonly bytesRead: number };

/** As much of a server as it takes to find the way to it. */
export interface Located extends Whereabouts {
  readonly dataDirectory?: string | undefined;
}

/**
 * Where a server listens, as it says on its host; undefined where nobody asks that, or no server runs.
 * @param reading whether what the same refresh has read counts
 * @throws HostUnreachable where sessions go through the host
 */
export async function listeningOf(server: Located, reading: boolean): Promise<Listening | "unsaid" | undefined> {
  const { host: spec, dataDirectory } = server;
  if (spec === undefined || dataDirectory === undefined) return undefined;
  const host = hostOf(spec);
  const said = reading ? pidFileOfRefresh(host, spec, dataDirectory) : readPidFile(host, dataDirectory);
  const content = await said.catch((error: unknown) => {
    if (isDirect(spec) && error instanceof HostUnreachable) return undefined;
    throw error;
  });
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

/** What the way that led to a session says of the one before it: of two to the same port, that sshd does not forward there. */
export async function learn({ host }: Located, { by, to }: Way, before: Barred): Promise<void> {
  const forbidden = by === "piped" && before.by === "forwarded" && before.kind === "silent";
  if (forbidden && host !== undefined && !("path" in to)) await forwardsNot(host, to);
}

/** What a superuser's session begins with so that nothing of the server's own runs at its login; undefined where that is not known. */
export async function pastLogin({ host, dataDirectory }: Located): Promise<string | undefined> {
  if (host === undefined || dataDirectory === undefined) return undefined;
  const content = await hostOf(host)
    .readFile(join(dataDirectory, "PG_VERSION"))
    .catch(() => undefined);
  const version = majorOf(content?.toString("utf8").trim() ?? "");
  if (version === undefined) return undefined;
  return Object.entries(bypassingLogin(version))
    .map(([name, value]) => `-c ${name}=${value}`)
    .join(" ");
}
