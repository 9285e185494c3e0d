import { createServer } from "node:net";
import * as grpc from "@grpc/grpc-js";
import { needPeers, userBehind } from "../../hosts/peer.js";

/**
 * Has `server` answer on a port of loopback that the kernel chooses, and only programs of our own OS user: whoever else
 * reaches that port could have us do whatever we may do, here and on the hosts. Not a byte of a stranger's is read.
 * @param refused called with the user who was turned away, undefined where that could not be told; once a user
 * @throws where it cannot be told who calls
 */
export async function listenToOwnUser(
  server: grpc.Server,
  refused: (uid: number | undefined) => void,
): Promise<number> {
  // Nothing but Linux tells who is behind a connection.
  const own = process.platform === "linux" ? process.getuid?.() : undefined;
  if (own !== undefined) await needPeers();
  const told = new Set<number | undefined>();
  const injector = server.createConnectionInjector(grpc.ServerCredentials.createInsecure());
  const listener = createServer({ pauseOnConnect: true }, (socket) => {
    const broken = () => socket.destroy();
    socket.once("error", broken);
    const answer = () => {
      if (socket.destroyed) return;
      socket.off("error", broken);
      injector.injectConnection(socket);
      socket.resume();
    };
    const refuse = (uid: number | undefined) => {
      socket.destroy();
      if (told.has(uid)) return;
      told.add(uid);
      refused(uid);
    };
    if (own === undefined) answer();
    else
      userBehind(socket)
        .catch(() => undefined)
        .then((uid) => (uid === own ? answer() : refuse(uid)));
  });
  return new Promise((resolve, reject) => {
    listener.once("error", reject);
    listener.listen({ host: "127.0.0.1", port: 0 }, () => {
      const address = listener.address();
      if (address === null || typeof address === "string") reject(new Error("no port was given"));
      else resolve(address.port);
    });
  });
}
