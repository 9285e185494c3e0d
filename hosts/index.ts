import type { Host, HostSpec } from "./host.js";
import { LocalHost } from "./local.js";
import { SshHost } from "./ssh/host.js";

/** The host that a description names. Nothing is connected yet: the first thing asked of it does that. */
export function hostOf(spec: HostSpec): Host {
  return spec.transport === "local" ? new LocalHost(spec.name, spec.user) : new SshHost(spec);
}
