import { describe, expect, it } from "vitest";
import { unreachable } from "../../../hosts/docker/failure.js";
import type { HostSpec } from "../../../hosts/host.js";
import { ConnectionCut } from "../../../hosts/shell/transport.js";

const spec = (made: boolean): HostSpec => ({
  name: "db1",
  transport: "docker",
  address: "172.28.5.11",
  user: "postgres",
  container: { name: "orders-dev-db1", made },
});

/** As the CLI and engines of Docker 20 to 29 say it. */
const sayings: readonly (readonly [string, string])[] = [
  ["spawn docker ENOENT", "this machine has no program docker: install Docker's command line client"],
  [
    "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock: Get …: dial unix /var/run/docker.sock: connect: permission denied",
    "we may not talk to the Docker engine: join the group docker (usermod -aG docker USER, then log in anew), or name another engine in DOCKER_HOST",
  ],
  [
    "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
    "the Docker engine at unix:///var/run/docker.sock does not answer: start it (systemctl start docker), or name another in DOCKER_HOST",
  ],
  [
    "failed to connect to the docker API at unix:///var/run/docker.sock; check if the path is correct and if the daemon is running: dial unix /var/run/docker.sock: connect: no such file or directory",
    "the Docker engine at unix:///var/run/docker.sock does not answer: start it (systemctl start docker), or name another in DOCKER_HOST",
  ],
  [
    "Error response from daemon: No such container: orders-dev-db1",
    "its container orders-dev-db1 is not there: pulumi up makes it",
  ],
  [
    "Error response from daemon: Container 4f0c is not running",
    "its container orders-dev-db1 is stopped: docker start orders-dev-db1",
  ],
  [
    "Error response from daemon: Container orders-dev-db1 is paused, unpause the container before exec",
    "its container orders-dev-db1 is paused: docker unpause orders-dev-db1",
  ],
  [
    "unable to find user postgres: no matching entries in passwd file",
    "its image has no OS user postgres: take an image with PostgreSQL, or name another in osUser",
  ],
  [
    'OCI runtime exec failed: exec failed: unable to start container process: exec: "/bin/sh": stat /bin/sh: no such file or directory: unknown',
    "its image has no /bin/sh: take one with a shell, coreutils, find and util-linux, such as Debian's",
  ],
  ["first\nsomething new\n", "docker exec in orders-dev-db1 failed: something new"],
];

describe("what Docker says", () => {
  it.each(sayings)("%s", (said, cause) => {
    expect(unreachable(spec(true), said).message).toBe(`db1 cannot be reached: ${cause}`);
    expect(unreachable(spec(true), said)).not.toBeInstanceOf(ConnectionCut);
  });

  it("of a container that the stack does not make leads to its name", () => {
    expect(unreachable(spec(false), "Error: No such container: orders-dev-db1").message).toBe(
      "db1 cannot be reached: there is no container orders-dev-db1: start it, or correct hosts.db1.container.name (docker ps --all)",
    );
  });

  it.each(["", "unexpected EOF"])('may be tried again where the way into it was cut ("%s")', (said) => {
    expect(unreachable(spec(true), said)).toBeInstanceOf(ConnectionCut);
    expect(unreachable(spec(true), said).message).toMatch(/was its container orders-dev-db1 stopped or killed/);
  });
});
