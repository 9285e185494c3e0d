import { createHash } from "node:crypto";
import { readdirSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { HostError, type HostSpec, type Port } from "../host.js";
import { privateFolder } from "../privateFolder.js";
import type { Session } from "../shell/session.js";
import { sessionOf } from "../shell/sessions.js";
import { askForForward, controlSocketOf, controlSockets } from "./client.js";
import { sshTransport } from "./transport.js";

/** A connection's socket and a port on its host, each as so many digits of a hash. */
const digits = 12;
const nameLength = 2 * digits + 1;

/** Forwards that are being asked for: whoever wants the same one waits for it. */
const asking = new Map<string, Promise<void>>();

/**
 * Connects through a socket of this machine's that the connection to a host leads on to a port there. There is one for each
 * connection and port, which all processes of ours share, and which lasts as long as that connection. A port that a server has
 * left is another socket's, and so never comes up again. @throws HostUnreachable @throws HostError where that connection does not forward
 */
export async function connectForwarded<T>(spec: HostSpec, to: Port, connect: (path: string) => Promise<T>): Promise<T> {
  // It tells why there is no connection, and makes one.
  const session = await sessionOf(sshTransport(spec));
  if (forbidden.get(session)?.has(portKey(to)) === true) {
    throw new HostError(`the connection to ${spec.name} does not forward to ${to.address}:${to.port}`);
  }
  const control = await controlSocketOf(spec);
  const path = join(forwardFolder(), `${hashOf(basename(control))}-${hashOf(portKey(to))}`);
  try {
    return await connect(path);
  } catch (error) {
    if (!isGone(error)) throw error;
  }
  const begun = asking.get(path) ?? ask(spec, control, path, to).finally(() => asking.delete(path));
  asking.set(path, begun);
  await begun;
  return connect(path);
}

/** Ports to which a host's sshd forwards nothing, for as long as our session there lasts. */
const forbidden = new WeakMap<Session, Set<string>>();

/** Somebody found out that something listens at a port of a host, and that no connection is forwarded there. */
export async function forwardsNot(spec: HostSpec, to: Port): Promise<void> {
  const session = await sessionOf(sshTransport(spec));
  forbidden.set(session, (forbidden.get(session) ?? new Set()).add(portKey(to)));
}

function portKey({ address, port }: Port): string {
  return JSON.stringify([address, port]);
}

/** Nobody listens behind the socket's file, or there is none. */
function isGone(error: unknown): boolean {
  return ["ENOENT", "ECONNREFUSED"].includes((error as NodeJS.ErrnoException).code ?? "");
}

async function ask(spec: HostSpec, control: string, path: string, to: Port): Promise<void> {
  sweep();
  rmSync(path, { force: true });
  await askForForward(spec, control, path, to);
}

/** ssh leaves its sockets behind: those of connections that are gone. */
function sweep(): void {
  const alive = new Set(controlSockets().map((path) => hashOf(basename(path))));
  for (const name of readdirSync(forwardFolder())) {
    if (!alive.has(name.slice(0, digits))) rmSync(join(forwardFolder(), name), { force: true });
  }
}

function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, digits);
}

function forwardFolder(): string {
  return privateFolder("forward", nameLength);
}
