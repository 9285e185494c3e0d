import { join } from "node:path";
import type { Host, HostSpec } from "../../hosts/host.js";
import { keyText } from "../../hosts/key.js";
import { onceARefresh } from "../status/refresh.js";

/** What postmaster.pid holds: who runs there, and where it listens. Undefined where there is none. */
export function readPidFile(host: Host, dataDirectory: string): Promise<Buffer | undefined> {
  return host.readFile(join(dataDirectory, "postmaster.pid"));
}

/** The same for whoever asks in one refresh: the look at a server's process, and each session's way to it. */
export function pidFileOfRefresh(host: Host, spec: HostSpec, dataDirectory: string): Promise<Buffer | undefined> {
  return onceARefresh(`postmaster.pid ${keyText([spec, dataDirectory])}`, () => readPidFile(host, dataDirectory));
}
