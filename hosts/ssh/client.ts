import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { connectingEnvironment } from "../environment.js";
import { HostError, type HostSpec, type Port, type SocketFile } from "../host.js";
import { privateFolder } from "../privateFolder.js";
import { Tail } from "../tail.js";

/** Seconds in which a host has to answer at first: TCP, the protocol's start and the exchange of keys. */
export const connectSeconds = 5;

/** Seconds after which a connection that says nothing is cut: three questions of the client's stay without an answer. */
const aliveInterval = 5;

/** Seconds for which a connection is kept for whoever comes next. */
const persistSeconds = 60;

/** What is kept of what ssh says of itself, in bytes. */
const maximalSaid = 64 * 1024;

/** A key of ours, and ssh's hash of the machine, port, user and jump hosts that it resolved. */
const socketName = (key: string) => `${key}-%C`;
/** With what ssh appends to it while it makes one. */
const socketNameLength = 8 + 1 + 40 + ".0123456789abcdef".length;

/** What ssh is given as its destination: a name of ~/.ssh/config, or the address. */
export function destinationOf(spec: HostSpec): string {
  return spec.ssh ?? spec.address;
}

/** The command with which a person tries the same by hand. */
export function byHand(spec: HostSpec): string {
  return ["ssh", ...loginOf(spec), destinationOf(spec)].join(" ");
}

/**
 * Starts the system's ssh: its configuration, jump hosts, agent and known_hosts are the administrator's, and what must
 * hold whatever those say is said here. All of a machine's channels share one connection, also between processes.
 */
export function startSsh(spec: HostSpec, remoteCommand: string): ChildProcessWithoutNullStreams {
  return spawn("ssh", [...options(spec), "--", destinationOf(spec), remoteCommand], {
    stdio: ["pipe", "pipe", "pipe"],
    env: connectingEnvironment("ssh"),
  });
}

/**
 * Starts an ssh of its own that has a port of the host's loopback, which its sshd chooses and ssh says, lead to an address as
 * it is reached from here. It ends with its standard input.
 */
export function startForward(spec: HostSpec, to: Port | SocketFile): ChildProcessWithoutNullStreams {
  const { ClearAllForwardings: _cleared, ...lent } = nothingLent;
  const listen = `127.0.0.1:0:${"path" in to ? to.path : portWord(to)}`;
  const own = { ...connecting, ControlPath: "none", ExitOnForwardFailure: "yes", ...lent, LogLevel: "INFO" };
  const argv = [...optionWords(own), ...loginOf(spec), "-R", listen, "--", destinationOf(spec), "cat >/dev/null"];
  return spawn("ssh", argv, { stdio: ["pipe", "pipe", "pipe"], env: connectingEnvironment("ssh") });
}

/**
 * Has the connection behind a control socket lead a Unix socket of this machine's to a port as its host reaches it; it answers
 * once the socket is there. Nothing is read of ~/.ssh/config: what that forwards is not asked for again. @throws HostError
 */
export async function askForForward(spec: HostSpec, control: string, path: string, to: Port): Promise<void> {
  const listen = `${path}:${portWord(to)}`;
  const argv = ["-F", "none", ...optionWords({ ControlPath: control }), "-O", "forward", "-L", listen, "--", "host"];
  const { code, said } = await talk(argv);
  if (code !== 0) throw new HostError(`the connection to ${spec.name} does not forward: ${said}`);
}

/**
 * Starts an ssh of its own whose standard streams lead to a port as its host reaches it (-W): of its own, since only that one says
 * why it does not (a shared connection knows, and does not tell).
 */
export function startLedOn(spec: HostSpec, to: Port): ChildProcessWithoutNullStreams {
  const { ClearAllForwardings: _cleared, ...lent } = nothingLent;
  const own = { ...connecting, ControlPath: "none", ...lent, LogLevel: "INFO" };
  const argv = [...optionWords(own), ...loginOf(spec), "-W", portWord(to), "--", destinationOf(spec)];
  return spawn("ssh", argv, { stdio: ["pipe", "pipe", "pipe"], env: connectingEnvironment("ssh") });
}

