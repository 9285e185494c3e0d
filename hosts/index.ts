import type { Host, HostSpec } from "./host.js";
import { LocalHost } from "./local.js";
import { SshHost } from "./ssh/host.js";
import { sessionOf } from "./ssh/sessions.js";

/** Begins to connect to all of these at once, so that several that do not answer take no longer than one. */
export function connectAll(specs: readonly HostSpec[]): void {
  for (const spec of specs.filter(({ transport }) => transport === "ssh")) sessionOf(spec).catch(() => undefined);
}

/** The host that a description names. Nothing is connected yet: the first thing asked of it does that. */
export function hostOf(spec: HostSpec): Host {
  return spec.transport === "local" ? new LocalHost(spec.name, spec.user) : new SshHost(spec);
}
