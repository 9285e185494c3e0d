import { X509Certificate } from "node:crypto";
import { Socket } from "node:net";
import { connect } from "node:tls";
import { type Address, SqlUnreachable } from "./session.js";

/** Milliseconds. */
const patience = 3000;

/** SSLRequest of the frontend protocol: its length, then a number that is no version. */
const request = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]);

/**
 * The certificate that a server presents now, whoever signed it; undefined where it offers no TLS. Asks for no session, so
 * a warm standby answers too, and says nothing but that it asks. @throws SqlUnreachable where it does not answer
 */
export async function presentedBy(
  { address, port }: Pick<Address, "address" | "port">,
  signal?: AbortSignal,
): Promise<X509Certificate | undefined> {
  const socket = new Socket();
  const abort = () => socket.destroy(new Error("stopped on request"));
  signal?.addEventListener("abort", abort, { once: true });
  try {
    return await new Promise((resolve, reject) => {
      const fail = (why: string, cause?: Error) =>
        reject(new SqlUnreachable(`${address}:${port}`, "other", why, cause === undefined ? {} : { cause }));
      const failed = (error: Error) => fail(error.message, error);
      socket.setTimeout(patience, () => fail(`does not answer within ${patience / 1000} s`));
      socket.once("error", failed);
      socket.once("close", () => fail("ended the connection"));
      socket.once("data", (answer) => {
        if (answer.toString("latin1", 0, 1) !== "S") return resolve(undefined);
        const secured = connect({ socket, rejectUnauthorized: false }, () =>
          resolve(new X509Certificate(secured.getPeerCertificate().raw)),
        );
        secured.once("error", failed);
      });
      socket.connect(port, address, () => socket.write(request));
    });
  } finally {
    signal?.removeEventListener("abort", abort);
    socket.destroy();
  }
}
