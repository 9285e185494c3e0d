import { spawn } from "node:child_process";
import { connectingEnvironment } from "../environment.js";
import type { HostSpec } from "../host.js";
import { obey, type Transport } from "../shell/transport.js";
import { containerOf, cut, unreachable } from "./failure.js";

const script = [
  // What an image says for its own server (PGDATA, PGUSER …) is not for ours.
  'for name in $(env | sed -n "s/^\\(PG[A-Z_]*\\)=.*/\\1/p"); do unset "$name"; done',
  // As after a login.
  "USER=$(id -un); LOGNAME=$USER; export USER LOGNAME",
  obey,
].join("; ");

/** A container, by the system's Docker CLI: which engine that talks to is the administrator's (DOCKER_HOST, contexts). */
export function dockerTransport(spec: HostSpec): Transport {
  const { name, user } = spec;
  const container = containerOf(spec);
  const as = user === "" ? [] : ["--user", user];
  return {
    name,
    user,
    machine: `docker:${container}`,
    key: JSON.stringify(["docker", name, container, user]),
    start: () =>
      spawn("docker", ["exec", "--interactive", ...as, "--", container, "/bin/sh", "-c", script], {
        stdio: ["pipe", "pipe", "pipe"],
        env: connectingEnvironment("docker"),
      }),
    // Our shell says how every program ended; only a shell that was killed does not.
    isCut: () => true,
    unreachable: (said) => unreachable(spec, said),
    slow: (within) => cut(spec, `no answer within ${Math.round(within / 1000)} s`),
    becoming: `the container's user ${user} has another name there: name that in osUser`,
    mayBeConnected: () => false,
    disconnect: async () => undefined,
  };
}
