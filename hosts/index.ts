import { dockerTransport } from "./docker/transport.js";
import type { Host, HostSpec } from "./host.js";
import { LocalHost } from "./local.js";
import { isLostHost, lostHost } from "./lost.js";
import { ShellHost } from "./shell/host.js";
import type { Transport } from "./shell/transport.js";
import { sshTransport } from "./ssh/transport.js";

const transports: Readonly<Record<Exclude<HostSpec["transport"], "local">, (spec: HostSpec) => Transport>> = {
  ssh: sshTransport,
  docker: dockerTransport,
};

/** The host that a description names. Nothing is connected yet: the first thing asked of it does that. */
export function hostOf(spec: HostSpec): Host {
  if (isLostHost(spec.name)) return lostHost(spec);
  return spec.transport === "local"
    ? new LocalHost(spec.name, spec.user)
    : new ShellHost(transports[spec.transport](spec));
}