/** The socket of the connection to a host, which stands. @throws HostError where ssh does not say it */
export async function controlSocketOf(spec: HostSpec): Promise<string> {
  const key = keyOf(spec);
  const [one, ...others] = controlSockets().filter((path) => basename(path).startsWith(key));
  if (one !== undefined && others.length === 0) return one;
  // What a changed ~/.ssh/config meant before has one of its own for a while.
  const { said } = await talk(["-G", ...options(spec), "--", destinationOf(spec)]);
  const found = /^controlpath (.+)$/m.exec(said)?.[1];
  if (found === undefined) throw new HostError(`ssh does not say where its control socket for ${spec.name} is`);
  return found;
}

/** Those of all connections, whether they stand or not. */
export function controlSockets(): readonly string[] {
  const folder = controlFolder();
  // While ssh makes one, its name has an ending.
  return readdirSync(folder).flatMap((name) => (name.includes(".") ? [] : [join(folder, name)]));
}

/** Runs an ssh that connects to no host, to its end. */
async function talk(argv: readonly string[]): Promise<{ readonly code: number | null; readonly said: string }> {
  const child = spawn("ssh", argv, { stdio: ["ignore", "pipe", "pipe"], env: connectingEnvironment("ssh") });
  const said = new Tail(maximalSaid);
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text) => said.push(text));
  const late = setTimeout(() => child.kill(), connectSeconds * 1000);
  const code = await new Promise<number | null>((resolve) => {
    child.once("error", () => resolve(null)).once("close", resolve);
  });
  clearTimeout(late);
  return { code, said: said.text.trim() };
}

/** Whether a connection may be there already. It may be stale: its host may have been switched off meanwhile. */
export function mayBeConnected(spec: HostSpec): boolean {
  const key = keyOf(spec);
  return readdirSync(controlFolder()).some((name) => name.startsWith(key));
}

/** Gives up a connection, and with it all channels on it. Never fails, and takes no longer than a second. */
export async function disconnect(spec: HostSpec): Promise<void> {
  const child = spawn("ssh", [...options(spec), "-O", "exit", "--", destinationOf(spec)], {
    stdio: "ignore",
    env: connectingEnvironment("ssh"),
  });
  const ended = new Promise((resolve) => child.once("exit", resolve).once("error", resolve));
  await Promise.race([ended, sleep(1000, undefined, { ref: false })]);
  child.kill("SIGKILL");
}

/** How each connection begins and stays. */
const connecting = {
  BatchMode: "yes",
  StrictHostKeyChecking: "yes",
  UpdateHostKeys: "no",
  ConnectTimeout: connectSeconds,
  ConnectionAttempts: 1,
  ServerAliveInterval: aliveInterval,
  ServerAliveCountMax: 3,
} as const;

function options(spec: HostSpec): string[] {
  const fixed: Readonly<Record<string, string | number>> = {
    ...connecting,
    ControlMaster: "auto",
    ControlPath: controlPath(spec),
    ControlPersist: persistSeconds,
    ...nothingLent,
    // What it says of a failure is what we tell.
    LogLevel: "INFO",
  };
  return [...optionWords(fixed), ...loginOf(spec)];
}

/** Nothing of ours or of the administrator's is lent to the host, and nothing else happens by the way. */
export const nothingLent = {
  ForwardAgent: "no",
  ForwardX11: "no",
  ClearAllForwardings: "yes",
  PermitLocalCommand: "no",
  RemoteCommand: "none",
  RequestTTY: "no",
} as const;

function portWord({ address, port }: Port): string {
  return `${address.includes(":") ? `[${address}]` : address}:${port}`;
}

/** Options of ssh_config(5) as words of a command. */
export function optionWords(options: Readonly<Record<string, string | number>>): string[] {
  return Object.entries(options).flatMap(([name, value]) => ["-o", `${name}=${value}`]);
}

function loginOf({ login }: HostSpec): string[] {
  return login === undefined ? [] : ["-l", login];
}

/** By the machine that ssh finds, so that a changed ~/.ssh/config never meets an old connection; and by a key of ours. */
function controlPath(spec: HostSpec): string {
  return join(controlFolder(), socketName(keyOf(spec)));
}

function keyOf(spec: HostSpec): string {
  const asked = JSON.stringify([destinationOf(spec), spec.login]);
  return createHash("sha256").update(asked).digest("hex").slice(0, 8);
}

function controlFolder(): string {
  return privateFolder("ssh", socketNameLength);
}
