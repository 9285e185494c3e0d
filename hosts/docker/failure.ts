import { type HostSpec, HostUnreachable, NotThatUser } from "../host.js";
import { ConnectionCut } from "../shell/transport.js";

/** What Docker calls the container that a host is. */
export function containerOf({ name, container }: HostSpec): string {
  return container?.name ?? name;
}

/** What the Docker CLI and its engine say → the cause and the remedy, in one line. The first that matches counts. */
const causes: readonly (readonly [RegExp, (spec: HostSpec, match: RegExpExecArray) => string, NotThatUser["why"]?])[] =
  [
    [/spawn docker ENOENT/, () => "this machine has no program docker: install Docker's command line client"],
    [
      /permission denied .*(?:Docker daemon|docker API)|dial unix (?:\S+): connect: permission denied/i,
      () =>
        "we may not talk to the Docker engine: join the group docker (usermod -aG docker USER, then log in anew), or name another engine in DOCKER_HOST",
    ],
    [
      /(?:Cannot connect to the Docker daemon|connect to the docker API) at (\S+?)[.;]? |error during connect|connect: (?:connection refused|no such file or directory)/i,
      (_spec, [, engine]) =>
        `the Docker engine${engine === undefined ? "" : ` at ${engine}`} does not answer: start it (systemctl start docker), or name another in DOCKER_HOST`,
    ],
    [
      /No such container/,
      (spec) =>
        spec.container?.made === true
          ? `its container ${containerOf(spec)} is not there: pulumi up makes it`
          : `there is no container ${containerOf(spec)}: start it, or correct hosts.${spec.name}.container.name (docker ps --all)`,
    ],
    [
      /container \S+ is not running/i,
      (spec) => `its container ${containerOf(spec)} is stopped: docker start ${containerOf(spec)}`,
    ],
    [/is paused/, (spec) => `its container ${containerOf(spec)} is paused: docker unpause ${containerOf(spec)}`],
    [
      /is restarting/,
      (spec) => `its container ${containerOf(spec)} ends again and again: docker logs ${containerOf(spec)} says why`,
    ],
    [
      /unable to find user|no matching entries in passwd file/,
      (spec) => `its image has no OS user ${spec.user}: take an image with PostgreSQL, or name another in osUser`,
      "missing",
    ],
    [
      /exec: "?\/bin\/sh"?: .*(?:no such file|not found)/,
      () => "its image has no /bin/sh: take one with a shell, coreutils, find and util-linux, such as Debian's",
    ],
  ];

const broken = /EOF|connection reset|broken pipe|use of closed network connection/i;

/** Why a channel could not be opened, or ended of itself, by what was said on standard error until then. */
export function unreachable(spec: HostSpec, said: string): HostUnreachable {
  for (const [pattern, say, why] of causes) {
    const match = pattern.exec(said);
    if (match === null) continue;
    const reason = say(spec, match);
    return why === undefined ? new HostUnreachable(spec.name, reason) : new NotThatUser(spec.name, reason, why);
  }
  const last = said.trim().split("\n").pop()?.trim() ?? "";
  if (last !== "" && !broken.test(said)) {
    return new HostUnreachable(spec.name, `docker exec in ${containerOf(spec)} failed: ${last}`);
  }
  return cut(spec, `the way into it was cut${last === "" ? "" : ` (${last})`}`);
}

/** A container that was stopped meanwhile says nothing: whoever asks again is told that it is. */
export function cut(spec: HostSpec, what: string): ConnectionCut {
  return new ConnectionCut(
    spec.name,
    `${what}; was its container ${containerOf(spec)} stopped or killed (docker ps --all)?`,
  );
}
