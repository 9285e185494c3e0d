import { type HostSpec, HostUnreachable, NotThatUser } from "../host.js";
import { ConnectionCut } from "../shell/transport.js";
import { byHand, connectSeconds, destinationOf } from "./client.js";

/** A cause, and the remedy in one line; of a login that came through, also why it cannot be that user. */
type Cause = readonly [RegExp, (spec: HostSpec, match: RegExpExecArray) => string, NotThatUser["why"]?];

/** What ssh, sudo or su say. The first that matches counts. */
const causes: readonly Cause[] = [
  [
    /REMOTE HOST IDENTIFICATION HAS CHANGED|Host key for (?:.*) has changed|REVOKED HOST KEY/,
    (spec, { input }) => {
      const known = /Host key for (\S+) has changed/.exec(input)?.[1] ?? destinationOf(spec);
      return `its host key has changed: it was installed anew, or somebody stands in between. Compare with what ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub says on the host; only if it is right: ssh-keygen -R '${known}', then ${byHand(spec)} once by hand`;
    },
  ],
  [
    /Host key verification failed|host key is known for .* and you have requested strict checking/,
    (spec) =>
      `its host key is not known here: run ${byHand(spec)} once by hand, compare the fingerprint that it shows with what ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub says on the host, and accept it`,
  ],
  [/spawn ssh ENOENT/, () => "this machine has no program ssh: install OpenSSH's client"],
  [
    /Could not resolve hostname (\S+?):/,
    (spec, [, name]) =>
      `its name ${name} cannot be resolved: correct hosts.${spec.name} in the stack file, or name it in ~/.ssh/config or DNS`,
  ],
  [
    /timed out/i,
    (spec) =>
      `no answer within ${connectSeconds} s from ${destinationOf(spec)}: is the host up, its sshd well, and no firewall in between?`,
  ],
  [
    /connect to host (\S+) port (\d+): Connection refused/,
    (_spec, [, address, port]) =>
      `nothing listens on port ${port} of ${address}: start sshd there, or give ssh its port in ~/.ssh/config`,
  ],
  [
    /connect to host (\S+) port \d+: (No route to host|Network is unreachable)/,
    (_spec, [, address, why]) => `there is no way to ${address} from this machine (${why?.toLowerCase()})`,
  ],
  [
    // The refusal came after connect() had returned: ssh no longer knows to whom.
    /banner exchange: Connection to UNKNOWN port -?\d+: (No route to host|Network is unreachable)/,
    ({ address }, [, why]) => `there is no way to ${address} from this machine (${why?.toLowerCase()})`,
  ],
  [
    /(\S+): Permission denied \(([^)]*)\)/,
    (spec, [, who, methods]) =>
      `permission denied for ${who} (it takes ${methods}): put a public key of yours into that user's ~/.ssh/authorized_keys there, or name another user in hosts.${spec.name}.login; ${byHand(spec)} must work without a question`,
  ],
  [
    /Too many authentication failures/,
    (spec) =>
      `too many keys were offered: name the right one in ~/.ssh/config (IdentityFile and IdentitiesOnly yes for ${destinationOf(spec)})`,
  ],
  [
    /sudo: unknown user|su: user \S+ does not exist|su: .*[Nn]o passwd entry/,
    (spec) => `it has no OS user ${spec.user}: create it there, or name another in osUser`,
    "missing",
  ],
  [
    /sudo: (?:a password is required|a terminal is required|sorry, you must have a tty|no tty present)|(?:is not in the sudoers file|may not run sudo|is not allowed to )/,
    (spec) =>
      `sudo to ${spec.user} was refused there: allow it without a password and terminal (visudo: LOGIN ALL=(${spec.user}) NOPASSWD: /bin/sh), or log in as ${logins(spec)} (hosts.${spec.name}.login)`,
    "refused",
  ],
  [
    /sudo: (?:command )?not found/,
    (spec) => `it has no sudo: install it, or log in as ${logins(spec)} (hosts.${spec.name}.login)`,
    "refused",
  ],
  [
    /su: (?:must be run from a terminal|Authentication failure|Permission denied)|account is currently not available/,
    (spec) => `su to ${spec.user} was refused there: su takes a login as root (hosts.${spec.name}.login: root)`,
    "refused",
  ],
];

/** Who needs no sudo there. */
function logins({ user }: HostSpec): string {
  return user === "root" ? "root" : `${user} or root`;
}

const cut = /Connection (?:closed|reset)|Broken pipe|closed by remote host|not responding|mux_client|control socket/i;

/** Why a channel could not be opened, or ended of itself, by what was said on standard error until then. */
export function unreachable(spec: HostSpec, said: string): HostUnreachable {
  for (const [pattern, say, why] of causes) {
    const match = pattern.exec(said);
    if (match === null) continue;
    const reason = say(spec, match);
    if (why === undefined) return new HostUnreachable(spec.name, reason);
    return new NotThatUser(spec.name, reason, why, say({ ...spec, name: "NAME" }, match));
  }
  const last = said.trim().split("\n").pop()?.trim() ?? "";
  if (last !== "" && !cut.test(said)) return new HostUnreachable(spec.name, `${byHand(spec)} failed: ${last}`);
  return new ConnectionCut(
    spec.name,
    `the connection to ${destinationOf(spec)} was cut${last === "" ? "" : ` (${last})`}; was the host switched off, or the network?`,
  );
}

/** Why a login did not come to an end in time. */
export function slow(spec: HostSpec, within: number): ConnectionCut {
  return new ConnectionCut(
    spec.name,
    `no answer within ${Math.round(within / 1000)} s from ${destinationOf(spec)} after ssh was started: does ${byHand(spec)} give a shell?`,
  );
}
