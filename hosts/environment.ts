/**
 * What programs that pgsite starts on this machine get of its environment: what they are known to use, and nothing else.
 * Pulumi's passphrase stands there, a token of the back end, whatever a pipeline keeps there; and some of these programs outlive
 * us, or are others'. Each is listed with what it is for.
 */

/** Where a program finds others and what its user has. */
const everybody = {
  PATH: "programs; of ssh: ProxyCommand, Match exec",
  HOME: "its user's own files",
  USER: "who that is",
  LOGNAME: "the same",
  SHELL: "ssh runs ProxyCommand and Match exec in it",
  TMPDIR: "temporary files",
  TZ: "times",
  XDG_RUNTIME_DIR: "sockets of agents and of a rootless Docker",
};

const ssh = {
  SSH_AUTH_SOCK: "the agent",
  SSH_AGENT_PID: "the same",
  SSH_ASKPASS: "asks for the touch of a security key",
  SSH_ASKPASS_REQUIRE: "the same",
  DISPLAY: "where that appears",
  WAYLAND_DISPLAY: "the same",
  XAUTHORITY: "the same",
  DBUS_SESSION_BUS_ADDRESS: "the same",
  SSH_SK_PROVIDER: "the library of security keys",
  KRB5CCNAME: "Kerberos tickets",
  KRB5_CONFIG: "the same",
};

/** With ssh's, by which it reaches `DOCKER_HOST=ssh://…`. */
const docker = {
  ...ssh,
  DOCKER_HOST: "the engine",
  DOCKER_CONTEXT: "the same",
  DOCKER_CONFIG: "contexts and certificates",
  DOCKER_CERT_PATH: "certificates",
  DOCKER_TLS: "whether they are used",
  DOCKER_TLS_VERIFY: "the same",
  DOCKER_API_VERSION: "an older engine",
  HTTP_PROXY: "the way to the engine",
  HTTPS_PROXY: "the same",
  NO_PROXY: "the same",
  http_proxy: "the same",
  https_proxy: "the same",
  no_proxy: "the same",
};

/** A site's own command. It may go on to other hosts by ssh. */
const hook = {
  ...ssh,
  LANG: "its messages",
  LC_ALL: "the same",
  LC_CTYPE: "the same",
  LC_MESSAGES: "the same",
};

const users = { ssh, docker, hook } as const;

/** Names, set apart by spaces, that somebody's ProxyCommand, ~/.ssh/config or hook needs beside these. */
const more = "PGSITE_PASS_ENVIRONMENT";

/** What `user` gets of an environment. @param from @default ours */
export function environmentFor(user: keyof typeof users, from: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
  const asked = (from[more] ?? "").split(/\s+/).filter((name) => name !== "");
  const names = [...Object.keys(everybody), ...Object.keys(users[user]), ...asked];
  return Object.fromEntries(names.flatMap((name) => (from[name] === undefined ? [] : [[name, from[name]]])));
}

/** The same for what connects us to a host, whose messages are to be English. */
export function connectingEnvironment(user: "ssh" | "docker"): NodeJS.ProcessEnv {
  return { ...environmentFor(user), LC_ALL: "C" };
}
