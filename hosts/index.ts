import { type Host, type HostSpec, HostUnreachable } from "./host.js";
import { LocalHost } from "./local.js";

/** The host that a description names. @throws HostUnreachable for a transport that this version does not have. */
export function hostOf(spec: HostSpec): Host {
  if (spec.transport === "local") return new LocalHost(spec.name, spec.user);
  throw new HostUnreachable(
    spec.name,
    `it is reached over SSH (${spec.address}), which this version of pgsite cannot do yet; rehearse the stack on this machine (npm run demo), or set hosts.${spec.name}.transport: local where it is this machine`,
  );
}
