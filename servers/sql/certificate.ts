import { X509Certificate } from "node:crypto";
import { connect } from "node:tls";
import { SqlUnreachable } from "./session.js";
import { type Heard, type Located, listeningOf, streamOn } from "./stream.js";
import { shownPlace, type Way, waysTo } from "./way.js";

/** Milliseconds. */
const patience = 3000;

/** SSLRequest of the frontend protocol: its length, then a number that is no version. */
const request = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]);

/**
 * The certificate that a server presents now, whoever signed it; undefined where it offers no TLS. Asks for no session, so
 * a warm standby answers too, and says nothing but that it asks.
 * @param reading whether what the same refresh has read counts @throws SqlUnreachable where it does not answer
 */
export function presentedBy(
  server: Located,
  signal?: AbortSignal,
  reading = false,
): Promise<X509Certificate | undefined> {
  // At a Unix socket nobody presents one.
  return presentedBySome(server, (ways) => ways.filter(isByAddress), signal, reading);
}

/** Whether a server says anything at all where it listens, which need not be where it is declared to: at no address, its Unix socket. */
export async function isAnswering(server: Located, signal?: AbortSignal): Promise<boolean> {
  try {
    await presentedBySome(server, (ways) => (ways.some(isByAddress) ? ways.filter(isByAddress) : ways), signal, false);
    return true;
  } catch {
    signal?.throwIfAborted();
    return false;
  }
}

function isByAddress({ by }: Way): boolean {
  return by !== "owner";
}

async function presentedBySome(
  server: Located,
  some: (ways: readonly Way[]) => readonly Way[],
  signal: AbortSignal | undefined,
  reading: boolean,
): Promise<X509Certificate | undefined> {
  let why: unknown;
  try {
    for (const way of some(waysTo(server, await listeningOf(server, reading)))) {
      const stream = await streamOn(server, way, patience, signal);
      try {
        return await presentedOn(stream, way, signal);
      } catch (error) {
        why = error;
        if (stream.bytesRead !== 0) break;
      } finally {
        stream.destroy();
      }
    }
  } catch (error) {
    why = error;
  }
  signal?.throwIfAborted();
  if (why instanceof SqlUnreachable) throw why;
  const { message } = (why ?? new Error("it listens on no address")) as Error;
  throw new SqlUnreachable(shownPlace(server), "other", message, { cause: why });
}

function presentedOn(
  stream: Heard,
  { to }: Way,
  signal: AbortSignal | undefined,
): Promise<X509Certificate | undefined> {
  const abort = () => stream.destroy(new Error("stopped on request"));
  signal?.addEventListener("abort", abort, { once: true });
  return new Promise<X509Certificate | undefined>((resolve, reject) => {
    const fail = (why: string, cause?: Error) =>
      reject(new SqlUnreachable(shownPlace(to), "other", why, cause === undefined ? {} : { cause }));
    const failed = (error: Error) => fail(error.message, error);
    const late = setTimeout(() => fail(`does not answer within ${patience / 1000} s`), patience);
    stream.once("error", failed);
    stream.once("close", () => {
      clearTimeout(late);
      fail("ended the connection");
    });
    stream.once("data", (answer: Buffer) => {
      if (answer.toString("latin1", 0, 1) !== "S") return resolve(undefined);
      const secured = connect({ socket: stream, rejectUnauthorized: false }, () =>
        resolve(new X509Certificate(secured.getPeerCertificate().raw)),
      );
      secured.once("error", failed);
    });
    stream.write(request);
  }).finally(() => signal?.removeEventListener("abort", abort));
}
