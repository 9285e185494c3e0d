import { connect, type Socket } from "node:net";
import type { HostSpec, Port, SocketFile } from "./host.js";
import { connectForwarded } from "./ssh/localForward.js";

/**
 * Connects to a port of a host as the host's own programs would: on this machine at once, over SSH through the connection to
 * the host. That one stands at once and ends before its first byte where nothing listens there, or sshd lets nobody forward:
 * which of the two, `pipeOn` tells. @throws HostUnreachable, and the system's own error where nothing listens on this machine
 */
export async function connectOn(spec: HostSpec, to: Port, signal?: AbortSignal): Promise<Socket> {
  return spec.transport === "ssh"
    ? connectForwarded(spec, to, (path) => connected(connect(path), signal))
    : connectFromHere(to, signal);
}

/** Where this machine reaches a port of a host: over SSH, at a socket of its own. @throws as `connectOn` */
export async function placeFromHere(spec: HostSpec, to: Port, signal?: AbortSignal): Promise<Port | SocketFile> {
  if (spec.transport !== "ssh") return to;
  return connectForwarded(spec, to, async (path) => {
    (await connected(connect(path), signal)).destroy();
    return { path };
  });
}

/** Connects by TCP, from this machine. */
export function connectFromHere({ address, port }: Port, signal?: AbortSignal): Promise<Socket> {
  return connected(connect(port, address), signal);
}

/** The socket once it stands; nobody else listens to it then. */
function connected(socket: Socket, signal?: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const abort = () => socket.destroy(new Error("stopped on request"));
    const settle = () => {
      signal?.removeEventListener("abort", abort);
      socket.removeAllListeners("connect").removeAllListeners("error");
      // Until whoever it is given to listens.
      socket.on("error", () => undefined);
    };
    if (signal?.aborted === true) abort();
    signal?.addEventListener("abort", abort, { once: true });
    socket.once("connect", () => {
      settle();
      resolve(socket);
    });
    socket.once("error", (error) => {
      settle();
      reject(error);
    });
  });
}
