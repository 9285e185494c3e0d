import type { HostSpec } from "../host.js";
import type { Transport } from "../shell/transport.js";
import { remoteCommand } from "./become.js";
import { destinationOf, disconnect, mayBeConnected, startSsh } from "./client.js";
import { slow, unreachable } from "./failure.js";

/** What ssh itself ends with where it failed; anything else came from the host. */
const ownFailure = 255;

/** A machine over SSH. */
export function sshTransport(spec: HostSpec): Transport {
  const { name, user, login, become } = spec;
  return {
    name,
    user,
    // The address is what servers find each other by: one of a machine's own, whatever ssh calls it.
    machine: `ssh:${spec.address}`,
    key: JSON.stringify(["ssh", name, destinationOf(spec), login, become, user]),
    start: () => startSsh(spec, remoteCommand(spec)),
    isCut: (status) => status === ownFailure,
    unreachable: (said) => unreachable(spec, said),
    slow: (within) => slow(spec, within),
    becoming: `log in as ${user} (hosts.${name}.login), or let hosts.${name}.become be sudo or su`,
    mayBeConnected: () => mayBeConnected(spec),
    disconnect: () => disconnect(spec),
  };
}
