import { createSocket } from "node:dgram";
import { isIP, type Socket } from "node:net";
import type { Port } from "../hosts/host.js";
import { connectFromHere } from "../hosts/listener.js";
import { forwardingTo } from "../hosts/ssh/forwarding.js";
import { ownAddress } from "../postgres/postmaster.js";
import { splitIdentifiers } from "../postgres/settings/lists.js";
import type { HostFacts, Reached } from "./facts.js";
import type { ServerRequest } from "./request.js";

/** Milliseconds in which a port answers this machine. */
const patience = 2_000;

/**
 * Tries the way that SQL takes to a server's port, where it is the only one: by TCP, where the stack says so; through SSH, where
 * its host has no perl. That costs a login, or this long at most. Never fails.
 */
export async function reach(
  server: ServerRequest,
  { missingTools }: Pick<HostFacts, "missingTools">,
): Promise<Reached | undefined> {
  const { host, address, port, settings } = server;
  if (host.transport !== "ssh") return undefined;
  if (host.sessions === "direct") return tryTcp({ address, port });
  if (!missingTools.includes("perl")) return undefined;
  const [first] = splitIdentifiers(settings.listen_addresses ?? "localhost") ?? [];
  if (first === undefined) return { by: "forwarding", is: "unknown" };
  const to = { address: ownAddress(first, address), port };
  return { by: "forwarding", to, is: await forwardingTo(host, to) };
}

async function tryTcp(to: Port): Promise<Reached> {
  const [is, from] = await Promise.all([answerOf(to), sourceTo(to)]);
  return { by: "tcp", to, is, ...(from === undefined ? {} : { from }) };
}

async function answerOf(to: Port): Promise<Extract<Reached, { by: "tcp" }>["is"]> {
  const late = AbortSignal.timeout(patience);
  let socket: Socket | undefined;
  try {
    socket = await connectFromHere(to, late);
    return "answered";
  } catch (error) {
    if (late.aborted) return "silent";
    return (error as NodeJS.ErrnoException).code === "ECONNREFUSED" ? "refused" : "noWay";
  } finally {
    socket?.destroy();
  }
}

/** The address from which this machine goes somewhere, as its own routes say: a socket that sends nothing knows it. */
function sourceTo({ address, port }: Port): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket(isIP(address) === 6 ? "udp6" : "udp4");
    const settle = (source?: string) => {
      socket.removeAllListeners().on("error", () => undefined);
      socket.close();
      resolve(source);
    };
    socket.once("error", () => settle());
    socket.connect(port, address, () => settle(socket.address().address));
  });
}
